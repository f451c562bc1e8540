import Foundation
import Testing

@testable import LimbeckCommand

@Suite struct ChatInputTests {
  private func turns(_ lines: String...) -> [ChatInput.Turn] {
    var rest = lines[...]
    var input = ChatInput { _ in rest.popFirst() }
    var turns: [ChatInput.Turn] = []
    while let turn = input.next() { turns.append(turn) }
    return turns
  }

  @Test func everyLineIsAMessage() {
    #expect(
      turns("one", "", "  ", "  two ", "a \"\"\" b") == [.message("one"), .message("  two "), .message("a \"\"\" b")])
  }

  @Test func messagesOfSeveralLines() {
    #expect(turns("\"\"\"", "one", "", "/two", "\"\"\"", "three") == [.message("one\n\n/two"), .message("three")])
    #expect(turns("\"\"\"one", "two\"\"\"") == [.message("one\ntwo")])
    #expect(turns("\"\"\"one\"\"\"", "two") == [.message("one"), .message("two")])
    #expect(turns("\"\"\"one", "two") == [.message("one\ntwo")])
    #expect(turns("one \\", "two\\", "three", "four") == [.message("one \ntwo\nthree"), .message("four")])
    #expect(turns("one\\") == [.message("one")])
  }

  @Test func commands() {
    #expect(turns("/help", " /reset ", "/exit") == [.help, .reset, .exit])
    guard case .unknown(let message) = turns("/rest").first else {
      Issue.record("/rest is no command")
      return
    }
    #expect(message.contains("unknown command '/rest'; did you mean '/reset'?"))
  }
}

extension CommandTests {
  @Suite struct ChatCommand {
    @Test func everyLineOfAPipeIsAnswered() throws {
      let desk = try Desk()
      func answers(_ lines: String, _ flags: String...) throws -> Outcome {
        let outcome = try Command.run(
          ["chat", "--model", desk.workspace.teacher, "--max-tokens", "6", "--temperature", "0"] + flags,
          input: Data(lines.utf8))
        #expect(outcome.code == 0, "\(outcome.errors)")
        return outcome
      }
      let two = try answers("The old fox\nThe queen\n", "--verbose")
      let first = try answers("The old fox\n").output
      #expect(two.output.hasPrefix(first + "\n") && two.output.hasSuffix("\n"))
      #expect(!two.output.contains("> "))
      let kept = two.errors.split(separator: "\n").compactMap { line in
        line.firstMatch(of: /(\d+) kept/).flatMap { Int($0.output.1) }
      }
      #expect(kept.count == 2 && kept[0] == 0 && kept[1] > 6, "\(two.errors)")
      #expect(try answers("The old fox\n/reset\nThe old fox\n").output == "\(first)\n\(first)")
      #expect(try answers("The old fox\n/exit\nThe queen\n").output == first)
      #expect(try answers("The old fox\n", "--draft", desk.workspace.teacher).output == first)
    }

    @Test func templatesAreThoseOfTheFolder() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("model")
      func chat(_ flags: String...) throws -> Outcome {
        try Command.run(["chat", "--model", folder, "--max-tokens", "2"] + flags, input: Data("The fox\n".utf8))
      }
      _ = try desk.write("{\"chat_template\": \"### Instruction:\"}", to: "model/tokenizer_config.json")
      let refused = try chat()
      #expect(refused.code == 1 && refused.output.isEmpty)
      #expect(refused.errors.hasPrefix("error: \(folder)/tokenizer_config.json: chat_template: expected "))
      #expect(try chat("--no-template").code == 0)
      #expect(try chat("--template", "chatml").code == 0)
      #expect(try chat("--template", "chatml", "--no-template").code == 64)
      #expect(try chat("--template", "chatlm").errors.contains("did you mean 'chatml'?"))
    }

    @Test func messagesBeyondTheContextAreAnError() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        ["chat", "--model", desk.workspace.teacher], input: Data(String(repeating: "zebra ", count: 60).utf8))
      #expect(outcome.code == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.contains("context of 64"), "\(outcome.errors)")
    }
  }
}
