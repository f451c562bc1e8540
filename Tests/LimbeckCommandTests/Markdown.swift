import Foundation
import TestSupport
import Testing

/// A document of the project, as far as tests ask: its code, links and headings.
struct Markdown: CustomStringConvertible {
  /// The place in the project, such as `docs/data.md`.
  let path: String
  let lines: [Substring]
  var description: String { path }

  init(_ path: String) throws {
    self.path = path
    lines = try String(contentsOf: Folders.project.appendingPathComponent(path), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
  }

  /// All documents: at the root, in `docs`, and the README of each folder.
  static func all() throws -> [Markdown] {
    let folders = ["", "docs", "docs/performance", "Benchmarks", "recipes", "tokenizers", "Tests/Fixtures"]
    return try folders.flatMap { folder in
      try FileManager.default.contentsOfDirectory(atPath: Folders.project.appendingPathComponent(folder).path)
        .filter { $0.hasSuffix(".md") }.sorted().map { try Markdown(folder.isEmpty ? $0 : "\(folder)/\($0)") }
    }
  }

  /// The blocks of code, line by line; a command that goes on after a backslash is one line.
  var code: [String] {
    var code: [String] = []
    var (isInside, continues) = (false, false)
    for line in lines {
      if line.hasPrefix("```") {
        isInside.toggle()
        continues = false
      } else if isInside {
        let text = line.hasSuffix("\\") ? String(line.dropLast()) : String(line)
        if continues { code[code.count - 1] += text } else { code.append(text) }
        continues = line.hasSuffix("\\")
      }
    }
    return code
  }

  /// All outside of blocks of code.
  var prose: String {
    var isInside = false
    return lines.filter { line in
      if line.hasPrefix("```") { isInside.toggle() }
      return !isInside && !line.hasPrefix("```")
    }.joined(separator: "\n")
  }

  /// What stands between backticks in the prose.
  var codeSpans: [String] {
    prose.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .compactMap { $0.offset % 2 == 1 ? String($0.element).replacing("\n", with: " ") : nil }
  }

  /// Where the links of the prose go, images included.
  var links: [String] { prose.matches(of: /\]\(([^()\s]+)\)/).map { String($0.1) } }

  /// What a link may name after `#`: the headings, as GitHub makes anchors of them.
  var anchors: Set<String> {
    var isInside = false
    var anchors: Set<String> = []
    for line in lines {
      if line.hasPrefix("```") { isInside.toggle() }
      guard !isInside, let heading = line.firstMatch(of: /^#+ (.+)$/)?.1 else { continue }
      let kept = heading.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
      anchors.insert(kept.replacing(" ", with: "-"))
    }
    return anchors
  }

  /// The rows of the table under a heading of the second level, cell by cell: those that begin with code. Throws where
  /// there are none.
  func table(under heading: String) throws -> [[String]] {
    let section = lines.drop { $0 != heading }.dropFirst().prefix { !$0.hasPrefix("## ") }
    let rows = section.filter { $0.hasPrefix("| `") }.map { row in
      row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    return try #require(rows.isEmpty ? nil : rows, "no table under \(heading)")
  }

  /// The names between backticks.
  static func names(in cell: String) -> [String] {
    cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
  }

  /// The headings of the second level, in order.
  var sections: [String] { lines.filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) } }
}
