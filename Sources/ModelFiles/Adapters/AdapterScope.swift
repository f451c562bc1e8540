import DurableFiles
import LanguageModels

/// The modules that an adapter_config.json gives adapters to. PEFT passes over factors of any other
/// (`check_target_module_exists` in peft/tuners/tuners_utils.py, PEFT 0.21).
struct AdapterScope {
  private let file: HuggingFaceConfiguration
  private let targets, excluded: ModuleNames?
  /// nil for all.
  private let layers: Set<Int>?

  /// Reads `target_modules`, `exclude_modules` and `layers_to_transform`. Throws `value`.
  init(_ file: HuggingFaceConfiguration) throws(ModelFileError) {
    self.file = file
    targets = try ModuleNames("target_modules", in: file)
    excluded = try ModuleNames("exclude_modules", in: file)
    switch file.present("layers_to_transform") {
    case nil, .null: layers = nil
    case .integer(let layer): layers = [layer]
    case .array(let values):
      var found: Set<Int> = []
      for value in values {
        guard case .integer(let layer) = value else {
          throw file.invalid("layers_to_transform", expected: "numbers of layers, or null")
        }
        found.insert(layer)
      }
      // to PEFT, an empty list is no limit
      layers = found.isEmpty ? nil : found
    default: throw file.invalid("layers_to_transform", expected: "numbers of layers, or null")
    }
  }

  /// Throws `value` where a module of the model has factors, but is none of these.
  func requireTarget(_ module: String, layer: Int) throws(ModelFileError) {
    let advice =
      "the file beside it has factors of \(module), which peft passes over: name it here, or leave its factors out"
    if let targets, !targets.contain(module) {
      throw file.invalid("target_modules", expected: "names, \(Self.lastPart(of: module)) among them", advice: advice)
    }
    if let excluded, excluded.contain(module) {
      throw file.invalid("exclude_modules", expected: "nothing that has factors", advice: advice)
    }
    if let layers, !layers.contains(layer) {
      throw file.invalid("layers_to_transform", expected: "layers, \(layer) among them, or null", advice: advice)
    }
  }

  private static func lastPart(of module: String) -> String {
    module.split(separator: ".").last.map(String.init) ?? module
  }
}

/// Some modules, as PEFT names them: a list of ends of their names, or a regular expression for the whole of one.
private enum ModuleNames {
  case ends([String])
  case expression(String)
  case all

  /// nil where the file does not say.
  init?(_ key: String, in file: HuggingFaceConfiguration) throws(ModelFileError) {
    let expected = "a list of names, a regular expression, or null"
    switch file.present(key) {
    case nil, .null: return nil
    case .string("all-linear"): self = .all
    case .string(let text):
      guard (try? Regex(text)) != nil else { throw file.invalid(key, expected: expected) }
      self = .expression(text)
    case .array(let values):
      var names: [String] = []
      for value in values {
        guard case .string(let name) = value else { throw file.invalid(key, expected: expected) }
        names.append(name)
      }
      self = .ends(names)
    default: throw file.invalid(key, expected: expected)
    }
  }

  func contain(_ module: String) -> Bool {
    switch self {
    case .all: true
    case .ends(let names): names.contains { module == $0 || module.hasSuffix(".\($0)") }
    case .expression(let text): (try? Regex(text).wholeMatch(in: module)) != nil
    }
  }
}
