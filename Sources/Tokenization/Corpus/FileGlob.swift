import Foundation

/// A pattern for the paths of files, as a shell has it: `*` stands for anything, `?` for one character, `[a-z]` for one
/// of some. A pattern without a slash is held against the file's name, one with slashes against the end of its path,
/// from any folder on, or against all of it where the pattern begins with a slash. `*` stands for slashes, too:
/// `code/*` is every file in a folder `code` and below it. A character is one of Unicode, however its bytes spell it:
/// `é` is one, as one code point or as two. A backslash takes away the meaning of the character behind it.
public struct FileGlob: Hashable, Sendable {
  /// The pattern.
  public let pattern: String

  /// A pattern; every text is one.
  public init(_ pattern: String) { self.pattern = pattern }

  /// Whether the file at a path is meant.
  public func matches(_ path: String) -> Bool {
    let glob = CompiledGlob(pattern)
    if pattern.hasPrefix("/") { return glob.matches(path) }
    let components = path.split(separator: "/")
    let first = pattern.contains("/") ? 0 : max(0, components.count - 1)
    return (first..<components.count).contains {
      glob.matches(components[$0...].joined(separator: "/"))
    }
  }
}

extension Corpus {
  /// Some files of a corpus.
  public struct Parts: Sendable {
    /// Of each glob, the files of which it is the first that matches; nil where there is none.
    public let matched: [Corpus?]
    /// The files that no glob matches.
    public let others: [TextSource]
  }

  /// The files by the first of some globs that matches, each in the order of the corpus. A corpus that is one half of a
  /// split has no parts: which rows it has depends on all of its files.
  public func parts(by globs: [FileGlob]) -> Parts {
    precondition(part == nil, "parts of one half of a split")
    var (sources, others) = ([[TextSource]](repeating: [], count: globs.count), [TextSource]())
    for source in self.sources {
      if let index = globs.firstIndex(where: { $0.matches(source.name) }) {
        sources[index].append(source)
      } else {
        others.append(source)
      }
    }
    let matched = sources.map { sources -> Corpus? in
      var part = self
      part.sources = sources
      return sources.isEmpty ? nil : part
    }
    return Parts(matched: matched, others: others)
  }
}
