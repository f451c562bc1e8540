import DurableFiles
import TensorCore

/// The calls that make up a demo, in their order.
struct DemoSteps {
  /// Sequences of a step and their length: 1,024 tokens, of which two cores do a few thousand a second.
  static let (batchSize, sequenceLength) = (4, 256)
  private let demo: Demo

  init(_ demo: Demo) { self.demo = demo }

  var all: [CommandStep] {
    [
      CommandStep(
        title: "Tokenizer",
        arguments: ["tokenizer", "train", "--text"] + demo.text
          + ["--vocabulary-size", "\(demo.vocabularySize)", "--algorithm", "bpe", "--output", tokenizer],
        result: tokenizer),
      run(
        "teacher", "learns the text", ["train", "--model", demo.teacher, "--tokenizer", tokenizer],
        steps: 2 * demo.steps, rate: "3e-3"),
      run(
        "control", "a small model that learns from the text alone",
        ["train", "--model", demo.student, "--tokenizer", tokenizer], rate: "8e-3"),
      run(
        "student", "the same small model, the same tokens in the same order, with the teacher",
        ["distill", "--teacher", path("teacher"), "--student", demo.student], rate: "8e-3"),
      CommandStep(
        title: "The three on held-out text",
        arguments: ["compare", "--teacher", path("teacher"), "--student", path("control"), path("student")]
          + ["--generate", "200"] + device,
        result: nil),
      CommandStep(
        title: "The same and more, as a page",
        arguments: ["report", path("student"), "--control", path("control"), "--output", path("report.html")] + device,
        result: path("report.html"), source: path("student/model.safetensors")),
      CommandStep(
        title: "The student as a GGUF file",
        arguments: ["export", "--model", path("student"), "--output", path("student.gguf"), "--type", "q8_0"] + device,
        result: path("student.gguf"), source: path("student/model.safetensors")),
    ] + ["teacher", "control", "student"].map(sample)
  }

  private var tokenizer: String { path("tokenizer.model") }

  private func path(_ name: String) -> String { "\(demo.output)/\(name)" }

  private var device: [String] { demo.device.arguments }

  /// A training run, or the rest of one that was interrupted.
  private func run(
    _ name: String, _ what: String, _ model: [String], steps: Int? = nil, rate: String
  ) -> CommandStep {
    let (folder, steps) = (path(name), steps ?? demo.steps)
    let isBegun = somethingExists(at: "\(folder)/run.json")
    let settings = [
      "--batch-size", "\(Self.batchSize)", "--sequence-length", "\(Self.sequenceLength)", "--learning-rate", rate,
      "--steps", "\(steps)", "--warmup-steps", "\(steps / 8)", "--seed", "\(demo.seed)",
      "--evaluate-every", "\(max(1, steps / 4))", "--checkpoint-every", "\(max(1, steps / 4))",
    ]
    let heldOut =
      demo.validationText.isEmpty ? ["--validation-share", "0.05"] : ["--validation-text"] + demo.validationText
    return CommandStep(
      title: "\(name.prefix(1).uppercased() + name.dropFirst()): \(what)",
      arguments: isBegun
        ? [model[0], "--output", folder, "--resume"]
        : model + ["--text"] + demo.text + heldOut + settings + device + ["--output", folder],
      result: "\(folder)/model.safetensors")
  }

  private func sample(of name: String) -> CommandStep {
    CommandStep(
      title: "A sample of the \(name)",
      arguments: ["generate", "--model", path(name), "--prompt", "", "--max-tokens", "80"]
        + ["--temperature", "0.8", "--top-p", "0.95", "--seed", "\(demo.seed)"] + device,
      result: nil)
  }
}
