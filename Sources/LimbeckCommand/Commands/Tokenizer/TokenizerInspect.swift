import ArgumentParser
import Foundation
import Tokenization

/// `limbeck tokenizer inspect`
struct TokenizerInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Shows what a tokenizer is made of.",
    discussion: """
      Example:
        limbeck tokenizer inspect tokenizer.model
        limbeck tokenizer inspect tokenizer.model --pieces | head
      """)

  @Option(name: .customLong("tokenizer"), help: ArgumentHelp("The same, as for encode and decode.", valueName: "path"))
  var namedTokenizer: String?
  @Argument(
    help: ArgumentHelp(
      "A tokenizer.model or tokenizer.json, or a model folder or .gguf file with one.", valueName: "path"))
  var tokenizer: String?
  @Flag(help: "List all pieces instead: id, kind, score and piece, separated by tabs.")
  var pieces = false
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if (tokenizer == nil) == (namedTokenizer == nil) {
      throw ValidationError("Give the tokenizer once: as PATH, or with --tokenizer.")
    }
  }

  func run() throws {
    let tokenizer = try loadTokenizer(from: URL(fileURLWithPath: tokenizer ?? namedTokenizer ?? ""))
    if pieces {
      let lines = (0..<Int32(tokenizer.vocabularySize)).map { id in
        (["\(id)"] + tokenizer.details(of: id).map(\.value) + [tokenizer.spelling(of: id).debugDescription])
          .joined(separator: "\t") + "\n"
      }
      return try StandardOutput.write(lines.joined())
    }
    let report = Report(tokenizer)
    if json { return try StandardOutput.write(json: report) }
    func described(_ id: Int32?) -> String { id.map { "\($0) \(tokenizer.spelling(of: $0))" } ?? "none" }
    var facts = FactList()
    facts.add("pieces", Format.count(report.pieces))
    facts.add("beginning of text", described(report.bosId))
    facts.add("end of text", described(report.eosId))
    facts.add("padding", described(report.padId))
    facts.add("unknown", described(report.unkId))
    facts.add("lossless", report.lossless ? "yes: decoding gives back every text unchanged" : "no")
    facts.add("digest", report.digest)
    try StandardOutput.write(facts.text)
  }

  private struct Report: Encodable {
    let pieces: Int
    let bosId, eosId, padId, unkId: Int32?
    let lossless: Bool
    let digest: String

    init(_ tokenizer: any Tokenizer) {
      pieces = tokenizer.vocabularySize
      (bosId, eosId, padId, unkId) = (tokenizer.bosID, tokenizer.eosID, tokenizer.padID, tokenizer.unknownID)
      lossless = tokenizer.isLossless
      digest = tokenizer.digest.hexadecimal
    }
  }
}
