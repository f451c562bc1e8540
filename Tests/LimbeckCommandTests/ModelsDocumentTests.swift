import Foundation
import LanguageModels
import ModelFiles
import TestSupport
import Testing

/// docs/models.md says which families there are; the code and the fixtures are held to it.
@Suite("docs/models.md") struct ModelsDocumentTests {
  private static func table() throws -> [[String]] { try Markdown("docs/models.md").table(under: "## Families") }

  @Test("Its table has a row for each family, in the order of the list")
  func families() throws {
    let rows = try Self.table()
    #expect(rows.flatMap { Markdown.names(in: $0[0]) } == KnownArchitectures.all.map(\.family))
    for row in rows { #expect(row.count == 6, "\(row)") }
  }

  @Test("Each row names fixtures of its family, with gradients and losses, and all are named")
  func fixtures() throws {
    var named: Set<String> = []
    for row in try Self.table() {
      let fixtures = Markdown.names(in: row.last ?? "")
      #expect(!fixtures.isEmpty, "\(row)")
      for name in fixtures {
        #expect(ModelFixture.trained.contains(name), "\(name)")
        let family = try ModelFolder(contentsOf: ModelFixture(name).folder).configuration.family
        #expect(Markdown.names(in: row[0]) == [family], "\(name)")
      }
      named.formUnion(fixtures)
    }
    #expect(named.isSuperset(of: ModelFixture.families))
  }

  @Test("Its table of GGUF files has a row for each architecture, in the order of the list")
  func architecturesInGGUF() throws {
    let rows = try Markdown("docs/models.md").table(under: "## GGUF files")
    #expect(rows.flatMap { Markdown.names(in: $0[0]) } == KnownArchitectures.inGGUF.map(\.nameInGGUF))
    #expect(rows.flatMap { Markdown.names(in: $0[1]) } == KnownArchitectures.inGGUF.map(\.family))
  }

  @Test("README leads to it")
  func isLinked() throws {
    #expect(try Markdown("README.md").links.contains("docs/models.md"))
  }
}
