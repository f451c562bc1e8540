import Foundation
import TestSupport
import Testing

/// docs/architecture.md says what there is and what may import what; the sources are held to it.
@Suite("docs/architecture.md") struct ArchitectureDocumentTests {
  private static let sources = Folders.project.appendingPathComponent("Sources")

  /// The rows of the table under a heading, cell by cell.
  private static func table(under heading: String) throws -> [[String]] {
    try Markdown("docs/architecture.md").table(under: heading)
  }

  /// The names between backticks.
  private static func names(in cell: String) -> [String] { Markdown.names(in: cell) }

  private static func folders(in folder: URL) throws -> Set<String> {
    let content = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: [.isDirectoryKey], options: .skipsHiddenFiles)
    return Set(
      try content.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        .map(\.lastPathComponent))
  }

  /// The Swift files of a module.
  private static func files(of module: String) throws -> [URL] {
    let folder = sources.appendingPathComponent(module)
    return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
      .map { folder.appendingPathComponent($0) }
  }

  @Test("Its table of modules is the folder Sources, and each module in Swift has its folder of tests")
  func modules() throws {
    let named = try Self.table(under: "## Modules").flatMap { Self.names(in: $0[0]) }
    #expect(try named.sorted() == Self.folders(in: Self.sources).sorted())
    let inSwift = try named.filter { try !Self.files(of: $0).isEmpty }
    let tests = try Self.folders(in: Folders.project.appendingPathComponent("Tests"))
    #expect(tests.isSuperset(of: inSwift.map { "\($0)Tests" }))
  }

  @Test("Modules import what its table says, and nothing else of the project")
  func imports() throws {
    var allowed: [String: Set<String>] = [:]
    for row in try Self.table(under: "## What may import what") {
      let module = try #require(Self.names(in: row[0]).first)
      var imports = Set(Self.names(in: row[1]))
      if row[1].hasPrefix("what `ModelTraining` may") { imports.formUnion(allowed["ModelTraining"] ?? []) }
      if row[1].hasPrefix("all of them") { imports.formUnion(allowed.keys) }
      allowed[module] = imports
    }
    let project = try Self.folders(in: Self.sources).filter { !$0.hasPrefix("C") }
    #expect(Set(allowed.keys) == project)
    for (module, imports) in allowed {
      for file in try Self.files(of: module) {
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
          let words = line.split(separator: " ")
          guard let place = words.firstIndex(of: "import"), place <= 2, words.count == place + 2 else { continue }
          let imported = String(words[place + 1])
          guard project.contains(imported) else { continue }
          #expect(imports.contains(imported), "\(module)/\(file.lastPathComponent) imports \(imported)")
        }
      }
    }
  }
}
