import Diagnostics
import DurableFiles
public import Foundation
public import TensorCore
public import Tokenization

/// The file that llama.cpp's `llama-perplexity --kl-divergence-base` writes: the log-probabilities of all V tokens, in
/// 16 bits each, for the second half of every chunk of a text.
///
/// The file: `_logits_`, then as 32-bit numbers C, the tokens of a chunk, V, the number of chunks n, and the n·C ids;
/// then, chunk after chunk, a row for each of the places C/2 + 1 to C − 1: a scale and a minimum in float32, and V
/// codes of 16 bits, filled up to an even number. log p is minimum + scale · code. What lies 16 nats or more below the
/// most likely token has code 0: how far below is not known. Where the tokenizer begins texts with BOS, each chunk was
/// fed with BOS in place of its first token.
public struct KLDivergenceFile {
  /// Where it is.
  public let url: URL
  /// The digest of the file.
  public let digest: String
  /// V
  public let vocabularySize: Int
  /// C
  public let chunkLength: Int
  /// n
  public let chunkCount: Int
  /// How many tokens the text has; the file has the first n·C of them.
  public let textTokenCount: Int
  /// The chunks as they were fed.
  public let documents: [TokenizedDocument]
  private let file: MappedFile
  private let layout: Layout

  /// How far below the largest log-probability the file keeps them apart, in nats.
  public static let floor: Float = 16

  /// Opens a file and checks it against the text that it was made from.
  /// - Parameters:
  ///   - url: the file.
  ///   - tokenizer: what the teacher's ids are made with.
  ///   - text: the text that was given to llama-perplexity; it may be longer than what the file has of it.
  ///   - textName: what errors call the text: its path.
  /// - Throws: `file`, or `value`: where it is no such file, cut short, of another text or of another vocabulary.
  public init(
    contentsOf url: URL, tokenizer: any Tokenizer, text: String, textName: String
  ) throws(TeacherCacheError) {
    let file = try TeacherCacheError.wrapping { () throws(FileError) in try MappedFile(contentsOf: url) }
    let layout = try Layout(file)
    guard layout.vocabularySize >= tokenizer.vocabularySize else {
      throw .value(
        InvalidValue(
          url.path, "n_vocab", expected: "at least the tokenizer's \(tokenizer.vocabularySize) tokens",
          found: "\(layout.vocabularySize)", advice: "give the tokenizer of the model that the file was made with"))
    }
    let ids = try TeacherCacheError.wrapping { () throws(FileError) in
      try file.elements(of: Int32.self, at: Layout.headerSize, count: layout.tokenCount).array
    }
    let beginsWithBOS = tokenizer.bosID != nil && ids.first == tokenizer.bosID
    textTokenCount = try Self.count(ids, beginsWithBOS, url, tokenizer, text, textName)
    let length = layout.chunkLength
    documents = (0..<layout.chunkCount).map { chunk in
      var fed = Array(ids[chunk * length..<(chunk + 1) * length])
      if beginsWithBOS, let bos = tokenizer.bosID { fed[0] = bos }
      return TokenizedDocument(
        prompt: Array(fed[...layout.firstScored]), completion: Array(fed[(layout.firstScored + 1)...]))
    }
    digest = Digest.sha256(of: file, in: 0..<file.count)
    (self.url, self.file, self.layout) = (url, file, layout)
    (vocabularySize, chunkLength, chunkCount) = (layout.vocabularySize, length, layout.chunkCount)
  }

  /// Checks that the ids are the first of the text's, and returns how many these are.
  private static func count(
    _ ids: [Int32], _ beginsWithBOS: Bool, _ url: URL, _ tokenizer: any Tokenizer, _ text: String, _ textName: String
  ) throws(TeacherCacheError) -> Int {
    func encode(_ text: String) -> [Int32] {
      (beginsWithBOS ? [tokenizer.bosID].compactMap(\.self) : []) + tokenizer.encode(text)
    }
    var own = encode(text)
    // llama-perplexity leaves out a line feed at the text's end
    if !own.starts(with: ids), text.hasSuffix("\n") { own = encode(String(text.dropLast())) }
    guard let place = ids.indices.first(where: { $0 >= own.count || ids[$0] != own[$0] }) else {
      return own.count
    }
    func name(_ id: Int32) -> String {
      (0..<Int32(tokenizer.vocabularySize)).contains(id) ? "\(id) (\"\(tokenizer.text(of: id))\")" : "\(id)"
    }
    throw .value(
      InvalidValue(
        url.path, "token \(place) of \(ids.count)",
        expected: place < own.count ? "\(name(own[place])), as in \(textName)" : "no more tokens than \(textName) has",
        found: name(ids[place]),
        advice: place < 2
          ? "it is of another text or of another tokenizer" : "give the text and the tokenizer it was made from"))
  }
}

extension KLDivergenceFile: RecordedTeacher {
  /// C: each chunk is a sequence.
  public var sequenceLength: Int { chunkLength }

