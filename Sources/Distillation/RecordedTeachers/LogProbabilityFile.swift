import Diagnostics
import DurableFiles
public import Foundation
public import TensorCore
public import Tokenization

/// Top-k log-probabilities as OpenAI-compatible servers (vLLM, llama-server) return them: JSON Lines with one response
/// a line, or a request and its response.
///
/// All of them are kept in memory, about 8 bytes for each log-probability.
public struct LogProbabilityFile {
  /// Where it is.
  public let url: URL
  /// The digest of the file.
  public let digest: String
  /// V
  public let vocabularySize: Int
  /// What the server read and wrote, a document for each choice.
  public let documents: [TokenizedDocument]
  /// How many of the most likely tokens the distributions list: the fewest and the most.
  public let listed: ClosedRange<Int>
  /// Of the ids that count, in nats.
  public let crossEntropy: Double?
  /// The line that each document is from, counted from 1.
  private let lines: [Int]
  /// For each document, the fewest that a distribution of it lists.
  private let fewest: [Int]
  /// For each document, where each of its ids' distribution begins in `ids`; that of the first id that follows none.
  private let starts: [[Int]]
  private let ids: [Int32]
  private let logProbabilities: [Float]

  /// Reads a file.
  /// - Parameters:
  ///   - url: the file.
  ///   - tokenizer: what the teacher's ids are made with.
  ///   - vocabularySize: V, where the teacher has more outputs than the tokenizer has tokens.
  ///   - chatFormat: how chats are asked for an answer; nil where that is not known.
  ///   - progress: is told how many bytes have been read, and of how many.
  /// - Throws: `file`, or `value`, which says in which line what is wrong.
  public init(
    contentsOf url: URL, tokenizer: any Tokenizer, vocabularySize: Int? = nil, chatFormat: ChatFormat? = nil,
    progress: (Int, Int) -> Void = { _, _ in }
  ) throws(TeacherCacheError) {
    let size = vocabularySize ?? tokenizer.vocabularySize
    let (tokens, limit) = (tokenizer.vocabularySize, TeacherCacheDescription.vocabularyLimit)
    guard size >= tokens, size <= limit else {
      throw .value(
        InvalidValue(
          "vocabulary-size",
          expected: size < tokens ? "at least the tokenizer's \(tokens) tokens" : "at most \(limit)",
          found: "\(size)"))
    }
    let file = try TeacherCacheError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) }
    var reader = ResponseReader(tokenizer, vocabularySize: size, chatFormat: chatFormat)
    let text = try TeacherCacheError.wrapping { () throws(FileError) in
      try file.elements(of: UInt8.self, at: 0, count: file.count)
    }
    var content = Content()
    // behind a byte order mark
    var start = text.withSpan { $0.count >= 3 && ($0[0], $0[1], $0[2]) == (0xEF, 0xBB, 0xBF) ? 3 : 0 }
    var line = 0
    while start < file.count {
      line += 1
      let bytes = text.withSpan { Self.line(from: start, in: $0) }
      start += bytes.count + 1
      progress(min(start, file.count), file.count)
      if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
      for document in try Self.documents(of: bytes, by: &reader, place: "\(url.path), line \(line)") {
        content.add(document, line: line)
      }
    }
    guard let listed = content.listed else { throw .value(.noDistributions(in: url.path)) }
    self.listed = listed
    (documents, lines, fewest, starts) = (content.documents, content.lines, content.fewest, content.starts)
    (ids, logProbabilities) = (content.ids, content.logProbabilities)
    crossEntropy = content.loss / Double(content.rows)
    self.vocabularySize = size
    self.url = url
    digest = Digest.sha256(of: file, in: 0..<file.count)
  }

  /// The documents of a line. Errors say where it is.
  private static func documents(
    of line: [UInt8], by reader: inout ResponseReader, place: String
  ) throws(TeacherCacheError) -> [ScoredDocument] {
    do throws(InvalidValue) { return try reader.documents(of: line) } catch {
      throw .value(
        InvalidValue(place, error.key, expected: error.expected, found: error.found, advice: error.advice))
    }
  }

  /// The bytes up to the next line feed, without it.
  private static func line(from start: Int, in bytes: Span<UInt8>) -> [UInt8] {
    var line: [UInt8] = []
    var place = start
    while place < bytes.count, bytes[place] != 0x0A {
      line.append(bytes[place])
      place += 1
    }
    return line
  }

  /// What has been read.
  private struct Content {
    var documents: [TokenizedDocument] = []
    var lines: [Int] = []
    var fewest: [Int] = []
    var starts: [[Int]] = []
    var ids: [Int32] = []
    var logProbabilities: [Float] = []
    var listed: ClosedRange<Int>?
    var (loss, rows) = (0.0, 0)

    mutating func add(_ scored: ScoredDocument, line: Int) {
      var (document, starts, fewest) = (TokenizedDocument(), [Int](), Int.max)
      for token in scored.tokens {
        starts.append(ids.count)
        document.append([token.id], counted: token.distribution != nil)
        guard let distribution = token.distribution else { continue }
        for (id, logProbability) in distribution.listed {
          ids.append(id)
          logProbabilities.append(logProbability)
        }
        let count = distribution.mostLikely
        fewest = min(fewest, count)
        listed = listed.map { min($0.lowerBound, count)...max($0.upperBound, count) } ?? count...count
        loss -= Double(distribution.own)
        rows += 1
      }
      starts.append(ids.count)
      documents.append(document)
      lines.append(line)
      self.fewest.append(fewest)
      self.starts.append(starts)
    }
  }
}

