import Foundation
import Limbeck
import ModelFiles

/// What `limbeck export` prints.
struct ExportReport: Encodable {
  /// How many tensors have a type, and why, where it is not the one that was asked for.
  struct Tensors: Encodable {
    let type: String
    let count: Int
    let reason: String?
  }

  /// The files that were written.
  let output, modelfile: String
  /// `general.architecture`.
  let architecture: String
  /// How the matrices are kept, most of them, as llama.cpp calls it.
  let fileType: String?
  let tensors: [Tensors]
  /// The size of the file, and of what it was made from, in bytes.
  let bytes, originalWeightBytes: Int
  let warnings: [String]

  init(_ export: GGUFExport, file: any StoredModel, modelfile: String, weightBytes: Int) {
    (output, self.modelfile) = (file.url.relativePath, modelfile)
    let model = file as? GGUFModel
    (architecture, fileType) = (model?.architectureName ?? "", model?.fileType)
    tensors = export.types.map { Tensors(type: $0.type, count: $0.tensors, reason: $0.reason) }
    (bytes, originalWeightBytes) = (file.weightBytes, weightBytes)
    warnings = export.warnings
  }

  /// The facts, one a line.
  var text: String {
    var facts = FactList()
    facts.add("architecture", architecture)
    for (index, tensors) in tensors.enumerated() {
      facts.add(
        index == 0 ? "tensors" : "",
        "\(tensors.count) \(tensors.type)" + (tensors.reason.map { ": \($0)" } ?? ""))
    }
    facts.add("size", "\(Format.bytes(bytes)), from \(Format.bytes(originalWeightBytes))")
    return facts.text
  }
}
