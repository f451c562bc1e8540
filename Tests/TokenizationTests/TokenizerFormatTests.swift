import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Kinds of tokenizers") struct TokenizerFormatTests {
  @Test("A tokenizer's files, written into a folder, are read back from there")
  func folder() throws {
    let folder = try TemporaryFolder()
    #expect(TokenizerFormat.ofFolder(folder.url) == nil)
    #expect(try tokenizerFiles(in: folder.url).isEmpty)
    for file in Trained.unigram.files { try file.write(to: folder.url) }
    #expect(try folder.names == ["tokenizer.json", "tokenizer.model", "tokenizer_config.json"])
    #expect(Set(try tokenizerFiles(in: folder.url)) == Set(Trained.unigram.files))
    for place in [folder.url, folder.file("tokenizer.model")] {
      #expect(try loadTokenizer(from: place).digest == Trained.unigram.digest)
    }
    // A file may have any name.
    try Data(Trained.bpe.serialized).write(to: folder.file("mine"))
    #expect(try loadTokenizer(from: folder.file("mine")).digest == Trained.bpe.digest)
  }

  @Test("Where there is no tokenizer, the file that should be there is named")
  func missing() throws {
    let folder = try TemporaryFolder()
    for (place, file) in [
      (folder.url, folder.file("tokenizer.model")), (folder.file("none.model"), folder.file("none.model")),
    ] {
      let error = #expect(throws: TokenizationError.self) { try loadTokenizer(from: place) }
      #expect(error?.description.hasPrefix("\(file.path): ") == true)
    }
  }

  /// The seam: one folder knows SentencePiece; besides it only the command that trains one.
  @Test("Nothing outside its folder names a type of SentencePiece's")
  func seam() throws {
    let sources = Folders.project.appendingPathComponent("Sources")
    let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path).filter { $0.hasSuffix(".swift") }
    let inside = "Tokenization/SentencePiece/"
    func text(_ file: String) throws -> String {
      try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8)
    }
    var names: Set<Substring> = ["CSentencePiece", "CSentencePieceLibrary"]
    for file in files where file.hasPrefix(inside) {
      let declaration = /^(?:public )?(?:final )?(?:class|struct|enum|protocol|func) (\w+)/.anchorsMatchLineEndings()
      names.formUnion(try text(file).matches(of: declaration).map(\.output.1).map { Substring(String($0)) })
    }
    #expect(names.contains("SentencePieceTokenizer") && names.contains("TokenizerTrainer") && names.count > 10)
    for file in files where ![inside, "LimbeckCommand/Commands/Tokenizer/"].contains(where: file.hasPrefix) {
      let found = names.intersection(try text(file).split { !($0.isLetter || $0.isNumber || $0 == "_") })
      #expect(found.isEmpty, "\(file) names \(found.sorted().joined(separator: ", "))")
    }
  }
}
