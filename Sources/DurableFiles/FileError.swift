public import Foundation

/// What can be wrong with a file as such, whatever is in it. Every case carries the data it speaks of; every text names
/// the file, the cause, and where it helps what to do.
public enum FileError: Error, Equatable, Sendable {
  /// A file or folder that was asked for does not exist.
  case missing(file: String, advice: String)
  /// The operating system refused to open, examine or map a file.
  case unreadable(file: String, reason: String)
  /// The operating system refused to create, extend, flush, rename or delete a file: a full disk, a read-only folder.
  case unwritable(file: String, reason: String)
  /// Something already stands where a new file or folder was to be created.
  case exists(file: String)
  /// Another process writes there; `by` says which one.
  case beingWritten(file: String, by: String)
  /// A region that a file claims to hold lies (partly) beyond its end.
  case pastEnd(file: String, byteOffset: Int, byteCount: Int, fileSize: Int)
  /// A region of a file does not start on a multiple of its elements' alignment.
  case misaligned(file: String, byteOffset: Int, alignment: Int)
  /// Text that is not JSON.
  case invalidJSON(file: String, byteOffset: Int, reason: String)
  /// JSON in which objects and arrays lie in more than `limit` others.
  case nestedTooDeeply(file: String, byteOffset: Int, limit: Int)
  /// Two members of one JSON object (two tensors of a safetensors file) have the same name.
  case duplicateKey(file: String, key: String)
  /// A pointer of git-lfs stands where the file itself should.
  case gitLFSPointer(file: String)
}

extension FileError: CustomStringConvertible, LocalizedError {
  /// One line for the user: the file, the cause, and where it helps the remedy.
  public var description: String {
    switch self {
    case .missing(let file, let advice):
      "\(file): no such file or folder; \(advice)"
    case .unreadable(let file, let reason):
      "\(file): cannot be read: \(reason)"
    case .unwritable(let file, let reason):
      "\(Self.visible(file)): cannot be written: \(reason)" + (Self.isFull(reason) ? "; make room on its disk" : "")
    case .exists(let file):
      "\(file): exists already and will not be overwritten; choose another name or remove it first"
    case .beingWritten(let file, let holder):
      "\(file): is being written by \(holder); wait for its end, or stop it first"
    case .pastEnd(let file, let byteOffset, let byteCount, let fileSize):
      "\(file): expected \(byteCount) bytes at byte \(byteOffset), found only \(fileSize) bytes in all; "
        + "it is truncated or damaged"
    case .misaligned(let file, let byteOffset, let alignment):
      "\(file): expected data at a multiple of \(alignment) bytes, found it at byte \(byteOffset)"
    case .invalidJSON(let file, let byteOffset, let reason):
      "\(file): not valid JSON at byte \(byteOffset): \(reason)"
    case .nestedTooDeeply(let file, let byteOffset, let limit):
      "\(file): expected JSON with at most \(limit) levels of nesting, found more at byte \(byteOffset)"
    case .duplicateKey(let file, let key):
      "\(file): the name \(key) occurs twice"
    case .gitLFSPointer(let file):
      "\(file): this is a pointer of git-lfs, not the file itself; fetch it with 'git lfs pull', or download it"
    }
  }

  /// Whether the system's reason is a disk, or a user's share of one, without room.
  private static func isFull(_ reason: String) -> Bool {
    ["No space left on device", "Disk quota exceeded"].contains(where: reason.contains)
  }

  /// A path in which files and folders that are not finished have the names that they are to get.
  private static func visible(_ path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: false).map { name in
      guard temporaryOwner(ofName: String(name)) != nil else { return String(name) }
      // `.NAME.PROCESS-TOKEN.partial`
      return name.dropFirst().split(separator: ".", omittingEmptySubsequences: false).dropLast(2).joined(separator: ".")
    }.joined(separator: "/")
  }

  /// The same text as `description`.
  public var errorDescription: String? { description }
}
