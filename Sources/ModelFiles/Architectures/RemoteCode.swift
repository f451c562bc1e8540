import DurableFiles

/// The code of a model's makers, which transformers fetches for families that it has no classes for, and runs where its
/// user sets `trust_remote_code`.
public struct RemoteCode: Sendable {
  /// Where it lies on the Hugging Face hub.
  let repository: String
  /// The module and the class of the configuration.
  let configuration: String
  /// The module and the class of the model with its head.
  let model: String

  /// What config.json calls it where the code does not lie beside it (`get_class_from_dynamic_module` in
  /// dynamic_module_utils.py, transformers 5.24).
  var map: JSONValue {
    .object([
      "AutoConfig": .string("\(repository)--\(configuration)"),
      "AutoModelForCausalLM": .string("\(repository)--\(model)"),
    ])
  }

  /// Whether a config.json names its configuration, from whatever place.
  func isNamed(in file: HuggingFaceConfiguration) -> Bool {
    guard case .object(let map)? = file.present("auto_map"), case .string(let name)? = map["AutoConfig"] else {
      return false
    }
    return name == configuration || name.hasSuffix("--\(configuration)")
  }
}
