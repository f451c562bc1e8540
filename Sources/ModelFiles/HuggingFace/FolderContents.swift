import Diagnostics
import DurableFiles
import Foundation

/// What must be in a model's folder, and what is said where something else is.
enum FolderContents {
  /// What a model's folder has.
  static let expected = "a folder with config.json and model.safetensors"

  /// Checks that there is a folder with a config.json. Throws `file` or `value`, saying what to do.
  static func requireModel(at url: URL) throws(ModelFileError) {
    guard somethingExists(at: url.path) else {
      throw .file(.missing(file: url.path, advice: "\(expected) is expected"))
    }
    guard isFolder(at: url.path) else {
      throw .value(
        InvalidValue(
          url.path, "model", expected: expected, found: "a file", advice: "give the folder that the file is in"))
    }
    let file = url.appendingPathComponent("config.json")
    guard !somethingExists(at: file.path) else { return }
    throw .file(.missing(file: file.path, advice: "\(url.path) is no Hugging Face model folder" + other(in: url)))
  }

  /// What the folder is instead of a model's.
  private static func other(in url: URL) -> String {
    if url.pathExtension.lowercased() == "gguf" { return ", and a .gguf file is no folder" }
    let names = names(in: url)
    if names.contains("adapter_config.json") {
      return "; it has an adapter: merge it into its model first: limbeck merge --adapter \(url.path) --output NEW"
    }
    if let file = names.first(where: { $0.lowercased().hasSuffix(".gguf") }) {
      return "; for the GGUF file in it, give \(url.appendingPathComponent(file).path)"
    }
    if names.contains("params.json") || names.contains("consolidated.safetensors") {
      return "; it has weights in their makers' own format: take the folder that is named -hf, or convert it"
    }
    return ""
  }

  /// Opens the weights of a folder. Throws `file` saying what to do, and whatever is wrong with the files.
  static func weights(in url: URL) throws(ModelFileError) -> any WeightSource {
    // transformers, too, takes the single file where both are there
    let single = url.appendingPathComponent("model.safetensors")
    let index = url.appendingPathComponent("model.safetensors.index.json")
    if somethingExists(at: single.path) { return SafetensorsWeights(try SafetensorsFile(contentsOf: single)) }
    if somethingExists(at: index.path) { return try SafetensorsWeights(index: index) }
    throw .file(
      .missing(
        file: single.path,
        advice: "nor is there model.safetensors.index.json" + otherWeights(in: url)
          + "; save the model with safetensors (in transformers: model.save_pretrained(folder))"))
  }

  private static func otherWeights(in url: URL) -> String {
    let endings = [".safetensors", ".bin", ".pth", ".pt", ".h5", ".msgpack", ".gguf"]
    let found = names(in: url).filter { name in endings.contains { name.hasSuffix($0) } }
    guard let first = found.first else { return "" }
    let cannotBeRead =
      first.hasSuffix(".safetensors")
      ? "" : first.hasSuffix(".gguf") ? ", which is a model of its own" : ", which cannot be read"
    return ", but \(first)" + (found.count > 1 ? " and \(counted(found.count - 1, "other"))" : "") + cannotBeRead
  }

  private static func names(in url: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []).sorted()
  }
}
