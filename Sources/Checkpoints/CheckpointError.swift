public import Foundation

/// What can be wrong with a file that Limbeck reads or writes. Every case carries the data it speaks of; every text
/// names the file, what was expected, what was found, and where it helps what to do.
public enum CheckpointError: Error, Equatable, Sendable {
  /// A file or folder that was asked for does not exist.
  case missingFile(file: String, advice: String)
  /// The operating system refused to open, examine or map a file.
  case unreadable(file: String, reason: String)
  /// The operating system refused to create, extend, flush, rename or delete a file: a full disk, a read-only folder.
  case unwritable(file: String, reason: String)
  /// Something already stands where a new file or folder was to be created.
  case destinationExists(file: String)
  /// A region that a file claims to hold lies (partly) beyond its end.
  case pastEnd(file: String, byteOffset: Int, byteCount: Int, fileSize: Int)
  /// A region of a file does not start on a multiple of its elements' alignment.
  case misaligned(file: String, byteOffset: Int, alignment: Int)

  /// Text that is not JSON.
  case invalidJSON(file: String, byteOffset: Int, reason: String)
  /// Two members of one JSON object (two tensors of a safetensors file) have the same name.
  case duplicateKey(file: String, key: String)
  /// A JSON file's value is missing, of the wrong kind, out of range, or at odds with another.
  case invalidConfiguration(file: String, key: String, expected: String, found: String)

  /// A safetensors file claims a header longer than the format allows.
  case headerTooLong(file: String, byteCount: UInt64, limit: Int)
  /// A safetensors header describes a tensor in a way that makes no sense.
  case invalidTensor(file: String, tensor: String, key: String, expected: String, found: String)
  /// Two tensors of a safetensors file share bytes.
  case overlappingTensors(file: String, first: String, second: String)
  /// Bytes `from..<to` of a safetensors file belong to no tensor.
  case unusedBytes(file: String, from: Int, to: Int)
  /// A tensor's type cannot be read as weights.
  case notWeights(file: String, tensor: String, found: String)

  /// A tensor that the configuration or the shard index calls for is not there.
  case missingTensor(file: String, tensor: String)
  /// A tensor is there that the configuration or the shard index does not know.
  case unexpectedTensor(file: String, tensor: String)
  /// A tensor's shape is not what the configuration calls for.
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
  /// The configuration says that two tensors are one, and the file holds both with different values.
  case untiedTensors(file: String, first: String, second: String)
}

extension CheckpointError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the file, the cause, and where it helps the remedy.
  public var description: String {
    switch self {
    case .missingFile(let file, let advice):
      "\(file): no such file or folder; \(advice)"
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason)"
    case .unwritable(let file, let reason):
      "\(file): cannot be written: \(reason)"
    case .destinationExists(let file):
      "\(file): exists already and will not be overwritten; choose another name or remove it first"
    case .pastEnd(let file, let byteOffset, let byteCount, let fileSize):
      "\(file): \(byteCount) bytes expected at byte \(byteOffset), but the file has only \(fileSize) bytes; "
        + "it is truncated or damaged"
    case .misaligned(let file, let byteOffset, let alignment):
      "\(file): data expected at a multiple of \(alignment) bytes, found at byte \(byteOffset)"
    case .invalidJSON(let file, let byteOffset, let reason):
      "\(file): not valid JSON at byte \(byteOffset): \(reason)"
    case .duplicateKey(let file, let key):
      "\(file): the name \(key) occurs twice"
    case .invalidConfiguration(let file, let key, let expected, let found):
      "\(file): \(key): expected \(expected), found \(found)"
    case .headerTooLong(let file, let byteCount, let limit):
      "\(file): a header of \(byteCount) bytes, at most \(limit) expected; "
        + "it is damaged or no safetensors file"
    case .invalidTensor(let file, let tensor, let key, let expected, let found):
      "\(file): tensor \(tensor): \(key): expected \(expected), found \(found)"
    case .overlappingTensors(let file, let first, let second):
      "\(file): tensors \(first) and \(second) overlap"
    case .unusedBytes(let file, let from, let to):
      "\(file): bytes \(from) to \(to) belong to no tensor; the file is damaged"
    case .notWeights(let file, let tensor, let found):
      "\(file): tensor \(tensor): expected F32, F16 or BF16, found \(found)"
    case .missingTensor(let file, let tensor):
      "\(file): tensor \(tensor) is missing"
    case .unexpectedTensor(let file, let tensor):
      "\(file): tensor \(tensor) is not part of the model that the configuration describes"
    case .wrongShape(let file, let tensor, let expected, let found):
      "\(file): tensor \(tensor): expected shape \(expected), found \(found)"
    case .untiedTensors(let file, let first, let second):
      "\(file): config.json ties \(first) to \(second), but their values differ; "
        + "set tie_word_embeddings to false"
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
