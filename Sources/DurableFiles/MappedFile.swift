public import Foundation
import Glibc

/// A type of which every bit pattern is a value, so that it may be read straight from a file (in the machine's byte
/// order, which on every platform Limbeck runs on is little-endian).
public protocol MappableElement: BitwiseCopyable, Sendable {}

extension UInt8: MappableElement {}
extension UInt16: MappableElement {}
extension UInt32: MappableElement {}
extension Int32: MappableElement {}
extension UInt64: MappableElement {}
extension Int64: MappableElement {}
extension Float: MappableElement {}

/// A whole file, mapped read-only into memory. Pages come from disk when they are first read, and stay the system's to
/// drop, so a file may be larger than memory.
///
/// Limbeck replaces files by renaming, never by rewriting, so a mapping keeps showing the file it was made from.
/// (Another program that shortens the file in place makes later reads of it a bus error, as with every mapping.)
public final class MappedFile: Sendable {
  /// Where the file was when it was mapped.
  public let url: URL
  /// Whether the bytes are a copy, so that nothing brings them back once their memory is given up.
  fileprivate let isCopy: Bool
  // Never written after `init`, and the mapping lives as long as `self`.
  private nonisolated(unsafe) let contents: UnsafeRawBufferPointer

  /// Maps the file at `url`; an empty file is fine. Throws `missing` or `unreadable`.
  public init(contentsOf url: URL) throws(FileError) {
    self.url = url
    isCopy = false
    let path = url.path
    let descriptor = openToRead(path)
    guard descriptor >= 0 else {
      throw errno == ENOENT
        ? .missing(file: path, advice: "check the path")
        : .unreadable(file: path, reason: systemErrorText())
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(file: path, reason: systemErrorText()) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .unreadable(file: path, reason: "a file was expected, but it is a folder")
    default: throw .unreadable(file: path, reason: "a regular file was expected")
    }
    let count = Int(status.st_size)
    guard count > 0 else {
      contents = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw .unreadable(file: path, reason: systemErrorText())
    }
    contents = UnsafeRawBufferPointer(start: start, count: count)
  }

  /// A copy of some bytes of a file; see `gathering`.
  private init(copying ranges: [Range<Int>], of file: MappedFile) throws(FileError) {
    url = file.url
    isCopy = true
    let count = ranges.reduce(0) { $0 + $1.count }
    guard count > 0 else {
      contents = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let start = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start, start != MAP_FAILED else { throw .unreadable(file: file.path, reason: systemErrorText()) }
    let copy = UnsafeMutableRawBufferPointer(start: start, count: count)
    var end = 0
    for range in ranges {
      copy[end..<end + range.count].copyBytes(from: file.contents[range])
      end += range.count
    }
    contents = UnsafeRawBufferPointer(copy)
    extendLifetime(file)
  }

  deinit {
    if let start = contents.baseAddress {
      munmap(UnsafeMutableRawPointer(mutating: start), contents.count)
    }
  }

  /// The file's size in bytes.
  public var count: Int { contents.count }

  /// The path, as errors name it.
  public var path: String { url.path }

  /// Calls `body` with all the file's bytes.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { extendLifetime(self) }
    return try body(contents.bytes)
  }

  /// Calls `body` with `count` elements that start at byte `offset`. Throws `pastEnd` where they do not all lie in the
  /// file and `misaligned` where `offset` is no multiple of the element's alignment.
  public func withSpan<Element: MappableElement, Result: ~Copyable>(
    of type: Element.Type, at offset: Int, count: Int, _ body: (Span<Element>) -> Result
  ) throws(FileError) -> Result {
    try elements(of: type, at: offset, count: count).withSpan(body)
  }

  /// A view of `count` elements that start at byte `offset`, checked once and kept for as long as wanted. Throws
  /// `pastEnd` where they do not all lie in the file and `misaligned` where `offset` is no multiple of the element's
  /// alignment.
  public func elements<Element: MappableElement>(
    of type: Element.Type, at offset: Int, count: Int
  ) throws(FileError) -> MappedElements<Element> {
    try MappedElements(file: self, offset: offset, count: count)
  }

