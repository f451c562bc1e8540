import Foundation
import Testing

extension CommandTests {
  /// `--ema-decay`, in both arms.
  @Suite struct WeightAverages {
    private func run(_ desk: Desk, _ output: String, _ arguments: [String]) throws -> Outcome {
      try Command.run(
        arguments + [
          "--text", desk.workspace.text, "--steps", "5", "--batch-size", "4", "--sequence-length", "16",
          "--learning-rate", "1e-2", "--output", desk.path(output),
        ])
    }

    @Test func theStudentIsTheAverageAndSoIsItsControl() throws {
      let desk = try Desk()
      let flags = ["distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration]
      for (name, more) in [("plain", []), ("averaged", ["--ema-decay", "0.5"])] {
        let outcome = try run(desk, name, flags + more)
        try #require(outcome.code == 0, "\(outcome.errors)")
      }
      let checkpoint = "checkpoints/step-00000005/model.safetensors"
      let trained = try desk.data("plain/model.safetensors")
      #expect(try desk.data("averaged/\(checkpoint)") == trained && desk.data("plain/\(checkpoint)") == trained)
      #expect(try desk.data("averaged/model.safetensors") != trained)
      let control = try Command.run(
        "train", "--control-of", desk.path("averaged"), "--output", desk.path("control"))
      try #require(control.code == 0, "\(control.errors)")
      #expect(try desk.text("control/recipe.yaml").contains("ema-decay: 0.5"))
      #expect(desk.exists("control/checkpoints/step-00000005/average.safetensors"))
    }

    @Test(arguments: ["0", "1", "nan"])
    func aDecayThatIsNoneIsRefused(_ decay: String) throws {
      let desk = try Desk()
      let outcome = try run(
        desk, "run",
        [
          "train", "--model", desk.workspace.smallConfiguration, "--tokenizer", desk.workspace.tokenizer, "--ema-decay",
          decay,
        ])
      #expect(outcome.code != 0 && outcome.errors.contains("--ema-decay: expected a number above 0 and below 1"))
      #expect(!desk.exists("run"))
    }
  }
}
