import Foundation
import TestSupport
import Testing

/// README and docs are held to what there is: flags, subcommands, files and links.
@Suite("The documents") struct DocumentationTests {
  private static let project = Folders.project

  private static func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: project.appendingPathComponent(path).path)
  }

  /// The subcommands that a help text lists.
  private static func subcommands(of arguments: String...) throws -> [String] {
    let help = try Command.run(arguments + ["--help"]).output.split(separator: "\n", omittingEmptySubsequences: false)
    return help.drop { $0 != "SUBCOMMANDS:" }.dropFirst().prefix { !$0.isEmpty }
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  /// The flags of every subcommand, by its name: `tokenizer train` is one.
  private static let flags = Result {
    var flags: [String: Set<String>] = [:]
    for command in try subcommands() {
      let below = command == "help" ? [] : try subcommands(of: command)
      for name in below.isEmpty ? [command] : below.map({ "\(command) \($0)" }) {
        let help = try Command.run(name.split(separator: " ").map(String.init) + ["--help"]).output
        flags[name] = Set(help.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.0) })
      }
    }
    return flags
  }

  /// The flags in a line of a shell.
  private static func flags(in line: some StringProtocol) -> [String] {
    String(line).matches(of: /(?:^|[\s\[(])(--[a-z][a-z0-9-]*)/).map { String($0.1) }
  }

  @Test("Commands that they show are subcommands, with flags that these have")
  func commands() throws {
    let known = try Self.flags.get()
    for document in try Markdown.all() {
      // in prose `generate --draft` is short for `limbeck generate --draft`
      let spans = document.codeSpans.map { span in
        known.keys.contains { span.hasPrefix("\($0) --") } ? "limbeck \(span)" : span
      }
      for line in document.code + spans {
        guard let call = line.firstMatch(of: /(?:^|\/|\s)limbeck ([a-z-]+)(?: ([a-z-]+))?(.*)$/) else { continue }
        let (first, second, rest) = (String(call.1), call.2.map(String.init) ?? "", String(call.3))
        if ["help", "--version", "--help"].contains(first) { continue }
        // `limbeck tokenizer train|inspect` names several
        let names = [first, "\(first) \(second)"].filter { known[$0] != nil }
        let isGroup = known.keys.contains { $0.hasPrefix("\(first) ") }
        #expect(!names.isEmpty || isGroup, "\(document): \(line)")
        guard let name = names.last, let own = known[name] else { continue }
        let command = rest.prefix { !"|>#;".contains($0) }
        for flag in Self.flags(in: command) where !own.contains(flag) {
          Issue.record("\(document): \(line): \(flag)")
        }
      }
    }
  }

  @Test("Flags that they name exist: the command's, or those of the benchmarks and scripts")
  func flags() throws {
    let own = try Self.flags.get().values.reduce(into: Set<String>()) { $0.formUnion($1) }
    var programs = ""
    for folder in ["Benchmarks", "Scripts", ".ci"] {
      let files = try FileManager.default.subpathsOfDirectory(atPath: Self.project.appendingPathComponent(folder).path)
      for file in files where !file.hasPrefix(".") && !file.hasSuffix(".md") && !file.hasPrefix("results") {
        let url = Self.project.appendingPathComponent(folder).appendingPathComponent(file)
        programs += (try? String(contentsOf: url, encoding: .utf8)) ?? ""
      }
    }
    for document in try Markdown.all() {
      for span in document.codeSpans where span.hasPrefix("--") {
        for flag in Self.flags(in: span) where !own.contains(flag) && !programs.contains("\"\(flag)\"") {
          Issue.record("\(document): \(flag)")
        }
      }
    }
  }

  @Test("Lines of prose are not longer than 120 characters")
  func lineLengths() throws {
    for document in try Markdown.all() where document.path == "README.md" || document.path.hasPrefix("docs/") {
      var isCode = false
      for (index, line) in document.lines.enumerated() {
        if line.hasPrefix("```") { isCode.toggle() }
        // a row of a table cannot be broken
        if isCode || line.hasPrefix("|") { continue }
        #expect(line.count <= 120, "\(document), line \(index + 1)")
      }
    }
  }

  @Test("Links go to files and headings that exist")
  func links() throws {
    for document in try Markdown.all() {
      let folder = Self.project.appendingPathComponent(document.path).deletingLastPathComponent()
      for link in document.links where !link.contains("://") {
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let file =
          parts[0].isEmpty
          ? document.path
          : folder.appendingPathComponent(parts[0]).standardizedFileURL.path
            .replacing(Self.project.standardizedFileURL.path + "/", with: "")
        guard Self.exists(file) else {
          Issue.record("\(document): \(link): no such file")
          continue
        }
        if parts.count == 2, file.hasSuffix(".md") {
          #expect(try Markdown(file).anchors.contains(parts[1]), "\(document): \(link): no such heading")
        }
      }
    }
  }

  @Test("Places in the project that they name exist")
  func places() throws {
    let roots = [
      "Sources/", "Tests/", "docs/", "Scripts/", "Benchmarks/", "Snippets/", "recipes/", "tokenizers/", ".ci/",
    ]
    let made = ["Benchmarks/.venv", "Benchmarks/results"]
    for document in try Markdown.all() {
      for span in document.codeSpans {
        let path = String(span.prefix { !$0.isWhitespace })
        guard roots.contains(where: path.hasPrefix), !made.contains(where: path.hasPrefix) else { continue }
        #expect(Self.exists(path), "\(document): \(path)")
      }
    }
  }

  @Test("Types and modules that they name exist")
  func types() throws {
    var known: Set<String> = []
    for folder in ["Sources", "Tests", "Benchmarks", "Benchmarks/Programs", "Snippets"] {
      let root = Self.project.appendingPathComponent(folder)
      known.formUnion(try FileManager.default.contentsOfDirectory(atPath: root.path))
      for file in try FileManager.default.subpathsOfDirectory(atPath: root.path) where file.hasSuffix(".swift") {
        let source = try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
        for match in source.matches(of: /\b(?:struct|class|enum|protocol|actor|typealias) ([A-Z]\w+)/) {
          known.insert(String(match.1))
        }
      }
    }
    // those of fixtures name classes of Python, too
    for document in try Markdown.all() where !document.path.hasPrefix("Tests/") {
      for span in document.codeSpans {
        guard let name = span.prefixMatch(of: /[A-Z][a-z]+[A-Z]\w*/)?.0, !known.contains(String(name)) else { continue }
        Issue.record("\(document): \(name)")
      }
    }
  }

  @Test("The README is short, in order, names every subcommand and links every document")
  func readme() throws {
    let readme = try Markdown("README.md")
    #expect(readme.lines.count <= 121, "more than 120 lines")
    #expect(
      readme.sections == [
        "Two commands", "Your own text", "The library", "What it can do", "Models and platforms", "What it cannot",
        "How fast", "Requirements", "Documentation", "Developing",
      ])
    let text = readme.lines.joined(separator: "\n")
    for command in try Self.subcommands() where command != "help" {
      #expect(text.contains("limbeck \(command)") || text.contains("`\(command)`"), "\(command)")
    }
    let linked = Set(readme.links.map { String($0.prefix { $0 != "#" }) })
    for document in try Markdown.all() where document.path.hasPrefix("docs/") {
      #expect(linked.contains(document.path), "README does not link \(document)")
    }
  }
}
