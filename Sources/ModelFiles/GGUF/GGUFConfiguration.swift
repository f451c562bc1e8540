import Diagnostics
public import GGUF
import LanguageModels

/// What the metadata of a GGUF file says of its model, read by key, with errors that name file, key, what was expected
/// and what was found. Keys are those of the architecture: `block_count` for `gemma3.block_count`. What a missing one
/// means is the reader's to say.
public struct GGUFConfiguration: Sendable {
  /// The file.
  public let file: GGUFFile
  /// `general.architecture`.
  public let architecture: String

  /// The metadata.
  var metadata: GGUFMetadata { file.metadata }

  /// What `name` is called in the file.
  func key(_ name: String) -> String { "\(architecture).\(name)" }

  /// Whether the file has the key.
  func contains(_ name: String) -> Bool { metadata[key(name)] != nil }

  /// The integer at a key; nil where there is none. Throws `value` for anything else, and outside `range`.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(ModelFileError) -> Int? {
    try ModelFileError.wrapping { () throws(GGUFError) in try metadata.integer(key(name), in: range) }
  }

  /// The size at a key: an integer from 1 on; nil where there is none. Throws `value`.
  func size(_ name: String) throws(ModelFileError) -> Int? {
    try integer(name, in: 1...DecoderConfiguration.sizeLimit)
  }

  /// The size at a key that must be there, at most `limit`. Throws `value`.
  func requiredSize(
    _ name: String, limit: Int = DecoderConfiguration.sizeLimit
  ) throws(ModelFileError) -> Int {
    guard let size = try integer(name, in: 1...limit) else {
      throw invalid(name, expected: "an integer from 1 to \(limit)")
    }
    return size
  }

  /// The size at a key that may have one for each layer, which must be equal; nil where there is none. Throws `value`.
  func sizeOfLayers(_ name: String) throws(ModelFileError) -> Int? {
    guard case .array(let array) = metadata[key(name)] else { return try size(name) }
    // no longer than a model has layers, so that an absurd one is not read
    guard array.count <= DecoderConfiguration.layerLimit, let sizes = array.integers, let first = sizes.first,
      first >= 1, first <= DecoderConfiguration.sizeLimit, sizes.allSatisfy({ $0 == first })
    else { throw invalid(name, expected: "the same size for all layers") }
    return first
  }

  /// The number above 0 at a key; nil where there is none. Throws `value`.
  func factor(_ name: String) throws(ModelFileError) -> Double? {
    try number(name, expected: "a number above 0") { $0 > 0 && $0.isFinite }
  }

  /// The number at a key; nil where there is none. A float32 stands for the shortest decimal that is read as it, as
  /// config.json has it. Throws `value` for anything else, and where `accepts` says no.
  func number(
    _ name: String, expected: String, where accepts: (Double) -> Bool
  ) throws(ModelFileError) -> Double? {
    let number = try ModelFileError.wrapping { () throws(GGUFError) in
      try metadata.number(key(name), expected: expected, where: accepts)
    }
    return number.map { Double(Float($0)) == $0 ? $0.shortestFloat : $0 }
  }

  /// The scale at a key; nil where there is none and for 0, which stands for none. Throws `value`.
  func scale(_ name: String) throws(ModelFileError) -> Double? {
    let scale = try number(name, expected: "a number from 0 on") { $0 >= 0 && $0.isFinite }
    return scale == 0 ? nil : scale
  }

  /// A soft cap; 0 is none. Throws `value`.
  func cap(_ name: String, default absent: Float?) throws(ModelFileError) -> Float? {
    guard contains(name) else { return absent }
    return try scale(name).map { Float($0) }
  }

  /// The window at a key; 0 is none. Throws `value`.
  func window(_ name: String, default absent: Int?) throws(ModelFileError) -> Int? {
    guard contains(name) else { return absent }
    let window = try integer(name, in: 0...DecoderConfiguration.sizeLimit)
    return window == 0 ? nil : window
  }

  /// Which of some layers have a window [L]: all but the last of each `period`, unless a key says otherwise
  /// (`load_swa_pattern` in llama-model.cpp). Throws `value`.
  func slidingLayers(_ layers: Int, period absent: Int) throws(ModelFileError) -> [Bool] {
    let name = "attention.sliding_window_pattern"
    if case .array(let array) = metadata[key(name)] {
      guard array.count == layers, let slides = array.bools else {
        throw invalid(name, expected: "\(layers) times true or false, one for each layer")
      }
      return slides
    }
    let period = try integer(name, in: 0...DecoderConfiguration.sizeLimit) ?? absent
    // `n_pattern == 0 || (il % n_pattern < (n_pattern - 1))`
    return (0..<layers).map { period == 0 || $0 % period < period - 1 }
  }

  /// The string at a key; nil where there is none. Throws `value` for anything else.
  func string(_ name: String) throws(ModelFileError) -> String? {
    try ModelFileError.wrapping { () throws(GGUFError) in try metadata.string(key(name)) }
  }

  /// The truth value at a key; nil where there is none. Throws `value` for anything else.
  func bool(_ name: String) throws(ModelFileError) -> Bool? {
    try ModelFileError.wrapping { () throws(GGUFError) in try metadata.bool(key(name)) }
  }

  /// The error for the value at a key.
  func invalid(_ name: String, expected: String, advice: String? = nil) -> ModelFileError {
    .value(metadata.invalid(key(name), expected: expected, advice: advice))
  }
}

extension Double {
  /// The shortest decimal that is read as the same float32.
  var shortestFloat: Double { Double(Float(self).description) ?? self }
}

extension ModelFileError {
  /// Runs `body`; throws what is wrong with a GGUF file as a case of this error.
  static func wrapping<Result: ~Copyable>(
    _ body: () throws(GGUFError) -> Result
  ) throws(ModelFileError) -> Result {
    do throws(GGUFError) { return try body() } catch {
      switch error {
      case .file(let error): throw .file(error)
      case .value(let error): throw .value(error)
      }
    }
  }
}