extension LogProbabilityFile: RecordedTeacher {
  /// That of the longest document.
  public var sequenceLength: Int { max(1, (documents.map(\.ids.count).max() ?? 0) - 1) }

  /// The mean of the probability that the rows do not list.
  public var unlistedMass: Double {
    var (sum, count) = (0.0, 0)
    for (document, starts) in zip(documents, starts) {
      for place in document.counted.joined() {
        sum += max(0, 1 - (starts[place]..<starts[place + 1]).reduce(0) { $0 + exp(Double(logProbabilities[$1])) })
        count += 1
      }
    }
    return sum / Double(max(1, count))
  }

  public var listedCount: Int? { listed.lowerBound }

  public func requireFit(_ method: TeacherCacheMethod, temperature: Float) throws(TeacherCacheError) {
    let k: Int
    switch method {
    case .topK(let count), .topKTail(let count): k = count
    case .sampled, .dense16, .hidden:
      throw .value(
        InvalidValue(
          "method", expected: "top-k-tail or top-k, for \(url.path) has only the most likely tokens",
          found: method.name))
    }
    guard temperature == 1 else {
      throw .value(
        InvalidValue(
          "temperature", expected: "1, for \(url.path) has only the most likely tokens", found: "\(temperature)"))
    }
    guard k <= listed.lowerBound else {
      let line = fewest.firstIndex { $0 < k }.map { lines[$0] } ?? 0
      throw .value(
        InvalidValue(
          "k", expected: "at most \(listed.lowerBound), the fewest tokens that a distribution in \(url.path) lists",
          found: "\(k)", advice: "line \(line) has too few"))
    }
  }

  public func row(
    document: Int, place: Int, _ method: TeacherCacheMethod, temperature: Float, generator: SeededGenerator
  ) throws(TeacherCacheError) -> TeacherCacheRow {
    var (k, keepsRest) = (0, false)
    switch method {
    case .topK(let count): k = count
    case .topKTail(let count): (k, keepsRest) = (count, true)
    case .sampled, .dense16, .hidden: preconditionFailure("\(method) of a few tokens")
    }
    let range = starts[document][place]..<starts[document][place + 1]
    // ties go to the smaller id, so that the bytes do not depend on the order of the file
    let largest = range.sorted { (-logProbabilities[$0], ids[$0]) < (-logProbabilities[$1], ids[$1]) }.prefix(k)
    let kept = largest.sorted { ids[$0] < ids[$1] }
    var logs = kept.map { logProbabilities[$0] }
    let mass = logs.reduce(0) { $0 + exp(Double($1)) }
    logs.append(Float(log(max(0, 1 - mass))))
    let codes = RowKernels.codes(ofLogProbabilities: logs.span)
    return .largest(
      ids: kept.map { ids[$0] }, codes: Array(codes.dropLast()), rest: keepsRest ? codes[kept.count] : nil)
  }
}
