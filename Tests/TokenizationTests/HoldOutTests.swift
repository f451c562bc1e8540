import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Text held out for validation") struct HoldOutTests {
  private let folder: TemporaryFolder
  private let tokenizer = Trained.bpe

  init() throws { folder = try TemporaryFolder() }

  private func texts(_ corpus: Corpus) throws -> [String] {
    var (reader, texts) = (DocumentReader(corpus), [String]())
    while let document = try reader.next() { texts.append(String(decoding: document.text, as: UTF8.self)) }
    return texts
  }

  @Test("Rows are drawn by seed: about the share, each once, in their order", arguments: ["x.jsonl", "x.json"])
  func rows(_ name: String) throws {
    let rows = (0..<1000).map { "{\"text\": \"row \($0)\"}" }.joined(separator: "\n")
    let corpus = try Corpus(paths: [folder.write(rows, to: name).path])
    for share in [0.05, 0.013, 0.5, 0.3] {
      let split = corpus.split(validationShare: share, seed: 3)
      let (training, validation) = (try texts(split.training), try texts(split.validation))
      #expect(abs(Double(validation.count) - 1000 * share) <= 1)
      #expect(Set(training).isDisjoint(with: validation) && training.count + validation.count == 1000)
      #expect(try texts(corpus.split(validationShare: share, seed: 3).validation) == validation)
      #expect(try texts(corpus.split(validationShare: share, seed: 4).validation) != validation)
    }
  }

  @Test("A plain text is drawn in blocks of whole paragraphs", arguments: ["\n\n", "\n", "\r\n\r\n"])
  func paragraphs(_ separator: String) throws {
    let paragraphs = (0..<600).map { "\($0) " + String(repeating: "ba lo mi ", count: 5 + $0 % 40) + "end." }
    let text = paragraphs.joined(separator: separator)
    let corpus = try Corpus(paths: [folder.write(text, to: "x.txt").path])
    let split = corpus.split(validationShare: 0.1, seed: 1)
    let (training, validation) = (try texts(split.training), try texts(split.validation))
    let share = Double(validation.joined().utf8.count) / Double(text.utf8.count)
    #expect((0.05...0.15).contains(share) && validation.count > 5)
    for part in training + validation {
      let trimmed = part.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(trimmed.components(separatedBy: separator).allSatisfy { paragraphs.contains($0) })
    }
    let all = (training + validation).flatMap { $0.components(separatedBy: separator) }.filter { !$0.isEmpty }
    #expect(all.count == paragraphs.count && Set(all) == Set(paragraphs))
    // Where a text goes on in the other part it has not ended.
    let file = try TokenFile.open(for: split.training, tokenizer: tokenizer, in: folder.file("tokens"))
    let ends = file.ids(0..<file.count).filter { $0 == tokenizer.eosID }.count
    #expect(ends <= 1)
    let other = try TokenFile.open(for: split.validation, tokenizer: tokenizer, in: folder.file("tokens"))
    #expect(other.url != file.url && !other.wasReused)
  }

  @Test("Of few rows or blocks one at least is held out, and one is not", arguments: 2...25)
  func few(_ count: Int) throws {
    let rows = (0..<count).map { "{\"text\": \"row \($0)\"}" }.joined(separator: "\n")
    let blocks = (0..<count).map { "\($0) " + String(repeating: "ba lo mi ", count: 150) }.joined(separator: "\n\n")
    for (text, name) in [(rows, "few.jsonl"), (rows, "few.json"), (blocks, "few.txt")] {
      let corpus = try Corpus(paths: [folder.write(text, to: name).path])
      for seed in 0..<UInt64(8) {
        let split = corpus.split(validationShare: 0.05, seed: seed)
        #expect(try !texts(split.validation).isEmpty && !texts(split.training).isEmpty, "\(name), seed \(seed)")
      }
      #expect(try texts(corpus.split(validationShare: 1e-300, seed: 1).validation).count == 1)
    }
  }

  @Test("A share that leaves nothing is an error")
  func nothing() throws {
    let corpus = try Corpus(texts: ["ba lo"])
    #expect {
      try texts(corpus.split(validationShare: 0.05, seed: 0).validation)
        + texts(corpus.split(validationShare: 0.05, seed: 0).training)
    } throws: {
      "\($0)".contains("validation-share")
    }
  }

  @Test("Validation text that is part of the training text is counted")
  func overlap() throws {
    let lines = (0..<40).map { "line \($0) " + String(repeating: "ba lo mi ", count: 6) }
    func corpus(_ range: Range<Int>, _ name: String) throws -> Corpus {
      try Corpus(paths: [folder.write(lines[range].joined(separator: "\n"), to: name).path])
    }
    let training = try corpus(0..<30, "training.txt")
    let copy = try corpus(0..<30, "copy.txt").overlap(with: training)
    #expect(copy.isComplete && copy.sharedDocuments == 1 && copy.sharedLines == 30)
    let within = try corpus(10..<20, "within.txt").overlap(with: training)
    #expect(within.isComplete && within.sharedDocuments == 0)
    let half = try corpus(20..<40, "half.txt").overlap(with: training)
    #expect(!half.isComplete && half.isNotable && half.sharedLines == 10 && half.lines == 20)
    let apart = try corpus(30..<40, "apart.txt").overlap(with: training)
    #expect(!apart.isComplete && !apart.isNotable)
    let rows = try folder.write("{\"text\": \"ba\"}\n{\"text\": \"lo\"}\n", to: "rows.jsonl")
    let other = try folder.write("{\"text\": \"lo\"}\n{\"text\": \"mi\"}\n", to: "other.jsonl")
    let shared = try Corpus(paths: [other.path]).overlap(with: Corpus(paths: [rows.path]))
    #expect(shared.documents == 2 && shared.sharedDocuments == 1 && shared.isNotable && !shared.isComplete)
  }

  @Test("Answers that rows of different questions share are no overlap")
  func answers() throws {
    func rows(_ range: Range<Int>, _ name: String) throws -> Corpus {
      let rows = range.map { #"{"prompt": "Is \#($0) even? ", "completion": "\#($0 % 2 == 0 ? "yes" : "no")"}"# }
      return try Corpus(paths: [folder.write(rows.joined(separator: "\n"), to: name).path])
    }
    let training = try rows(0..<50, "questions.jsonl")
    let other = try rows(50..<70, "others.jsonl").overlap(with: training)
    #expect(other.documents == 20 && other.sharedDocuments == 0 && !other.isNotable && !other.isComplete)
    #expect(try rows(10..<20, "same.jsonl").overlap(with: training).isComplete)
  }

  @Test("A long header that two texts share is worth a warning, not an error")
  func header() throws {
    let header = "This text is free for all uses, without any warranty at all.\n"
    func corpus(_ seed: UInt64, _ name: String) throws -> Corpus {
      let lines = (0..<20).map { "short line \($0) of \(seed)\n" }
      return try Corpus(paths: [folder.write(header + lines.joined(), to: name).path])
    }
    let overlap = try corpus(1, "one.txt").overlap(with: corpus(2, "two.txt"))
    #expect(overlap.lines == 1 && overlap.sharedLines == 1 && overlap.isNotable && !overlap.isComplete)
  }
}
