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
    }
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