  /// Of all scored tokens: what llama-perplexity prints the exponential of, but for tokens at the floor, which are at
  /// least as unlikely as that.
  public var crossEntropy: Double? {
    var (sum, count) = (0.0, 0)
    for document in documents.indices {
      for place in layout.firstScored + 1..<chunkLength {
        let offset = layout.offset(chunk: document, row: place - layout.firstScored - 1)
        guard let header = try? header(at: offset, document, place),
          let code = try? file.elements(
            of: UInt16.self, at: offset + 8 + 2 * Int(documents[document].ids[place]), count: 1)[0]
        else { return nil }
        sum -= Double(header.minimum + header.scale * Float(code))
        count += 1
      }
    }
    return sum / Double(max(1, count))
  }

  /// All tokens are there.
  public var listedCount: Int? { nil }

  public func requireFit(_ method: TeacherCacheMethod, temperature: Float) throws(TeacherCacheError) {}

  public func row(
    document: Int, place: Int, _ method: TeacherCacheMethod, temperature: Float, generator: SeededGenerator
  ) throws(TeacherCacheError) -> TeacherCacheRow {
    var logits = [Float](repeating: 0, count: vocabularySize)
    _ = try readLogProbabilities(document: document, place: place, into: &logits)
    var span = logits.mutableSpan
    guard let row = TeacherCacheRow(method, logits: &span, temperature: temperature, generator: generator) else {
      throw .notFinite(sequence: document, position: place)
    }
    return row
  }

  /// Reads the log-probabilities [V] of the token at a scored place of a chunk. Those at the floor get equal parts of
  /// what the others leave of 1, but not more than the floor. Returns what they get together. Throws `value` where they
  /// are no distribution.
  func readLogProbabilities(document: Int, place: Int, into row: inout [Float]) throws(TeacherCacheError) -> Double {
    let offset = layout.offset(chunk: document, row: place - layout.firstScored - 1)
    let (scale, minimum) = try header(at: offset, document, place)
    let codes = try TeacherCacheError.wrapping { () throws(FileError) in
      try file.elements(of: UInt16.self, at: offset + 8, count: vocabularySize)
    }
    // where all tokens lie above the floor, code 0 is the least likely of them
    let hasFloor = scale * 65_535 >= 0.9999 * Self.floor
    var floored = 0
    codes.withSpan { codes in
      for id in codes.indices {
        let isFloored = hasFloor && codes[id] == 0
        if isFloored { floored += 1 }
        row[id] = isFloored ? -.infinity : minimum + scale * Float(codes[id])
      }
    }
    let maximum = RowKernels.maximum(row.span)
    let kept = exp(Double(maximum) + Double(RowKernels.logSum(row.span, maximum: maximum, temperature: 1)))
    let most = Double(floored) * exp(Double(minimum))
    guard kept <= 1.002, kept + most >= 0.998 else {
      throw damaged(
        offset, document, place, expected: "probabilities whose sum is 1",
        found: "a sum of \(kept + (kept > 1 ? 0 : most))")
    }
    guard floored > 0 else { return 0 }
    let rest = min(max(0, 1 - kept), most)
    let share = Float(log(rest / Double(floored)))
    for id in row.indices where row[id] == -.infinity { row[id] = share }
    return rest
  }

  /// The scale and the least log-probability of a row.
  private func header(
    at offset: Int, _ document: Int, _ place: Int
  ) throws(TeacherCacheError) -> (scale: Float, minimum: Float) {
    let numbers = try TeacherCacheError.wrapping { () throws(FileError) in
      try file.elements(of: Float.self, at: offset, count: 2)
    }
    let (scale, minimum) = (numbers[0], numbers[1])
    guard scale >= 0, scale * 65_535 <= 1.001 * Self.floor else {
      throw damaged(offset, document, place, expected: "a scale from 0 to 16/65,535", found: "\(scale)")
    }
    guard minimum <= 0, minimum.isFinite else {
      throw damaged(
        offset, document, place, expected: "a least log-probability that is at most 0", found: "\(minimum)")
    }
    return (scale, minimum)
  }

  private func damaged(
    _ offset: Int, _ chunk: Int, _ place: Int, expected: String, found: String
  ) -> TeacherCacheError {
    .value(
      InvalidValue(
        url.path, "chunk \(chunk), token \(place), byte \(offset)", expected: expected, found: found,
        advice: "the file is damaged: make it again"))
  }

  /// The mean of what all tokens at the floor have together, over at most so many rows of the whole file.
  public func massAtFloor(rows: Int = 256) throws(TeacherCacheError) -> Double {
    let perChunk = chunkLength - 1 - layout.firstScored
    let count = min(rows, perChunk * chunkCount)
    var (sum, row) = (0.0, [Float](repeating: 0, count: vocabularySize))
    for index in 0..<count {
      // in Double: a product of two numbers of the file must not overflow
      let number = Int(Double(index) * Double(perChunk) * Double(chunkCount) / Double(count))
      let (chunk, place) = number.quotientAndRemainder(dividingBy: perChunk)
      sum += try readLogProbabilities(document: chunk, place: layout.firstScored + 1 + place, into: &row)
    }
    return sum / Double(count)
  }
}
