import Diagnostics
public import DurableFiles
public import Foundation
public import TensorCore

/// The named tensors of a model, in one safetensors file or in several.
public struct SafetensorsWeights: WeightSource {
  /// Where the tensors come from, as errors about all of them name it: model.safetensors or its index.
  public let path: String
  /// The files, in the order of their names.
  public let parts: [SafetensorsFile]
  private let fileIndices: [String: Int]

  /// All of one file's tensors.
  public init(_ file: SafetensorsFile) {
    path = file.path
    parts = [file]
    fileIndices = Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) })
  }

  /// The tensors of the files that an index (model.safetensors.index.json) names; those that it leaves out are there,
  /// too, as in transformers. Throws `missingTensor` and `unexpectedTensor` naming the file where the index says that a
  /// tensor is in another one, `value` where the index is no index, and what opening the files throws.
  public init(index url: URL) throws(ModelFileError) {
    let index = try HuggingFaceConfiguration(contentsOf: url, dialect: .strict)
    guard let map = try index.object("weight_map") else {
      throw index.invalid("weight_map", expected: "an object of tensor and file names")
    }
    var fileNames: [String: String] = [:]
    for (tensor, value) in map.sorted(by: { $0.key < $1.key }) {
      // A path would let an index reach outside its folder.
      guard case .string(let name) = value, !name.isEmpty, !name.contains("/"), !name.contains("\0"), name != "..",
        name != "."
      else {
        throw .value(
          InvalidValue(
            url.path, "weight_map.\(tensor)", expected: "the name of a file in the same folder",
            found: value.description))
      }
      fileNames[tensor] = name
    }
    var files: [SafetensorsFile] = []
    var fileIndices: [String: Int] = [:]
    for name in Set(fileNames.values).sorted() {
      let location = url.deletingLastPathComponent().appendingPathComponent(name)
      guard somethingExists(at: location.path) else {
        throw .file(
          .missing(
            file: location.path,
            advice: "\(url.lastPathComponent) lists it; the checkpoint is incomplete, fetch it again"))
      }
      let file = try SafetensorsFile(contentsOf: location)
      for tensor in file.names {
        guard fileNames[tensor] ?? name == name, fileIndices.updateValue(files.count, forKey: tensor) == nil else {
          throw .unexpectedTensor(file: file.path, tensor: tensor, advice: "another file of the model has it, too")
        }
      }
      files.append(file)
    }
    if let missing = fileNames.keys.filter({ fileIndices[$0] == nil }).min() {
      throw .missingTensor(
        file: url.deletingLastPathComponent().appendingPathComponent(fileNames[missing] ?? "").path, tensor: missing)
    }
    path = url.path
    parts = files
    self.fileIndices = fileIndices
  }

  /// The mapped files, in the order of their names.
  public var files: [MappedFile] { parts.map(\.file) }

  /// The tensors' names, sorted.
  public var names: [String] { fileIndices.keys.sorted() }

  /// The file that holds the tensor called `name`. Throws `missingTensor`.
  private func part(of name: String) throws(ModelFileError) -> SafetensorsFile {
    guard let index = fileIndices[name] else { throw .missingTensor(file: path, tensor: name) }
    return parts[index]
  }

  /// The tensor called `name`. Throws `missingTensor`.
  public func tensor(named name: String) throws(ModelFileError) -> SourceTensor {
    let part = try part(of: name)
    let entry = try part.entry(name)
    return SourceTensor(
      name: name, shape: entry.shape, type: entry.type.rawValue, isReadable: entry.type.isReadable,
      file: part.path)
  }

  public func read(
    _ name: String, rows: [Range<Int>]?, into destination: inout MutableSpan<Float>
  ) throws(ModelFileError) {
    try part(of: name).read(name, rows: rows, into: &destination)
  }

  public func weights(
    _ name: String, rows: [Range<Int>]?, expecting shape: [Int], on device: Device
  ) throws(ModelFileError) -> WeightMatrix {
    try part(of: name).weights(name, rows: rows, expecting: shape, on: device)
  }

  public func areIdentical(_ first: String, _ second: String) throws(ModelFileError) -> Bool {
    let (firstFile, secondFile) = (try part(of: first), try part(of: second))
    guard try firstFile.entry(first).type == secondFile.entry(second).type else { return false }
    return try firstFile.mapped(first).isIdentical(to: secondFile.mapped(second))
  }
}
