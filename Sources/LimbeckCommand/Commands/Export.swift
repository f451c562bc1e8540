import ArgumentParser
import DurableFiles
import Foundation
import Limbeck
import ModelFiles

/// `limbeck export`
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a model as a GGUF file, for llama.cpp and Ollama.",
    discussion: """
      Weights, sizes, tokenizer and chat template go into one file. It is read back
      before it appears: it must say the same model, and its tokenizer must give the
      same ids for hard texts. What llama.cpp cannot compute is refused, with the
      reason.

      f32, f16 and bf16 keep each weight by itself; q8_0 has 8.5 bits a weight, q6_k
      6.6, q4_0 and q4_k 4.5. Norms and biases stay float32, and with 4 bits the
      matrix that gives logits gets q6_k. Rows that are no multiple of a type's
      block (256 weights for q4_k and q6_k, 32 for the others) get q8_0, or f16; the
      output says how many tensors have which type.

      A Modelfile for Ollama is written beside the file. Tokenizers must be BPE:
      llama.cpp does not read unigram ones without loss (limbeck tokenizer train
      --algorithm bpe).

      Example:
        limbeck export --model student --output student.gguf --type q8_0
        llama-cli --model student.gguf --prompt "ROMEO:"
        ollama create student -f student.Modelfile
      """)

  @Option(help: ArgumentHelp("The model: a folder, one of a run, or a .gguf file.", valueName: "model"))
  var model: String
  @Option(help: ArgumentHelp("The .gguf file to write; it must not exist.", valueName: "path"))
  var output: String
  @Option(help: ArgumentHelp("How matrices are kept.", valueName: "type"))
  var type = GGUFWeightType.f16
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  private var destination: URL { URL(fileURLWithPath: output) }

  func validate() throws {
    try ValidationError.requirePath(output, "output")
    guard destination.pathExtension.lowercased() == "gguf" else {
      throw ValidationError("output", expected: "a name that ends in .gguf", found: output)
    }
  }

  func run() throws {
    for path in [output, OllamaModelfile.url(beside: destination).path] where somethingExists(at: path) {
      throw CommandError.outputExists(path: path, advice: "choose another name or remove it first")
    }
    let stored = try openModel(path: model)
    let tokenizer = try stored.tokenizer
    try stored.requireFiniteWeights()
    let loaded = try LanguageModel(stored, tokenizer: tokenizer, device: device.device)
    try createParent()
    let export = try write(loaded)
    for warning in export.warnings + requantisation(stored) { Console().write("warning: \(warning)") }
    let modelfile = OllamaModelfile(for: destination, of: loaded)
    try modelfile.write()
    let report = try ExportReport(
      export, file: openModel(at: destination), modelfile: modelfile.url.relativePath, weightBytes: stored.weightBytes)
    if json { try StandardOutput.write(json: report) } else { try StandardOutput.write(report.text) }
    Console().write("wrote \(output) and \(modelfile.url.lastPathComponent) beside it")
  }

  private func createParent() throws {
    do {
      try FileManager.default.createDirectory(
        at: destination.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw FileError.unwritable(file: output, reason: error.localizedDescription)
    }
  }

  private func write(_ model: LanguageModel) throws -> GGUFExport {
    let interruption = Interruption {
      Console().write("stopping after what is being written; nothing is kept; Ctrl-C again stops at once")
    }
    var line = ProgressLine("wrote weight", on: Console())
    defer { line.end() }
    return try model.writeGGUF(
      to: destination, as: type, progress: { line.show($0, of: $1) },
      check: { _ in guard !interruption.isRequested else { throw ExitCode(interruption.exitCode) } })
  }

  /// What is said of weights that were quantised before.
  private func requantisation(_ model: any StoredModel) -> [String] {
    let plain = ["F32", "F16", "BF16"]
    let model = (model as? AdaptedModel)?.base ?? model
    guard model is GGUFModel, let types = try? model.weights.names.map({ try model.weights.tensor(named: $0).type })
    else { return [] }
    let quantised = Set(types.filter { !plain.contains($0) }).sorted()
    guard !quantised.isEmpty else { return [] }
    return [
      "\(self.model): weights in \(quantised.joined(separator: ", ")) were rounded a second time, to \(type.rawValue); "
        + "the folder of the original model gives a better file"
    ]
  }
}
