import LanguageModels

/// What a checkpoint calls the tensors of a model, where it is not what transformers' classes with a head call them.
struct StoredNames: Sendable {
  /// The names that differ, by the usual ones.
  private var others: [String: String] = [:]
  /// What stands before the names of the layers and of what is outside them.
  private let prefix: String
  /// What the names of the weights outside the layers begin with, without the prefix: `embed_tokens`.
  private let outside: Set<String>
  /// What the checkpoint calls them, or would.
  private var own: Set<String> = []

  /// The usual prefix; none, which is what `LlamaModel` writes where it is saved without its head (`base_model_prefix`
  /// in modeling_utils.py; `from_pretrained` puts it in front); and those of the language model of one that also sees,
  /// by transformers 4 and 5 (`_checkpoint_conversion_mapping` in modeling_gemma3.py).
  private static let prefixes = [usual, "", "language_model.model.", "model.language_model."]
  private static let usual = "model."
  /// What may stand before the name of a head.
  private static let headPrefixes = ["", "language_model."]

  init(of configuration: DecoderConfiguration, _ architecture: any Architecture, in weights: any WeightSource) {
    let present = Set(weights.names)
    func name(_ role: WeightRole) -> String { architecture.location(of: role, in: configuration).name }
    let names = Set(configuration.weights.map { name($0.role) }).filter { $0.hasPrefix(Self.usual) }
    let counts = Self.prefixes.map { prefix in
      names.count { present.contains(Self.replacing($0, prefix)) }
    }
    // the first one of those that most names have
    let prefix = Self.prefixes[counts.firstIndex(of: counts.max() ?? 0) ?? 0]
    self.prefix = prefix
    outside = Set(
      [WeightRole.embedding, .finalNorm, .head].compactMap { role in
        Self.parts(of: name(role), after: Self.usual).first.map(String.init)
      })
    for usual in names where prefix != Self.usual && !present.contains(usual) {
      let other = Self.replacing(usual, prefix)
      if present.contains(other) { others[usual] = other }
    }
    let (embedding, head) = (name(.embedding), name(.head))
    if let other = Self.headPrefixes.map({ $0 + head }).first(where: present.contains), other != head {
      others[head] = other
    }
    // of a tensor with two names, `safetensors.torch.save_model` keeps the one that sorts first
    if configuration.tiesEmbeddings, !present.contains(stored(embedding)), present.contains(stored(head)) {
      others[embedding] = stored(head)
    }
    own = [stored(embedding), stored(name(.finalNorm)), stored(head)]
  }

  /// What the checkpoint calls the tensor that is usually called `name`.
  func stored(_ name: String) -> String { others[name] ?? name }

  /// A usual name with another prefix.
  private static func replacing(_ name: String, _ prefix: String) -> String { prefix + name.dropFirst(usual.count) }

  /// The parts of a name, without a prefix.
  private static func parts(of name: String, after prefix: String) -> ArraySlice<Substring> {
    (name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name[...]).split(separator: ".")[...]
  }

  /// Whether a tensor is a buffer of rotary embeddings, of which nothing is read.
  static func isBuffer(_ name: String) -> Bool {
    ["inv_freq", "cos_cached", "sin_cached"].contains(name.split(separator: ".").last ?? "")
  }

  /// Those of some tensors that cannot change what the language model computes: outside its layers, and of layers
  /// beyond the first `layers`.
  func ignored(_ names: [String], layers: Int) -> [String] {
    let sees = prefix != Self.usual && !prefix.isEmpty
    return names.filter { name in
      if Self.isBuffer(name) || own.contains(name) { return false }
      // beside a language model there is whatever else the model has
      if sees, !name.hasPrefix(prefix) { return true }
      let parts = Self.parts(of: name, after: sees ? prefix : Self.usual)
      guard parts.first == "layers", let number = parts.dropFirst().first.flatMap({ Int($0) }) else {
        return !name.hasPrefix(sees ? prefix : Self.usual) && !outside.contains(String(parts.first ?? ""))
      }
      return number >= layers
    }
  }
}
