import GGUF
import ModelFiles

extension Inspect {
  /// What a GGUF file says of itself, and how its tensors are kept.
  struct GGUFReport: Encodable {
    /// The tensors of one type.
    struct TypeUse: Encodable {
      /// The type, as llama.cpp calls it.
      let type: String
      let tensors, bytes: Int
    }

    /// The format's version.
    let version: Int
    /// `general.architecture`.
    let architecture: String
    /// `general.name`.
    let name: String?
    /// llama.cpp's name of `general.file_type`: how most of its matrices are kept.
    let fileType: String?
    /// The types, by the bytes that they take.
    let types: [TypeUse]

    init(_ model: GGUFModel) {
      version = model.file.version
      architecture = model.architectureName
      name = try? model.file.metadata.string("general.name")
      fileType = model.fileType
      let tensors = Dictionary(grouping: model.file.tensors, by: \.type.name)
      types = tensors.map { type, tensors in
        TypeUse(type: type, tensors: tensors.count, bytes: tensors.reduce(0) { $0 + $1.byteRange.count })
      }.sorted { ($0.bytes, $1.type) > ($1.bytes, $0.type) }
    }

    func add(to facts: inout FactList) {
      let own = [name, architecture, fileType].compactMap(\.self).joined(separator: ", ")
      facts.add("GGUF, version \(version)", own)
      for use in types {
        facts.add("  \(use.type)", "\(Format.count(use.tensors, "tensor")), \(Format.bytes(use.bytes))")
      }
    }
  }
}
