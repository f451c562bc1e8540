import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Training a tokenizer") struct TrainerTests {
  private func error(_ options: TokenizerTrainingOptions, on texts: [String] = [Trained.text]) -> TokenizationError? {
    do throws(TokenizationError) {
      _ = try TokenizerTrainer(options).train(on: texts)
      return nil
    } catch {
      return error
    }
  }

  @Test("The vocabulary has the size asked for, and pieces that cover words", arguments: [300, 400])
  func size(_ size: Int) throws {
    for algorithm in TokenizerTrainingOptions.Algorithm.allCases {
      let options = TokenizerTrainingOptions(algorithm: algorithm, vocabularySize: size)
      let tokenizer = try TokenizerTrainer(options).train(on: [Trained.text])
      #expect(tokenizer.vocabularySize == size)
      let counts = Trained.text.utf8.count
      #expect(Double(tokenizer.encode(Trained.text).count) < 0.9 * Double(counts))
    }
  }

  @Test("The same text and options give the same tokenizer, from memory or from files")
  func repeatable() throws {
    let folder = try TemporaryFolder()
    try folder.write(Array(Trained.text.utf8), to: "text.txt")
    let options = TokenizerTrainingOptions(vocabularySize: 400)
    let fromFile = try TokenizerTrainer(options).train(on: Corpus(paths: [folder.url.path]))
    let again = try TokenizerTrainer(options).train(on: Corpus(paths: [folder.url.path]))
    #expect(fromFile.serialized == again.serialized)
    #expect(fromFile.digest == Trained.unigram.digest)
  }

  @Test("A drawn sample of lines is the same every time, and not all of the text")
  func sampled() throws {
    func digest(_ sampledLines: Int?) throws -> TokenizerDigest {
      let options = TokenizerTrainingOptions(vocabularySize: 330, sampledLines: sampledLines)
      return try TokenizerTrainer(options).train(on: [Trained.text]).digest
    }
    #expect(try digest(200) == digest(200))
    #expect(try digest(200) != digest(nil))
  }

  @Test("Newlines are pieces of their own")
  func newlines() throws {
    let newline = try #require(Trained.unigram.id(ofPiece: "\n"))
    #expect(Trained.unigram.encode("\n\n") == [newline, newline])
    for id in 0..<Int32(Trained.unigram.vocabularySize) where id != newline {
      #expect(!Trained.unigram.spelling(of: id).contains("\n"))
    }
  }

  @Test("A vocabulary too large for the text is refused with the largest that is possible")
  func tooLarge() throws {
    for algorithm in TokenizerTrainingOptions.Algorithm.allCases {
      var options = TokenizerTrainingOptions(algorithm: algorithm, vocabularySize: 20_000)
      let text = ["one two three, one too, three trees"]
      guard case .value(let value) = error(options, on: text) else {
        Issue.record("\(algorithm)")
        continue
      }
      #expect(value.key == "vocabulary-size" && value.found == "20000")
      let most = try #require(value.expected.firstMatch(of: /at most (\d+),/)?.1)
      options.vocabularySize = try #require(Int(most))
      #expect(try TokenizerTrainer(options).train(on: text).vocabularySize == options.vocabularySize)
      options.vocabularySize += 1
      #expect(error(options, on: text) != nil)
    }
  }

  @Test("Of libsentencepiece's messages the place in its source is left out")
  func messages() {
    let text = "Vocabulary size too high (300). Please set it to a value <= 295."
    for condition in ["(a) == (b)", "ids[pieces[0]] > 0", ""] {
      #expect(withoutSourceLocation("INTERNAL: ./src/trainer_interface.cc(660) [\(condition)] \(text)") == text)
    }
    for message in ["src/model.cc(12) [x] ", "src/model.cc(12) [x", "no memory [left]", ""] {
      #expect(withoutSourceLocation(message) == message)
    }
  }

  @Test("A vocabulary too small for the characters is refused with the smallest that is possible")
  func tooSmall() throws {
    let characters = String(String.UnicodeScalarView((0x4E00..<0x4F00).compactMap { Unicode.Scalar($0) }))
    let error = error(TokenizerTrainingOptions(vocabularySize: 300, characterCoverage: 1), on: [characters])
    guard case .value(let value) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    // 256 characters, 256 bytes, <unk>, <s>, </s> and the newline
    #expect(value.description.hasPrefix("vocabulary-size: expected at least 516, for"), "\(value)")
  }

  @Test("Options that cannot be are named")
  func options() {
    let cases: [(String, TokenizerTrainingOptions)] = [
      ("vocabulary-size", TokenizerTrainingOptions(vocabularySize: 260)),
      ("vocabulary-size", TokenizerTrainingOptions(vocabularySize: -1)),
      ("vocabulary-size", TokenizerTrainingOptions(vocabularySize: .max)),
      ("character-coverage", TokenizerTrainingOptions(characterCoverage: 0.5)),
      ("character-coverage", TokenizerTrainingOptions(characterCoverage: .nan)),
      ("threads", TokenizerTrainingOptions(threads: 0)),
      ("sampled-lines", TokenizerTrainingOptions(sampledLines: 5)),
      ("eos-id", TokenizerTrainingOptions(bosID: 1, eosID: 1)),
      ("pad-id", TokenizerTrainingOptions(vocabularySize: 400, padID: 400)),
      ("bos-id", TokenizerTrainingOptions(bosID: -5)), ("unk-id", TokenizerTrainingOptions(unknownID: -1)),
      ("user-defined-symbols", TokenizerTrainingOptions(userDefinedSymbols: [""])),
      ("user-defined-symbols", TokenizerTrainingOptions(userDefinedSymbols: ["a b"])),
      ("user-defined-symbols", TokenizerTrainingOptions(userDefinedSymbols: ["\0"])),
      ("user-defined-symbols", TokenizerTrainingOptions(userDefinedSymbols: ["x", "x"])),
    ]
    for (name, options) in cases {
      guard case .value(let value) = error(options), value.key == name else {
        Issue.record("accepted: \(name)")
        continue
      }
    }
    // Ids with gaps, and a symbol that is a special piece, are left to libsentencepiece.
    #expect(error(TokenizerTrainingOptions(vocabularySize: 400, userDefinedSymbols: ["<unk>"])) != nil)
  }

  @Test("Text with nothing to learn from is refused, and never ends the process")
  func nothingToLearn() {
    let options = TokenizerTrainingOptions(vocabularySize: 300)
    for text in ["", "\n\n\n", "\t", "\0\0", "\u{2585} x"] {
      #expect(error(options, on: [text]) == .emptyText(file: "the text"))
    }
    #expect(error(options, on: []) == .emptyText(file: "the text"))
    for text in [
      "a", " ", "   ", "aaaa", "a\tb", "a\0b", "\u{2581}", "é", "\r\n", "\u{10FFFF}", "a b", "ab\n\u{2585}", "\t\ta",
    ] {
      for algorithm in TokenizerTrainingOptions.Algorithm.allCases {
        // Too little for any vocabulary: the error is libsentencepiece's.
        let error = error(TokenizerTrainingOptions(algorithm: algorithm, vocabularySize: 300), on: [text])
        #expect(error != nil, "\(text.debugDescription)")
      }
    }
  }

  @Test("Lines of any length are learnt from")
  func longLines() throws {
    let line = Trained.text.split(separator: "\n").joined(separator: " ")
    #expect(line.utf8.count > TrainingSentences.longestSentence)
    let tokenizer = try TokenizerTrainer(TokenizerTrainingOptions(vocabularySize: 400)).train(on: [line])
    #expect(tokenizer.decode(tokenizer.encode(line)) == line)
    let sentences = TrainingSentences(userDefined: []) { nil }
    #expect(try !sentences.findsLearnableCharacter())
  }

  @Test("Text that is not UTF-8 stops the training")
  func notUTF8() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(Array(Trained.text.utf8) + [0xFF], to: "text.txt")
    let corpus = try Corpus(paths: [file.path])
    let lines = Trained.text.count { $0 == "\n" }
    #expect(throws: TokenizationError.notUTF8(file: file.path, byteOffset: Trained.text.utf8.count, line: lines + 1)) {
      try TokenizerTrainer(TokenizerTrainingOptions(vocabularySize: 400)).train(on: corpus)
    }
  }
}

