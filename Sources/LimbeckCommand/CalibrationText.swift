import Diagnostics
import Limbeck
import ModelTraining
import TensorCore
import Tokenization

/// The text by which a teacher is pruned.
struct CalibrationText {
  let name: String
  /// The flag that gives more of it, without dashes.
  private let flag: String
  let ids: [Int32]
  /// BOS in front of each sequence, as in 'distill'.
  private let packing: SequencePacking

  /// Reads files or folders that a flag names. Throws what is wrong with them.
  init(_ paths: [String], flag: String = "calibration-text", _ teacher: LanguageModel, on device: Device) throws {
    let corpus = try TextListing().corpus(paths, Console())
    ids = try teacher.tokenizer.tokens(of: corpus, threads: device.threads).ids
    name = paths.joined(separator: ", ")
    packing = SequencePacking(.fixed, for: teacher.tokenizer)
    self.flag = flag
  }

  /// A part of the text in sequences. Throws where it has not even one.
  func sequences(_ ids: some Collection<Int32>, length: Int) throws -> PackedSequences {
    try PackedSequences(TokenArray(Array(ids)), sequenceLength: length, packing: packing, name: name)
  }

  /// Two parts of the text that have no token in common.
  struct Parts {
    let training, heldOut: PackedSequences
  }

  /// The most tokens that are held out: enough to tell shapes apart.
  private static let mostHeldOut = 8192

  /// The text as one part to learn and, an eighth of it at the most, one to be measured on, in sequences of at most 256
  /// tokens. Throws where there are not two sequences.
  func parts(contextLength: Int) throws -> Parts {
    let length = min(256, contextLength)
    let heldOut = min(Self.mostHeldOut, max(length + 1, ids.count / 8))
    let training = ids.count - heldOut
    guard training > length else {
      throw InvalidValue(
        name, "tokens", expected: "at least \(2 * (length + 1)), to compare shapes", found: "\(ids.count)",
        advice: "give more --\(flag)")
    }
    return Parts(
      training: try sequences(ids.prefix(training), length: length),
      heldOut: try sequences(ids.suffix(heldOut), length: length))
  }
}
