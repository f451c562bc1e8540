import DurableFiles
import Foundation

/// Writes a `tokenizer.json`. Vocabulary and merges are written as bytes: there are hundreds of thousands of them, and
/// to strings, pieces that differ in the composition of their characters alone would be the same.
struct TokenizerJSONWriter {
  private(set) var bytes: [UInt8] = []

  /// A file of a BPE model.
  /// - Parameters:
  ///   - members: all but the model.
  ///   - model: its members but for vocabulary and merges.
  ///   - pieces: the vocabulary, with ids.
  ///   - merges: in order of rank; no half has a space.
  init(
    _ members: [String: JSONValue], model: [String: JSONValue],
    pieces: some Sequence<(id: Int, piece: ArraySlice<UInt8>)>,
    merges: some Sequence<(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)>
  ) {
    append("{")
    append(members)
    append("\n\"model\":{")
    append(model)
    append("\n\"vocab\":{")
    for (index, entry) in pieces.enumerated() {
      append(index == 0 ? "\n" : ",\n")
      append(quoted: entry.piece)
      append(":\(entry.id)")
    }
    append("},\n\"merges\":[")
    for (index, merge) in merges.enumerated() {
      append(index == 0 ? "\n\"" : ",\n\"")
      append(escaped: merge.left)
      append(" ")
      append(escaped: merge.right)
      append("\"")
    }
    append("]}}\n")
  }

  /// Members of an object, a comma after each.
  private mutating func append(_ members: [String: JSONValue]) {
    for (key, value) in members.sorted(by: { $0.key < $1.key }) {
      append("\n\(JSONValue.quoted(key)):\(value.text()),")
    }
  }

  private mutating func append(_ text: String) { bytes += text.utf8 }

  private mutating func append(quoted piece: ArraySlice<UInt8>) {
    append("\"")
    append(escaped: piece)
    append("\"")
  }

  private mutating func append(escaped piece: ArraySlice<UInt8>) {
    for byte in piece {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case ..<0x20: append("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
      default: bytes.append(byte)
      }
    }
  }
}
