import LanguageModels

/// What a checkpoint calls the tensors of a model, where it is not what transformers' classes with a head call them.
struct StoredNames: Sendable {
  /// The names that differ, by the usual ones.
  private var others: [String: String] = [:]
  /// What the names of the weights outside the layers begin with, without the prefix: `embed_tokens`.
  private let outside: Set<String>
  /// The part of the names that `LlamaModel` leaves out where it is saved without its head
  /// (`base_model_prefix` in modeling_utils.py); `from_pretrained` puts it in front of them.
  private static let prefix = "model."

  init(of configuration: DecoderConfiguration, _ architecture: any Architecture, in weights: any WeightSource) {
    let present = Set(weights.names)
    outside = Set(
      [WeightRole.embedding, .finalNorm, .head].compactMap { role in
        Self.parts(of: architecture.location(of: role, in: configuration).name).first.map(String.init)
      })
    for weight in configuration.weights {
      let name = architecture.location(of: weight.role, in: configuration).name
      guard !present.contains(name), name.hasPrefix(Self.prefix) else { continue }
      let short = String(name.dropFirst(Self.prefix.count))
      if present.contains(short) { others[name] = short }
    }
    // of a tensor with two names, `safetensors.torch.save_model` keeps the one that sorts first
    let embedding = architecture.location(of: .embedding, in: configuration).name
    let head = architecture.location(of: .head, in: configuration).name
    if configuration.tiesEmbeddings, !present.contains(stored(embedding)), present.contains(head) {
      others[embedding] = head
    }
  }

  /// What the checkpoint calls the tensor that is usually called `name`.
  func stored(_ name: String) -> String { others[name] ?? name }

  /// The parts of a name, without the prefix.
  private static func parts(of name: String) -> ArraySlice<Substring> {
    (name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name[...]).split(separator: ".")[...]
  }

  /// Whether a tensor is a buffer of rotary embeddings, of which nothing is read.
  static func isBuffer(_ name: String) -> Bool {
    ["inv_freq", "cos_cached", "sin_cached"].contains(name.split(separator: ".").last ?? "")
  }

  /// Those of some tensors that cannot change what the language model computes: outside its layers, and of layers
  /// beyond the first `layers`.
  func ignored(_ names: [String], layers: Int) -> [String] {
    names.filter { name in
      if Self.isBuffer(name) { return false }
      let parts = Self.parts(of: name)
      guard parts.first == "layers", let number = parts.dropFirst().first.flatMap({ Int($0) }) else {
        return !name.hasPrefix(Self.prefix) && !outside.contains(String(parts.first ?? ""))
      }
      return number >= layers
    }
  }
}
