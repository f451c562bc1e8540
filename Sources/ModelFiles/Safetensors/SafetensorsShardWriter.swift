import Foundation
import TensorCore

/// Writes tensors into several safetensors files and, at `commit`, the index that makes them one model.
final class SafetensorsShardWriter: WeightSink {
  private let shards: WeightShards
  private let tensors: [(name: String, shape: [Int])]
  private let folder: URL
  private let type: WeightType
  private let fileIndices: [String: Int]
  private var open: (index: Int, writer: SafetensorsWriter)?

  /// - Parameters:
  ///   - shards: which file each of `tensors` goes to.
  ///   - tensors: what is written, in this order.
  ///   - folder: where the files go.
  ///   - type: how the weights are stored.
  init(_ shards: WeightShards, of tensors: [(name: String, shape: [Int])], in folder: URL, type: WeightType) {
    self.shards = shards
    self.tensors = tensors
    self.folder = folder
    self.type = type
    fileIndices = Dictionary(
      uniqueKeysWithValues: shards.files.enumerated().flatMap { index, file in
        tensors[file.tensors].map { ($0.name, index) }
      })
  }

  func append(_ values: Span<Float>, to name: String) throws(ModelFileError) {
    guard let index = fileIndices[name] else { preconditionFailure("\(name) is in no file") }
    if let open, open.index != index { try open.writer.commit() }
    let writer: SafetensorsWriter
    if let open, open.index == index {
      writer = open.writer
    } else {
      let file = shards.files[index]
      writer = try SafetensorsWriter(
        replacing: folder.appendingPathComponent(file.name), tensors: Array(tensors[file.tensors]), type: type)
      open = (index, writer)
    }
    try writer.append(values, to: name)
  }

  func commit() throws(ModelFileError) {
    try open?.writer.commit()
    try shards.writeIndex(to: folder)
  }
}
