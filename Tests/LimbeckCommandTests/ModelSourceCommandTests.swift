import Foundation
import LanguageModels
import Limbeck
import TestSupport
import Testing

@testable import LimbeckCommand

extension CommandTests {
  /// Where models come from: sizes, configurations, folders, links and runs.
  @Suite struct ModelSources {
    private func train(_ desk: Desk, _ model: String, _ output: String, _ flags: String...) throws -> Outcome {
      try Command.run(
        [
          "train", "--model", model, "--text", desk.workspace.text, "--output", desk.path(output), "--steps", "2",
          "--batch-size", "2", "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    private func json(_ text: String) throws -> [String: Any] {
      try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func aSizeIsEnough() throws {
      let desk = try Desk()
      let outcome = try train(desk, "0.06M", "sized", "--tokenizer", desk.workspace.tokenizer)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let inspected = try json(Command.run("inspect", desk.path("sized"), "--json").output)
      #expect(inspected["vocabulary_size"] as? Int == Workspace.vocabularySize)
      #expect(inspected["context_length"] as? Int == 16 && inspected["hidden_size"] as? Int == 32)
      #expect(inspected["layers"] as? Int == 4 && inspected["feed_forward_size"] as? Int == 96)
      let distilled = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", "60K", "--text", desk.workspace.text, "--output",
        desk.path("student"), "--steps", "1", "--batch-size", "2", "--sequence-length", "16")
      #expect(distilled.code == 0, "\(distilled.errors)")
    }

    /// A model that is far from the size that was asked for says so, and why.
    @Test func aSizeThatCannotBeIsWarnedOf() throws {
      let desk = try Desk()
      let small = try train(desk, "20K", "small", "--tokenizer", desk.workspace.tokenizer)
      #expect(small.code == 0)
      #expect(
        small.errors.contains(
          "warning: the model's size: parameters: expected about 20,000, found 63,136; the smallest has 32 channels: "
            + "for a smaller one give a config.json"), "\(small.errors)")
      func remark(_ size: String, vocabularySize: Int) throws -> String? {
        let size = try #require(ModelSize(size))
        return DecoderConfiguration(
          parameters: size.parameters, vocabularySize: vocabularySize, contextLength: 64, tokenizer: ByteTokenizer()
        ).remark(onSize: size)?.description
      }
      #expect(
        try remark("3M", vocabularySize: 262_144)
          == "the model's size: parameters: expected about 3,000,000, found 8,442,144; embedding and head, 262,144 "
          + "tokens of 32 channels, have 8,388,608 of them: cut the vocabulary with limbeck vocabulary, or give a "
          + "larger size")
      for (size, vocabularySize) in [("3M", 2048), ("500K", 2048), ("260K", 512), ("1B", 32_000)] {
        #expect(try remark(size, vocabularySize: vocabularySize) == nil)
      }
    }

    @Test func addedTokensWithoutARowAreWarnedOf() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("added")
      try Data(#"{"<x>": 99999}"#.utf8).write(to: URL(fileURLWithPath: "\(folder)/added_tokens.json"))
      let outcome = try Command.run("perplexity", "--model", folder, "--text", desk.workspace.heldOut)
      #expect(outcome.code == 0 && outcome.errors.contains("added token <x>: read as plain text"), "\(outcome.errors)")
    }

