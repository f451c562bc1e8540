import Foundation
import Testing

extension CommandTests {
  @Suite struct Tokenizers {
    @Test func textComesBackUnchanged() throws {
      let desk = try Desk()
      let text = "\n Naïve — \t 10 €?  🦉\r\nThe old fox. "
      let encoded = try Command.run(
        "tokenizer", "encode", "--tokenizer", desk.workspace.tokenizer, input: Data(text.utf8))
      #expect(encoded.code == 0)
      #expect(encoded.output.allSatisfy { $0.isNumber || $0.isWhitespace })
      let decoded = try Command.run(
        "tokenizer", "decode", "--tokenizer", desk.workspace.teacher, input: Data(encoded.output.utf8))
      #expect(decoded.output == text)
      #expect(decoded.errors.isEmpty)
    }

    @Test func encodingAsJSONHasIDsAndPieces() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "tokenizer", "encode", "--tokenizer", desk.workspace.tokenizer, "--json", "The fox")
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: [Any]])
      #expect(object["ids"]?.count == object["pieces"]?.count)
      #expect(outcome.output.hasSuffix("}\n"))
    }

    @Test func inspectionShowsDigestAndPieces() throws {
      let desk = try Desk()
      let outcome = try Command.run("tokenizer", "inspect", desk.workspace.tokenizer, "--json")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      #expect(object["pieces"] as? Int == Workspace.vocabularySize)
      #expect((object["digest"] as? String)?.count == 64)
      #expect(object["lossless"] as? Bool == true)
      let plain = try Command.run("tokenizer", "inspect", desk.workspace.tokenizer)
      #expect(plain.output.contains(try #require(object["digest"] as? String)))
      let pieces = try Command.run("tokenizer", "inspect", desk.workspace.tokenizer, "--pieces")
      #expect(pieces.output.split(separator: "\n").count == Workspace.vocabularySize)
    }

    @Test(arguments: ["300", "-1", "x"])
    func idsOutsideTheVocabularyAreNamed(id: String) throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "tokenizer", "decode", "--tokenizer", desk.workspace.tokenizer, input: Data("5 \(id)".utf8))
      #expect(outcome.code == 1)
      #expect(outcome.errors == "error: \"\(id)\" is not a token id; expected 0 to 299\n")
      #expect(outcome.output.isEmpty)
    }

    @Test func existingTokenizerIsNotOverwritten() throws {
      let desk = try Desk()
      let file = try desk.write("mine", to: "tokenizer.model")
      let outcome = try Command.run("tokenizer", "train", "--text", desk.workspace.text, "--output", file)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("\(file): exists already and will not be overwritten"))
      #expect(try desk.text("tokenizer.model") == "mine")
    }

    @Test func fullStandardOutputIsAnError() throws {
      let desk = try Desk()
      let outcome = try Command.shell(
        "$limbeck tokenizer inspect '\(desk.workspace.tokenizer)' --json > /dev/full")
      #expect(outcome.code == 1)
      #expect(outcome.errors.hasPrefix("error: standard output: cannot be written"))
    }
  }
}
