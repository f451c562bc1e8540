import ArgumentParser
import DurableFiles
import Foundation
import Limbeck
import ModelFiles
import TensorCore

/// `limbeck merge`
struct Merge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merges low-rank adapters into their model: a folder of plain weights.",
    discussion: """
      The adapters are a folder as PEFT and 'limbeck train --lora-rank' write it
      (adapter_config.json, adapter_model.safetensors). Such a folder can be used
      wherever a model is read, for it says where its base lies; merging makes it a
      model of its own, as fast as its base was. Weights that are quantised become
      float32 first. For a GGUF file no merging is needed: limbeck export --model
      ADAPTERS.

      --model gives the base where the folder does not say it, or to merge into
      another one of the same shapes, such as the model that a quantised one was
      made from.

      Example:
        limbeck train --model gemma.gguf --lora-rank 8 --text books/ \\
          --output runs/adapted --steps 200
        limbeck merge --adapter runs/adapted --output adapted --weights bfloat16
      """)

  @Option(help: ArgumentHelp("The folder of the adapters, or of a run that trains some.", valueName: "dir"))
  var adapter: String
  @Option(help: ArgumentHelp("The model that they belong to (default: as their folder says).", valueName: "model"))
  var model: String?
  @Option(help: ArgumentHelp("The folder to write; it must not exist.", valueName: "dir"))
  var output: String
  @Option(help: ArgumentHelp("Type of the stored weights.", valueName: "type"))
  var weights = WeightType.float32
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @OptionGroup(title: "Device") var device: DeviceOptions

  func validate() throws {
    try ValidationError.requirePath(output, "output")
    if let value = InvalidValue(ofModelFolder: output, "output") { throw ValidationError(value) }
  }

  func run() throws {
    guard !somethingExists(at: output) else {
      throw CommandError.outputExists(path: output, advice: "choose another name or remove it first")
    }
    let device = try device.device
    let adapted = try opened()
    let merged = try LanguageModel(adapted, tokenizer: adapted.tokenizer(orAt: tokenizer), device: device)
    try adapted.requireFiniteWeights()
    let destination = URL(fileURLWithPath: output, isDirectory: true)
    do {
      try FileManager.default.createDirectory(
        at: destination.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw FileError.unwritable(file: destination.path, reason: error.localizedDescription)
    }
    try Console().announcing("writing \(output)") {
      let folder = try AtomicFolder(creating: destination)
      try merged.write(to: folder.contents, as: weights)
      try folder.commit()
    }
    let configuration = adapted.adapters.configuration
    var facts = FactList()
    facts.add("adapters", "\(configuration), \(Format.count(configuration.modules.count, "module"))")
    facts.add("merged into", adapted.base.url.relativePath)
    facts.add("weights", "\(Format.count(merged.decoder.parameters.count)), \(weights.rawValue)")
    try StandardOutput.write(facts.text)
    Console().write("wrote \(output)")
  }

  private func opened() throws -> AdaptedModel {
    let url = try ModelLocation(path: adapter).url
    guard AdapterFolder.isOne(at: url) else {
      throw FileError.missing(
        file: url.appendingPathComponent("adapter_config.json").path,
        advice: "expected a folder of adapters, as PEFT or limbeck train --lora-rank writes it")
    }
    guard let model else { return try AdaptedModel(contentsOf: url) }
    let base = try openModel(path: model)
    let adapted = try AdaptedModel(contentsOf: url, base: base)
    if let digest = adapted.adapters.base.digest, digest != base.digest {
      Console().write("warning: \(model): not the weights that \(adapter) was trained for, but of the same shapes")
    }
    return adapted
  }
}
