import Foundation
import Testing
import Tokenization

extension CommandTests {
  @Suite struct VocabularyCommand {
    private func object(_ outcome: Outcome) throws -> [String: Any] {
      try #require(outcome.code == 0, "\(outcome.errors)")
      return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    }

    /// A few lines of the text, which need a part of the vocabulary.
    private func fewLines(_ desk: Desk) throws -> String {
      let lines = try String(contentsOfFile: desk.workspace.text, encoding: .utf8).split(separator: "\n").prefix(2)
      return try desk.write(lines.joined(separator: "\n"), to: "few.txt")
    }

    @Test func aSmallerModelIsWrittenMeasuredAndDistilled() throws {
      let desk = try Desk()
      let (workspace, few) = (desk.workspace, try fewLines(desk))
      let report = try object(
        Command.run(
          "vocabulary", "--from", workspace.teacher, "--text", few, "--validation-text", workspace.heldOut, "--output",
          desk.path("new/small"), "--json"))
      let (size, original) = (report["vocabulary"] as? Int ?? 0, report["original_vocabulary"] as? Int)
      #expect(original == Workspace.vocabularySize && size < Workspace.vocabularySize && size > 256)
      let dropped = try #require(report["dropped"] as? [String: Any])
      #expect((dropped["mean"] as? Double ?? 0) > 0 && (dropped["percentile_99"] as? Double ?? 2) <= 1)
      let (before, after) = (dropped["nats_per_kept_token"] as? Double, dropped["nats_per_kept_token_renormalised"])
      #expect(try #require(before) > (after as? Double ?? .infinity))

      let (old, new) = (
        try loadTokenizer(from: URL(fileURLWithPath: workspace.teacher)),
        try loadTokenizer(from: URL(fileURLWithPath: desk.path("new/small")))
      )
      let text = try String(contentsOfFile: few, encoding: .utf8)
      #expect(new.encode(text).map { new.spelling(of: $0) } == old.encode(text).map { old.spelling(of: $0) })
      let other = try String(contentsOfFile: workspace.heldOut, encoding: .utf8) + "日本 \u{2581}\u{301}"
      #expect(new.decode(new.encode(other)) == other)
      #expect(new.origin?.digest == old.digest && new.digest.hexadecimal == report["digest"] as? String)

      let inspected = try Command.run("inspect", desk.path("new/small"), "--json")
      #expect(inspected.output.contains("\"vocabulary_size\":\(size)"), "\(inspected.output)")
      let student = try Command.run(
        "student", "--from", desk.path("new/small"), "--every", "1", "--output", desk.path("student"))
      #expect(student.code == 0, "\(student.errors)")
      let distilled = try Command.run(
        "distill", "--teacher", desk.path("new/small"), "--student", desk.path("student"), "--text", workspace.text,
        "--output", desk.path("distilled"), "--steps", "2", "--batch-size", "2", "--sequence-length", "16",
        "--learning-rate", "1e-3")
      #expect(distilled.code == 0, "\(distilled.errors)")
      let mixed = try Command.run(
        "compare", "--teacher", workspace.teacher, "--student", desk.path("student"), "--text", workspace.heldOut)
      #expect(mixed.code == 1)
      #expect(mixed.errors.contains("reduced from \(Workspace.vocabularySize) tokens (digest "), "\(mixed.errors)")
    }

    @Test func factsAreToldAndTheWholeTextKeepsTheWholeModel() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "vocabulary", "--from", desk.workspace.teacher, "--text", try fewLines(desk), "--also-text",
        desk.workspace.text, "--also", "1000", "--output", desk.path("small"))
      #expect(outcome.code == 0 && outcome.errors.hasSuffix("wrote \(desk.path("small"))\n"), "\(outcome.errors)")
      for fact in ["of 300 tokens", "the same one by one as before", "reduced from"] {
        #expect(outcome.output.contains(fact), "\(outcome.output)")
      }
      let text = try String(contentsOfFile: desk.workspace.text, encoding: .utf8)
      let (old, new) = (
        try loadTokenizer(from: URL(fileURLWithPath: desk.workspace.teacher)),
        try loadTokenizer(from: URL(fileURLWithPath: desk.path("small")))
      )
      #expect(new.encode(text).map { new.spelling(of: $0) } == old.encode(text).map { old.spelling(of: $0) })
    }

    @Test func whatCannotBeIsRefusedAndNothingIsWritten() throws {
      let desk = try Desk()
      let few = try fewLines(desk)
      func refusal(_ flags: String...) throws -> Outcome {
        try Command.run(["vocabulary", "--from", desk.workspace.teacher] + flags)
      }
      let empty = try desk.write("", to: "empty.txt")
      let nothing = try refusal("--text", empty, "--output", desk.path("new"))
      #expect(nothing.code == 1 && nothing.errors.contains("empty.txt: expected some text, found it empty"))
      let there = try refusal("--text", few, "--output", few)
      #expect(there.code == 1 && there.errors.contains("exists already and will not be overwritten"))
      let kind = try refusal("--text", few, "--output", desk.path("new.gguf"))
      #expect(kind.code == 64, "\(kind.errors)")
      #expect(kind.errors.contains("--output: expected the name of a folder, for a model is"), "\(kind.errors)")
      #expect(kind.errors.hasSuffix("  See 'limbeck vocabulary --help' for more information.\n"), "\(kind.errors)")
      let nowhere = try refusal("--text", few, "--output", "")
      #expect(nowhere.code == 64 && nowhere.errors.contains("--output: expected a path, found an empty one"))
      let alone = try refusal("--text", few, "--output", desk.path("new"), "--also", "3")
      #expect(alone.code == 64 && alone.errors.contains("--also: expected --also-text beside it"), "\(alone.errors)")
      let window = try refusal("--text", few, "--output", desk.path("new"), "--window", "32")
      #expect(window.code == 64, "\(window.errors)")
      #expect(window.errors.contains("--window: expected --validation-text beside it"), "\(window.errors)")
      #expect(!desk.exists("new") && !desk.exists("new.gguf"))
    }

    /// A model that ends texts with an id of which its tokenizer knows nothing.
    @Test func aSignThatWouldBeLostIsTold() throws {
      let desk = try Desk()
      let larger = try desk.write(
        Workspace.configuration(hiddenSize: 16, vocabularySize: Workspace.vocabularySize + 4), to: "larger.json")
      let trained = try desk.train("model", "--model", larger)
      try #require(trained.code == 0, "\(trained.errors)")
      let configuration = try desk.text("model/config.json")
      let changed = configuration.replacing(/"eos_token_id" ?: ?\d+/, with: "\"eos_token_id\": 302")
      try #require(changed != configuration)
      _ = try desk.write(changed, to: "model/config.json")
      let outcome = try Command.run(
        "vocabulary", "--from", desk.path("model"), "--text", fewLines(desk), "--output", desk.path("new"))
      #expect(outcome.code == 1)
      #expect(
        outcome.errors.contains("eos_token_id: expected a token of the tokenizer, which has 300, found 302"),
        "\(outcome.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.folder).allSatisfy { !$0.contains("new") })
    }
  }
}
