import Foundation
import TestSupport
import Testing

@Suite("The README") struct ReadmeTests {
  /// The lines of the first code block under a heading.
  private func block(under heading: String) throws -> [Substring] {
    let lines = try String(contentsOf: Folders.project.appendingPathComponent("README.md"), encoding: .utf8)
      .split(separator: "\n", omittingEmptySubsequences: false)
    let section = lines.drop { $0 != heading }.dropFirst().prefix { !$0.hasPrefix("## ") }
    let block = Array(section.drop { !$0.hasPrefix("```") }.dropFirst().prefix { !$0.hasPrefix("```") })
    return try #require(block.isEmpty ? nil : block, "no code block under \(heading)")
  }

  private func folders(in folder: URL) throws -> Set<String> {
    let content = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: [.isDirectoryKey], options: .skipsHiddenFiles)
    return Set(
      try content.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        .map(\.lastPathComponent))
  }

  @Test("Its tree names the rooms that are there, and folders that are there")
  func tree() throws {
    let lines = try block(under: "## The tree")
    let names = lines.map { String($0.prefix { $0 == " " }) + ($0.split(separator: " ").first ?? "") }
    let rooms = names.filter { $0.hasPrefix("  ") }.map { String($0.dropFirst(2)) }
    #expect(try rooms.sorted() == folders(in: Folders.project.appendingPathComponent("Sources")).sorted())
    let topFolders = try folders(in: Folders.project)
    for name in names where !name.hasPrefix(" ") {
      #expect(topFolders.contains(name.replacing("/", with: "")), "\(name)")
    }
  }

  @Test("Every room in Swift has its folder of tests")
  func tests() throws {
    let rooms = try folders(in: Folders.project.appendingPathComponent("Sources")).filter { room in
      let files = try FileManager.default.contentsOfDirectory(
        atPath: Folders.project.appendingPathComponent("Sources/\(room)").path)
      return files.contains { $0.hasSuffix(".swift") }
    }
    #expect(!rooms.isEmpty)
    #expect(try folders(in: Folders.project.appendingPathComponent("Tests")).isSuperset(of: rooms.map { "\($0)Tests" }))
  }

  @Test("Its ways to distil are flags that exist")
  func waysToDistil() throws {
    let help = try Command.run("distill", "--help").output
    for line in try block(under: "### Ways to distil") {
      #expect(line.hasPrefix("--"))
      for flag in line.split(separator: " ") where flag.hasPrefix("--") {
        #expect(help.contains("\(flag) ") || help.contains("\(flag)\n"), "\(line): \(flag)")
      }
    }
  }

  @Test("Its list of subcommands is that of the command, with flags that exist")
  func commands() throws {
    let lines = try block(under: "## The command")
    var named: [String] = []
    for line in lines {
      let words = line.split(separator: " ")
      try #require(words.count > 1 && words[0] == "limbeck", "\(line)")
      named.append(String(words[1]))
      let help = try Command.run(named[named.count - 1], "--help").output
      for word in words {
        let flag = word.trimmingCharacters(in: CharacterSet(charactersIn: "[]…"))
        if flag.hasPrefix("--") { #expect(help.contains("\(flag) ") || help.contains("\(flag)\n"), "\(line): \(flag)") }
      }
    }
    let help = try Command.run("--help").output.split(separator: "\n", omittingEmptySubsequences: false)
    let subcommands = help.drop { $0 != "SUBCOMMANDS:" }.dropFirst().prefix { !$0.isEmpty }
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.compactMap {
        $0.split(separator: " ").first.map(String.init)
      }
    #expect(subcommands == named)
  }
}