  /// A copy of some of the bytes, one range after another, in memory of the process's own: for values that are used in
  /// another order than the file has them in. All ranges must lie in the file. Throws `unreadable` where there is not
  /// as much memory.
  public func gathering(_ ranges: [Range<Int>]) throws(FileError) -> MappedFile {
    precondition(ranges.allSatisfy { 0 <= $0.lowerBound && $0.upperBound <= count }, "\(ranges) of \(count) bytes")
    return try MappedFile(copying: ranges, of: self)
  }

  /// Lets the system have the memory of all pages, as of elements; nothing of a copy.
  public func releasePages() {
    if let start = contents.baseAddress { releasePages(from: start, to: start + contents.count) }
  }

  /// The same of the pages that lie wholly between two addresses, both of this mapping or at its end.
  fileprivate func releasePages(from start: UnsafeRawPointer, to end: UnsafeRawPointer) {
    if isCopy { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = (Int(bitPattern: start) + page - 1) / page * page
    let last = Int(bitPattern: end) / page * page
    if first < last { madvise(UnsafeMutableRawPointer(bitPattern: first), last - first, MADV_DONTNEED) }
  }

  /// The first byte of the mapping, `nil` for an empty file. Unsafe: valid only while `self` is alive, and only
  /// `count` bytes of it; the caller keeps both promises.
  @unsafe public var unsafeBaseAddress: UnsafeRawPointer? { contents.baseAddress }
}

/// A typed, checked region of a mapped file. It keeps the mapping alive.
public struct MappedElements<Element: MappableElement>: Sendable {
  /// The file the elements lie in.
  public let file: MappedFile
  /// The number of elements.
  public let count: Int
  // Points into `file`, which is read-only and held above.
  private nonisolated(unsafe) let start: UnsafePointer<Element>?

  fileprivate init(file: MappedFile, offset: Int, count: Int) throws(FileError) {
    let (byteCount, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard offset >= 0, count >= 0, !overflows, offset <= file.count, byteCount <= file.count - offset else {
      throw .pastEnd(
        file: file.path, byteOffset: offset, byteCount: overflows ? .max : byteCount, fileSize: file.count)
    }
    let alignment = MemoryLayout<Element>.alignment
    guard offset.isMultiple(of: alignment) else {
      throw .misaligned(file: file.path, byteOffset: offset, alignment: alignment)
    }
    self.file = file
    self.count = count
    start = file.unsafeBaseAddress.map { ($0 + offset).assumingMemoryBound(to: Element.self) }
  }

  /// The element at `index`, which must lie in `0..<count`.
  public subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "index \(index) of \(count) elements in \(file.path)")
    defer { extendLifetime(file) }
    return UnsafeBufferPointer(start: start, count: count)[index]
  }

  /// A copy of the elements.
  public var array: [Element] {
    defer { extendLifetime(file) }
    return Array(UnsafeBufferPointer(start: start, count: count))
  }

  /// The first element, `nil` in an empty file. Unsafe: valid only while `file` is alive, and only `count` elements of
  /// it; the caller keeps both promises.
  @unsafe public var unsafeStart: UnsafePointer<Element>? { start }

  /// Lets the system have the memory of the pages that lie wholly among the elements, which nobody will read soon; who
  /// does read them waits for them to come from the file again. A copy keeps its memory.
  public func releasePages() {
    if let start { file.releasePages(from: UnsafeRawPointer(start), to: UnsafeRawPointer(start + count)) }
  }

  /// Calls `body` with the elements.
  public func withSpan<Result: ~Copyable, Failure: Error>(
    _ body: (Span<Element>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { extendLifetime(file) }
    return try body(UnsafeBufferPointer(start: start, count: count).span)
  }
}
