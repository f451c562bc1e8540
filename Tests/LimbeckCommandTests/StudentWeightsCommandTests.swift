import Foundation
import GGUF
import Limbeck
import TestSupport
import Testing

extension CommandTests {
  /// `limbeck distill --student-weights`.
  @Suite struct StudentWeights {
    private let desk: Desk

    /// A model with a BPE tokenizer, called "model".
    init() throws {
      desk = try Desk()
      let made = [
        try Command.run(
          "tokenizer", "train", "--text", desk.workspace.text, "--output", "bpe.model", "--vocabulary-size", "300",
          "--algorithm", "bpe", in: desk.folder),
        try Command.run(
          "train", "--model", desk.workspace.largeConfiguration, "--tokenizer", "bpe.model", "--text",
          desk.workspace.text, "--output", "model", "--steps", "10", "--batch-size", "8", "--sequence-length", "16",
          "--learning-rate", "1e-2", in: desk.folder),
      ]
      for outcome in made { try #require(outcome.code == 0, "\(outcome.errors)") }
    }

    private func distil(_ output: String, _ flags: [String]) throws -> Outcome {
      try Command.run(
        [
          "distill", "--student", "model", "--text", desk.workspace.text, "--output", output, "--steps", "4",
          "--batch-size", "4", "--sequence-length", "16",
        ] + flags, in: desk.folder)
    }

    @Test(arguments: ["q8_0", "q4_0"])
    func theExportedFileComputesWhatWasTrained(_ type: String) throws {
      let run = try distil(
        "run", ["--teacher", "model", "--student-weights", type, "--validation-text", desk.workspace.heldOut])
      try #require(run.code == 0, "\(run.errors)")
      let line = type == "q8_0" ? "8 matrices in q8_0" : "7 matrices in q4_0, 1 in q8_0"
      #expect(run.errors.contains("trained for: \(line); vectors in float32\n"), "\(run.errors)")
      #expect(try desk.text("run/recipe.yaml").contains("student-weights: \(type)\n"))
      let again = try Command.run("distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("run/model.safetensors"))

      let exported = try Command.run(
        "export", "--model", "run", "--output", "run.gguf", "--type", type, in: desk.folder)
      try #require(exported.code == 0, "\(exported.errors)")
      let folder = try LanguageModel(contentsOf: URL(fileURLWithPath: desk.path("run")))
      let file = try LanguageModel(contentsOf: URL(fileURLWithPath: desk.path("run.gguf")))
      for (trained, written) in zip(folder.decoder.weights, file.decoder.weights) {
        let (own, other) = (
          trained.parameter.matrix.dense(on: .shared).array(), written.parameter.matrix.dense(on: .shared).array()
        )
        #expect(own.map(\.bitPattern) == other.map(\.bitPattern), "\(trained.role)")
      }
      // its control is trained for the same file
      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(try desk.text("control/recipe.yaml").contains("student-weights: \(type)\n"))
      let (asItIs, rounded) = try (
        LanguageModel(contentsOf: URL(fileURLWithPath: desk.path("control"))),
        LanguageModel(
          contentsOf: URL(fileURLWithPath: desk.path("control")), rounding: GGUFWeightType(rawValue: type))
      )
      for (own, other) in zip(asItIs.decoder.weights, rounded.decoder.weights) {
        let values = own.parameter.matrix.dense(on: .shared).array()
        #expect(values == other.parameter.matrix.dense(on: .shared).array(), "\(own.role)")
      }
    }

    @Test func aCacheAndOwnCompletionsTeachIt() throws {
      let made = try Command.run(
        "cache-teacher", "--teacher", "model", "--text", desk.workspace.text, "--output", "text.cache",
        "--sequence-length", "16", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      for (output, flags) in [
        ("cached", ["--teacher-cache", "text.cache", "--tokenizer", "bpe.model"]),
        ("own", ["--teacher", "model", "--on-policy", "1", "--completion-length", "4", "--prompt-length", "4"]),
        ("states", ["--teacher", "model", "--align-layers", "last"]),
      ] {
        let run = try distil(output, flags + ["--student-weights", "q4_0"])
        try #require(run.code == 0, "\(run.errors)")
        #expect(run.errors.contains("trained for: 7 matrices in q4_0"), "\(run.errors)")
      }
    }

    @Test func badInputIsRefused() throws {
      for (flags, message) in [
        (
          ["--student-weights", "q4_0", "--weights", "bfloat16"],
          "--weights: expected float32 with --student-weights, found bfloat16; it does not hold what q4_0 does"
        ),
        (["--student-weights", "q4_k"], "--student-weights: expected one of q8_0, q4_0, found \"q4_k\""),
      ] {
        let refused = try distil("wrong", ["--teacher", "model"] + flags)
        #expect(refused.code == 64 && refused.errors.contains(message), "\(refused.errors)")
        #expect(!desk.exists("wrong"))
      }
      let training = try desk.train("wrong", "--student-weights", "q4_0")
      #expect(training.code == 64 && training.errors.contains("--student-weights"), "\(training.errors)")
      #expect(!desk.exists("wrong"))
    }
  }
}
