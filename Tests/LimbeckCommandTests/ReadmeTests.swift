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
