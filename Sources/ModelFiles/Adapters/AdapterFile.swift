import Diagnostics
import DurableFiles
import Foundation
import LanguageModels

/// adapter_config.json of PEFT: what is read of it, and what it says that Limbeck does not compute.
///
/// The keys and their defaults are those of `LoraConfig` (peft/tuners/lora/config.py, PEFT 0.21).
struct AdapterFile {
  let rank: Int
  let alpha: Double
  let isRankStabilised: Bool
  /// `base_model_name_or_path`; nil where it is left out.
  let basePath: String?
  /// The modules that have adapters.
  let scope: AdapterScope

  /// Reads the file. Throws `value` for adapters of another kind than plain LoRA.
  init(contentsOf url: URL) throws(ModelFileError) {
    let file = try HuggingFaceConfiguration(contentsOf: url)
    guard try file.string("peft_type") == "LORA" else {
      throw file.invalid("peft_type", expected: "\"LORA\"", advice: "adapters of other kinds cannot be read")
    }
    try Self.requirePlain(file)
    // `r: int = 8`, `lora_alpha: int = 8`
    rank = try file.integer("r", in: 1...DecoderConfiguration.sizeLimit) ?? 8
    alpha = try file.number("lora_alpha", expected: "a number") { Float($0).isFinite } ?? 8
    // `use_rslora: bool = False`
    isRankStabilised = try file.bool("use_rslora") ?? false
    basePath = try file.string("base_model_name_or_path")
    scope = try AdapterScope(file)
  }

  /// Checks that the file asks for nothing but W + scale · B · A.
  private static func requirePlain(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    let merge = "merge it into its model in peft first (merge_and_unload), and save that"
    for key in ["use_dora", "fan_in_fan_out", "lora_bias", "use_qalora"] where try file.bool(key) ?? false {
      throw file.invalid(key, expected: "false: plain LoRA", advice: merge)
    }
    guard try file.string("bias") ?? "none" == "none" else {
      throw file.invalid("bias", expected: "\"none\"", advice: merge)
    }
    let absent = [
      "modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication", "target_parameters",
      "trainable_token_indices", "alora_invocation_tokens", "arrow_config", "use_bdlora", "kasa_config",
      "monteclora_config",
    ]
    for key in absent where !isEmpty(file.present(key)) {
      throw file.invalid(key, expected: "nothing: the same adapter everywhere, and no other weights", advice: merge)
    }
    // true, false, "gaussian", "eva", "orthogonal" leave the base as it is; the others take something out of it
    if case .string(let name) = file.present("init_lora_weights"),
      !["gaussian", "eva", "orthogonal"].contains(name.lowercased())
    {
      throw file.invalid(
        "init_lora_weights", expected: "true, false, \"gaussian\", \"eva\" or \"orthogonal\"",
        advice: "it belongs to a changed base; " + merge)
    }
  }

  private static func isEmpty(_ value: JSONValue?) -> Bool {
    switch value {
    case nil, .null, .array([]), .object([:]): true
    default: false
    }
  }

  /// The file as PEFT writes it.
  static func json(
    _ configuration: AdapterConfiguration, base: AdapterBase, names: AdapterNames, layerCount: Int
  ) -> Data {
    var targets: [String] = []
    for target in configuration.modules.map(names.target) where !targets.contains(target) { targets.append(target) }
    let layers = Set(configuration.modules.map(\.layer))
    var members: [String: JSONValue] = [
      "peft_type": .string("LORA"), "task_type": .string("CAUSAL_LM"),
      "base_model_name_or_path": .string(base.path), "r": .integer(configuration.rank),
      "lora_alpha": Int(exactly: configuration.alpha).map { .integer($0) } ?? .number(configuration.alpha),
      "lora_dropout": .number(0), "target_modules": .array(targets.map { .string($0) }), "bias": .string("none"),
      "fan_in_fan_out": .bool(false), "use_rslora": .bool(configuration.isRankStabilised), "use_dora": .bool(false),
      "init_lora_weights": .bool(true), "inference_mode": .bool(true), "modules_to_save": .null,
      "rank_pattern": .object([:]), "alpha_pattern": .object([:]),
    ]
    members["layers_to_transform"] =
      layers.count == layerCount ? .null : .array(layers.sorted().map { .integer($0) })
    return Data((JSONValue.object(members).text(indentation: 2) + "\n").utf8)
  }
}
