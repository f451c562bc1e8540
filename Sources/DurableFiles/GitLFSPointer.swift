extension MappedFile {
  /// How a pointer of git-lfs begins (github.com/git-lfs/git-lfs, docs/spec.md): three lines of text that stand for a
  /// large file where a repository was cloned without git-lfs.
  private static let pointerStart = Array("version https://git-lfs.github.com/spec/".utf8)

  /// Checks that the file is not a pointer of git-lfs in its place. Throws `gitLFSPointer`.
  public func requireNoPointer() throws(FileError) {
    let start = Self.pointerStart
    let isPointer = withBytes { bytes in
      bytes.byteCount >= start.count && bytes.extracting(0..<start.count).withUnsafeBytes { $0.elementsEqual(start) }
    }
    if isPointer { throw .gitLFSPointer(file: path) }
  }
}