    @Test func whatAConfigurationLeavesOutIsTheTokenizers() throws {
      let desk = try Desk()
      let least =
        #"{"model_type": "llama", "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "#
        + #""num_attention_heads": 2}"#
      let outcome = try train(desk, desk.write(least, to: "least.json"), "run", "--tokenizer", desk.workspace.tokenizer)
      #expect(outcome.code == 0 && !outcome.errors.contains("warning"), "\(outcome.errors)")
      let written = try json(desk.text("run/config.json"))
      #expect(written["vocab_size"] as? Int == Workspace.vocabularySize)
      let wide = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 512), to: "wide.json")
      let warned = try train(desk, wide, "wide", "--tokenizer", desk.workspace.tokenizer)
      #expect(warned.code == 0)
      #expect(
        warned.errors.contains("wide.json: vocab_size: expected about the tokenizer's 300 tokens, found 512; "),
        "\(warned.errors)")
      let padded = try desk.write(Workspace.configuration(hiddenSize: 16, vocabularySize: 384), to: "padded.json")
      #expect(try !train(desk, padded, "padded", "--tokenizer", desk.workspace.tokenizer).errors.contains("warning"))
    }

    @Test func aConfigurationIsInspected() throws {
      let desk = try Desk()
      let outcome = try Command.run("inspect", desk.workspace.largeConfiguration)
      #expect(outcome.code == 0, "\(outcome.errors)")
      let teacher = try json(Command.run("inspect", desk.workspace.teacher, "--json").output)
      let sizes = try json(Command.run("inspect", desk.workspace.largeConfiguration, "--json").output)
      let parameters = try #require(sizes["parameters"] as? Int)
      #expect(parameters == teacher["parameters"] as? Int)
      #expect(sizes["training_bytes"] as? Int == 16 * parameters)
      for fact in ["memory to run", "memory to train", "layers"] { #expect(outcome.output.contains(fact)) }
      let folder = try Command.run("inspect", desk.workspace.teacher).output
      #expect(folder.contains("digest of the weights") && folder.contains("digest of the tokenizer"))
      let strays = try desk.write(
        Workspace.configuration(hiddenSize: 16, changing: ["eos_token_id": "[2, 999]"]), to: "stray.json")
      #expect(
        try Command.run("inspect", strays).errors.contains("eos_token_id: expected ids below the vocab_size of 300"))
    }

    @Test func aConfigurationMayLeaveTheVocabularyToTheTokenizer() throws {
      let desk = try Desk()
      let whole = try json(Command.run("inspect", desk.workspace.largeConfiguration, "--json").output)
      let text = try String(contentsOfFile: desk.workspace.largeConfiguration, encoding: .utf8)
      let file = try desk.write(
        text.replacing("\"vocab_size\": 300, ", with: "").replacing(", \"vocab_size\": 300", with: ""), to: "c.json")
      let outcome = try Command.run("inspect", file)
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output.contains("that of the tokenizer, for config.json has no vocab_size"))
      let sizes = try json(Command.run("inspect", file, "--json").output)
      #expect(sizes["vocabulary_size"] == nil && sizes["parameters"] == nil)
      let others = try #require(sizes["non_embedding_parameters"] as? Int)
      #expect(others == whole["non_embedding_parameters"] as? Int)
      #expect(outcome.output.contains("\(others) without embedding and head") || others >= 1000)
    }

    @Test func aSizeThatIsAlsoAFileIsRefused() throws {
      let desk = try Desk()
      try FileManager.default.createDirectory(atPath: desk.path("small"), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: desk.workspace.teacher, toPath: desk.path("2K"))
      func train(_ model: String, _ output: String) throws -> Outcome {
        try Command.run(
          [
            "train", "--model", model, "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text,
            "--output", output, "--steps", "1", "--batch-size", "2", "--sequence-length", "16",
          ], in: desk.folder)
      }
      for (model, other) in [("small", "3M"), ("2K", "2.0K")] {
        let refused = try train(model, "run")
        #expect(refused.code == 1 && !desk.exists("run"))
        #expect(
          refused.errors.contains("found both; write ./\(model) for the path, or \(other) for the size"),
          "\(refused.errors)")
      }
      #expect(try train("./2K", "path").errors.contains("wrote path"))
      #expect(try train("2.0K", "size").errors.contains("wrote size"))
      let none = try train("5X", "run")
      #expect(none.code == 1 && none.errors.contains("5X: no such file or folder; expected a config.json, a model"))
      #expect(none.errors.contains("260K, 3M, 1.5B or small"))
    }

    @Test func linksAreFollowed() throws {
      let desk = try Desk()
      try FileManager.default.createSymbolicLink(
        atPath: desk.path("link"), withDestinationPath: desk.workspace.teacher)
      let link = desk.path("link")
      #expect(try Command.run("perplexity", "--model", link, "--text", desk.workspace.heldOut).code == 0)
      #expect(try Command.run("tokenizer", "encode", "--tokenizer", link, "The fox").code == 0)
      #expect(try train(desk, link, "trained").code == 0)
      let distilled = try Command.run(
        "distill", "--teacher", link, "--student", link, "--text", desk.workspace.text, "--output",
        desk.path("student"), "--steps", "1", "--batch-size", "2", "--sequence-length", "16")
      #expect(distilled.code == 0, "\(distilled.errors)")
    }

    @Test func anUnfinishedRunIsItsNewestCheckpoint() throws {
      let desk = try Desk()
      let call = try Command([
        "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--text",
        desk.workspace.text, "--output", desk.path("run"), "--steps", "100000", "--batch-size", "2",
        "--sequence-length", "16", "--checkpoint-every", "2",
      ])
      try call.send(SIGINT, when: desk.path("run/checkpoints/step-00000002"))
      #expect(try call.outcome().code != 0 && !desk.exists("run/config.json"))
      for arguments in [
        ["perplexity", "--model", desk.path("run"), "--text", desk.workspace.heldOut],
        ["generate", "--model", desk.path("run"), "--prompt", "The", "--max-tokens", "2"],
        [
          "compare", "--teacher", desk.workspace.teacher, "--student", desk.path("run"), "--text",
          desk.workspace.heldOut,
        ],
        ["student", "--from", desk.path("run"), "--output", desk.path("cut")],
        ["chat", "--model", desk.path("run"), "--max-tokens", "2"],
        [
          "train", "--model", desk.path("run"), "--text", desk.workspace.text, "--output", desk.path("more"), "--steps",
          "1", "--batch-size", "2", "--sequence-length", "16",
        ],
      ] {
        let outcome = try Command.run(arguments)
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("the run is not finished; its newest checkpoint is taken, of step"))
      }
    }

    @Test func aTokenizerCanBeGivenWhereAFolderHasNone() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("bare")
      for name in ["tokenizer.model", "tokenizer.json", "tokenizer_config.json"] {
        try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
      }
      let text = desk.workspace.heldOut
      let refused = try Command.run("perplexity", "--model", folder, "--text", text)
      #expect(refused.code == 1 && refused.errors.contains("the folder has no tokenizer"))
      let tokenizer = desk.workspace.tokenizer
      let given = try Command.run("perplexity", "--model", folder, "--text", text, "--tokenizer", tokenizer, "--json")
      let own = try Command.run("perplexity", "--model", desk.workspace.teacher, "--text", text, "--json")
      let nats = try [given, own].map { try json($0.output)["nats_per_token"] as? Double }
      #expect(nats[0] != nil && nats[0] == nats[1])
      let compared = try Command.run(
        "compare", "--teacher", folder, "--student", folder, "--text", text, "--tokenizer", tokenizer)
      #expect(compared.code == 0, "\(compared.errors)")
      let generated = try Command.run(
        "generate", "--model", folder, "--prompt", "The", "--max-tokens", "2", "--tokenizer", tokenizer)
      #expect(generated.code == 0, "\(generated.errors)")
    }
  }
}
