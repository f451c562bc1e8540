import Diagnostics
import DurableFiles
public import Foundation
import GGUF
import LanguageModels

extension GGUFModel {
  public var fileExtension: String? { "gguf" }

  // a row of a quantised matrix is a whole number of blocks
  public func write(
    into folder: URL, as name: String, keeping rows: VocabularyRows, with tokenizer: TokenizerParts,
    progress: (Int, Int) -> Void
  ) throws(ModelFileError) -> URL {
    let destination = folder.appendingPathComponent(name)
    let tensors = file.tensors.map { tensor in
      var shape = tensor.shape
      if vocabularyTensors.contains(tensor.name) { shape[0] = rows.keptIDs.count }
      return GGUFWriter.Tensor(name: tensor.name, type: tensor.type, shape: shape)
    }
    let metadata = try GGUFVocabularyRows(file, rows).metadata(noting: tokenizer.notes)
    try ModelFileError.wrapping { () throws(GGUFError) in
      let writer = try GGUFWriter(
        replacing: destination, metadata: metadata, tensors: tensors, alignment: file.alignment)
      let total = tensors.reduce(0) { $0 + $1.byteCount }
      var written = 0
      for (tensor, copy) in zip(file.tensors, tensors) {
        for range in byteRanges(of: tensor, rows) {
          try file.file.withBytes { (bytes) throws(GGUFError) in
            try writer.append(bytes.extracting(range), to: copy.name)
          }
          written += range.count
          progress(written, total)
        }
      }
      try writer.commit()
    }
    return destination
  }

  /// Where the bytes of a tensor lie that are copied.
  private func byteRanges(of tensor: GGUFTensor, _ rows: VocabularyRows) -> [Range<Int>] {
    guard vocabularyTensors.contains(tensor.name) else { return [tensor.byteRange] }
    let rowBytes = tensor.byteRange.count / tensor.shape[0]
    return rows.ranges.map { rows in
      let start = tensor.byteRange.lowerBound + rows.lowerBound * rowBytes
      return start..<start + rows.count * rowBytes
    }
  }
}

/// The metadata of a GGUF file with fewer tokens.
private struct GGUFVocabularyRows {
  private static let prefix = "tokenizer.ggml."
  /// The text of a tokenizer.json, with all tokens; llama.cpp does not read it.
  private static let wholeTokenizer = "tokenizer.huggingface.json"
  private let file: GGUFFile
  private let rows: VocabularyRows
  private let tokens: [[UInt8]]

  /// Throws `value` where there are fewer tokens than the rows are of. There may be more: names of ids without a token.
  init(_ file: GGUFFile, _ rows: VocabularyRows) throws(ModelFileError) {
    (self.file, self.rows) = (file, rows)
    guard case .array(let array)? = file.metadata[Self.prefix + "tokens"], let tokens = array.strings,
      tokens.count >= rows.tokenCount
    else {
      throw .value(
        file.metadata.invalid(
          Self.prefix + "tokens", expected: "an array of at least \(rows.tokenCount) strings"))
    }
    self.tokens = tokens
  }

  /// All values in the order of the file.
  func metadata(noting notes: [String: String]) throws(ModelFileError) -> [(key: String, value: GGUFWrittenValue)] {
    var result: [(key: String, value: GGUFWrittenValue)] = []
    for stored in file.metadata.stored where notes[stored.key] == nil && stored.key != Self.wholeTokenizer {
      if let value = try value(of: stored) { result.append((stored.key, value)) }
    }
    for (key, text) in notes.sorted(by: { $0.key < $1.key }) { result.append((key, .string(text))) }
    return result
  }

  /// A value with new ids; nil for the id of a token that is left out.
  private func value(of stored: GGUFStoredValue) throws(ModelFileError) -> GGUFWrittenValue? {
    let (key, value) = (stored.key, file.metadata[stored.key])
    if key.hasSuffix(".vocab_size"), !key.hasPrefix("tokenizer."), case .integer = value {
      return .uint32(UInt32(rows.keptIDs.count))
    }
    guard key.hasPrefix("tokenizer.") else { return .stored(stored) }
    switch value {
    case .integer(let id) where key.hasSuffix("_token_id"):
      return rows.newID(of: id).map { .uint32(UInt32($0)) }
    case .array(let array) where key == Self.prefix + "merges":
      guard let merges = array.strings else {
        throw .value(file.metadata.invalid(key, expected: "an array of strings"))
      }
      return .elements(of: array, places: kept(merges))
    case .array(let array) where array.count == tokens.count:
      return .elements(of: array, places: rows.keptIDs.map { Int($0) })
    default: return .stored(stored)
    }
  }

  /// The places of the merges, `left right`, of which both halves and what they become are kept.
  private func kept(_ merges: [[UInt8]]) -> [Int] {
    let kept = Set(rows.keptIDs.map { tokens[Int($0)] })
    return merges.indices.filter { place in
      let merge = merges[place]
      // a space inside a piece is spelled otherwise in such vocabularies
      guard let space = merge.dropFirst().firstIndex(of: UInt8(ascii: " ")) else { return true }
      let (left, right) = (Array(merge[..<space]), Array(merge[(space + 1)...]))
      return kept.contains(left) && kept.contains(right) && kept.contains(left + right)
    }
  }
}
