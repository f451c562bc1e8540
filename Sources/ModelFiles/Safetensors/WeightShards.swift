import DurableFiles
public import Foundation
public import TensorCore

/// Weights divided among several safetensors files beside an index, as transformers divides them: tensors in their
/// order, and a new file wherever the next tensor would not fit.
public struct WeightShards: Equatable, Sendable {
  /// One of the files.
  public struct File: Equatable, Sendable {
    /// Such as `model-00001-of-00003.safetensors`.
    public let name: String
    /// Which of the tensors it holds, by their place in the list.
    public let tensors: Range<Int>
  }

  /// The index's name.
  public static let indexName = "model.safetensors.index.json"

  /// The files, at least one.
  public let files: [File]
  /// The size of all tensors in bytes, headers not counted.
  public let totalBytes: Int
  private let names: [String]
  private let totalCount: Int

  /// Divides `tensors`, kept as `type`, so that no file has more than `maximumBytes` of them (which must be above 0),
  /// unless a single tensor has.
  public init(of tensors: [(name: String, shape: [Int])], type: WeightType, maximumBytes: Int) {
    precondition(maximumBytes > 0, "files of at most \(maximumBytes) bytes hold nothing")
    names = tensors.map(\.name)
    let sizes = tensors.map { $0.shape.reduce(type.byteCount, *) }
    totalBytes = sizes.reduce(0, +)
    totalCount = totalBytes / type.byteCount
    var ends: [Int] = []
    var bytes = 0
    for (index, size) in sizes.enumerated() {
      if bytes > 0, bytes + size > maximumBytes {
        ends.append(index)
        bytes = 0
      }
      bytes += size
    }
    ends.append(sizes.count)
    files = ends.enumerated().map { number, end in
      File(
        name: "model-\(Self.digits(number + 1))-of-\(Self.digits(ends.count)).safetensors",
        tensors: (number == 0 ? 0 : ends[number - 1])..<end)
    }
  }

  /// Writes `model.safetensors.index.json` into `folder`, which makes its files one checkpoint; write those before.
  /// Throws `file`.
  public func writeIndex(to folder: URL) throws(ModelFileError) {
    var map: [String: JSONValue] = [:]
    for file in files {
      for tensor in file.tensors { map[names[tensor]] = .string(file.name) }
    }
    let index = JSONValue.object([
      "metadata": .object(["total_parameters": .integer(totalCount), "total_size": .integer(totalBytes)]),
      "weight_map": .object(map),
    ])
    try ModelFileError.wrapping { () throws(FileError) in
      try AtomicFile.write(
        Data((index.text(indentation: 2) + "\n").utf8), to: folder.appendingPathComponent(Self.indexName))
    }
  }

  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
}
