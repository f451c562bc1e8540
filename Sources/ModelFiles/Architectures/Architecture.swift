import Diagnostics
public import DurableFiles
public import LanguageModels

/// A family of models: what its config.json says, and where its weights lie. A new one is a file beside this one and a
/// line in `KnownArchitectures`; docs/adding-an-architecture.md walks through it.
public protocol Architecture: Sendable {
  /// `model_type` in config.json, and `DecoderConfiguration.family`.
  var family: String { get }
  /// The keys of config.json by the names of the configuration's properties, for errors about them.
  var keys: [String: String] { get }
  /// The code that transformers runs for it, where it has no classes of its own; by default there is none.
  var remoteCode: RemoteCode? { get }
  /// Those of the `ArithmeticKeys` that it reads; of others only values that change nothing are accepted.
  var reads: Set<String> { get }
  /// Reads the members of a config.json. What a missing key means is cited beside each default. Throws `value` for what
  /// the family cannot be, or Limbeck cannot compute; whether the values fit together is checked after that.
  func configuration(from file: HuggingFaceConfiguration) throws(ModelFileError) -> DecoderConfiguration
  /// The members of a config.json that transformers reads as this configuration, all but the type of the weights.
  func members(of configuration: DecoderConfiguration) -> [String: JSONValue]
  /// Where a weight lies.
  func location(of role: WeightRole, in configuration: DecoderConfiguration) -> TensorLocation
}

extension Architecture {
  /// None: transformers has classes for it.
  public var remoteCode: RemoteCode? { nil }
}

/// The tensor that holds a weight, alone or with others, in the weight's order of rows or in another.
public struct TensorLocation: Equatable, Sendable {
  /// The tensor's name.
  public let name: String
  /// The rows that are the weight's, which is their concatenation in this order; nil where it is the whole tensor.
  /// Ranges that follow one another are one, and none is empty.
  public let rows: [Range<Int>]?

  /// A location; by default the whole tensor.
  public init(_ name: String, rows: [Range<Int>]? = nil) {
    self.name = name
    self.rows = rows?.reduce(into: []) { joined, range in
      if let last = joined.last, last.upperBound == range.lowerBound {
        joined[joined.count - 1] = last.lowerBound..<range.upperBound
      } else if !range.isEmpty {
        joined.append(range)
      }
    }
  }

  /// The location of some rows that lie together.
  public init(_ name: String, rows: Range<Int>) { self.init(name, rows: [rows]) }
}

/// The families that Limbeck reads and writes.
public enum KnownArchitectures {
  /// All of them.
  public static let all: [any Architecture] = [
    Llama(), Mistral(), Qwen2(), Qwen3(), SmolLM3(), Gemma(), Gemma2(), Gemma3(), Phi3(), InternLM2(), InternLM3(),
    MiniCPM(), Granite(), Ernie45(), Helium(),
  ]

  /// The one of a config.json. Throws `value`, naming the known ones.
  static func named(in file: HuggingFaceConfiguration) throws(ModelFileError) -> any Architecture {
    if file.present("model_type") == nil {
      // the first folders of some families say by their code what they are
      if let architecture = all.first(where: { $0.remoteCode?.isNamed(in: file) ?? false }) { return architecture }
      try LlamaKeys.requireSizes(in: file)
    }
    let name = try file.string("model_type")
    guard let architecture = all.first(where: { $0.family == name }) else {
      throw file.invalid("model_type", expected: known, advice: name.flatMap(OtherFamilies.advice(on:)))
    }
    return architecture
  }

  /// The one of a configuration. Throws `value`, naming the known ones.
  public static func of(_ configuration: DecoderConfiguration) throws(ModelFileError) -> any Architecture {
    guard let architecture = all.first(where: { $0.family == configuration.family }) else {
      throw .value(InvalidValue("family", expected: known, found: "\"\(configuration.family)\""))
    }
    return architecture
  }

  private static var known: String { "one of " + all.map { "\"\($0.family)\"" }.joined(separator: ", ") }
}
