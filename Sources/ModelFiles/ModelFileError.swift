public import Diagnostics
public import DurableFiles
public import Foundation

/// What can be wrong with a model's files. Every case carries the data it speaks of; every text names the file, what
/// was expected, what was found, and where it helps what to do.
public enum ModelFileError: Error, Equatable, Sendable {
  /// A file as such: missing, unreadable, no JSON, a full disk.
  case file(FileError)
  /// A JSON file's value is missing, of the wrong kind, out of range, or at odds with another.
  case value(InvalidValue)
  /// A safetensors file claims a header longer than the format allows.
  case headerTooLong(file: String, byteCount: UInt64, limit: Int)
  /// Two tensors of a safetensors file share bytes.
  case overlappingTensors(file: String, first: String, second: String)
  /// Bytes `from..<to` of a safetensors file belong to no tensor.
  case unusedBytes(file: String, from: Int, to: Int)
  /// A tensor's type cannot be read as weights; `readable` names those that can, by default those of safetensors files.
  case notWeights(file: String, tensor: String, found: String, readable: String? = nil)
  /// A tensor that the configuration or the shard index calls for is not there.
  case missingTensor(file: String, tensor: String, advice: String? = nil)
  /// A tensor is there that the configuration or the shard index does not know.
  case unexpectedTensor(file: String, tensor: String, advice: String? = nil)
  /// A tensor's shape is not what the configuration calls for.
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
  /// The configuration says that two tensors are one, and the file holds both with different values.
  case untiedTensors(file: String, first: String, second: String)
}

extension ModelFileError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the file, the cause, and where it helps the remedy.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .value(let error): error.description
    case .headerTooLong(let file, let byteCount, let limit):
      "\(file): header: expected at most \(limit) bytes, found \(byteCount); it is damaged or no safetensors file"
    case .overlappingTensors(let file, let first, let second):
      "\(file): tensors \(first) and \(second) overlap"
    case .unusedBytes(let file, let from, let to):
      "\(file): bytes \(from) to \(to) belong to no tensor; the file is damaged"
    case .notWeights(let file, let tensor, let found, let readable):
      "\(file): tensor \(tensor): expected one of \(readable ?? TensorType.readableNames), found \(found)"
    case .missingTensor(let file, let tensor, let advice):
      "\(file): tensor \(tensor) is missing" + (advice.map { "; \($0)" } ?? "")
    case .unexpectedTensor(let file, let tensor, let advice):
      "\(file): tensor \(tensor) is not part of the model that the configuration describes"
        + (advice.map { "; \($0)" } ?? "")
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

extension ModelFileError {
  /// Runs `body`; throws `file` for what is wrong with a file as such.
  public static func wrapping<Result: ~Copyable>(
    _ body: () throws(FileError) -> Result
  ) throws(ModelFileError) -> Result {
    do throws(FileError) { return try body() } catch { throw .file(error) }
  }
}