@Suite("Texts that libsentencepiece cannot learn from") struct HardTrainingTests {
  @Test("A word of any length is learnt from", arguments: TokenizerTrainingOptions.Algorithm.allCases)
  func longWords(_ algorithm: TokenizerTrainingOptions.Algorithm) throws {
    let options = TokenizerTrainingOptions(algorithm: algorithm, vocabularySize: 400)
    for long in [
      String(repeating: "QUJD", count: 15_000), String(repeating: " ", count: 50_000),
      String(repeating: "é", count: 40_000), String(repeating: "x", count: 70_000),
    ] {
      let tokenizer = try TokenizerTrainer(options).train(on: [Trained.text, long, "ba " + long + " lo"])
      #expect(tokenizer.decode(tokenizer.encode(long)) == long)
    }
  }

  @Test(
    "Whatever ends libsentencepiece is an error of one line", arguments: ["a", "ab", "é", "aaaa", " a", "\u{10FFFF}"])
  func tinyTexts(_ text: String) {
    for algorithm in TokenizerTrainingOptions.Algorithm.allCases {
      for byteFallback in [true, false] {
        for size in [4, 5, 6, 7, 8, 259, 260, 261, 262, 263, 300, 100_000] {
          let options = TokenizerTrainingOptions(
            algorithm: algorithm, vocabularySize: size, byteFallback: byteFallback, userDefinedSymbols: [])
          do { _ = try TokenizerTrainer(options).train(on: [text]) } catch {
            #expect(!"\(error)".contains("\n") && "\(error)".count > 20, "\(error)")
          }
        }
      }
    }
  }
}
