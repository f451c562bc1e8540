import DurableFiles
import LanguageModels

/// Which layers have a window: `layer_types` and `sliding_window` of config.json.
enum LayerTypes {
  private static let (full, sliding) = ("full_attention", "sliding_attention")

  /// `sliding_window`, where an explicit null is none. Throws `value`.
  static func window(_ file: HuggingFaceConfiguration, default absent: Int?) throws(ModelFileError) -> Int? {
    guard file.contains("sliding_window") else { return absent }
    return try file.integer("sliding_window", in: 1...DecoderConfiguration.sizeLimit)
  }

  /// The windows of some layers [L].
  /// - Parameters:
  ///   - file: config.json.
  ///   - layers: L.
  ///   - window: of the layers that have one, if any may.
  ///   - key: the key that says that none may.
  ///   - pattern: which layers have one where there is no `layer_types`, as the configuration's class computes them.
  /// - Returns: the window of each layer.
  /// - Throws: `value` for `layer_types` of another length or with other words; for layers with a window and no window.
  static func windows(
    _ file: HuggingFaceConfiguration, layers: Int, window: Int?, key: String = "sliding_window",
    otherwise pattern: (Int) -> Bool
  ) throws(ModelFileError) -> [Int?] {
    var slides = (0..<layers).map(pattern)
    if let types = try file.strings("layer_types") {
      // `validate_layer_type` in configuration_utils.py (transformers 5.24)
      guard types.count == layers else {
        throw file.invalid("layer_types", expected: "\(layers) words, one for each of the num_hidden_layers")
      }
      guard types.allSatisfy([full, sliding].contains) else {
        throw file.invalid("layer_types", expected: "\"\(full)\" or \"\(sliding)\" for each layer")
      }
      slides = types.map { $0 == sliding }
    }
    guard window != nil || !slides.contains(true) else {
      throw file.invalid(key, expected: "a window, for there are layers of the type \"\(sliding)\"")
    }
    return slides.map { $0 ? window : nil }
  }

  /// The members for the windows of a configuration, which has at most one size of them; `absent` stands for
  /// `sliding_window` where no layer has one.
  static func members(of configuration: DecoderConfiguration, absent: JSONValue = .null) -> [String: JSONValue] {
    let window = configuration.attention.lazy.compactMap(\.window).first
    return [
      "layer_types": .array(configuration.attention.map { .string($0.window == nil ? full : sliding) }),
      "sliding_window": window.map { .integer($0) } ?? absent,
    ]
  }
}

extension DecoderConfiguration {
  /// Gives each layer its window.
  mutating func setWindows(_ windows: [Int?]) {
    for layer in attention.indices { attention[layer].window = windows[layer] }
  }
}
