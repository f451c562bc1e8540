import Diagnostics

/// Families that one could take for ones that are read, and why they are not.
enum OtherFamilies {
  /// What to say of a `model_type` that is not read; nil where there is nothing to say.
  static func advice(on name: String) -> String? {
    if let reason = reasons[name] { return "\(name) is a family of its own: \(reason)" }
    let near = NearestName.nearest(to: name, among: KnownArchitectures.all.map(\.family))
    return near.map { "\(name) is not \($0), nor is it read as such" }
  }

  private static let reasons = Dictionary(
    uniqueKeysWithValues: groups.flatMap { group in group.families.map { ($0, group.reason) } })

  private static let groups: [(reason: String, families: [String])] = [
    (
      "its layers are mixtures of experts",
      [
        "mixtral", "qwen2_moe", "qwen3_moe", "llama4", "llama4_text", "phimoe", "granitemoe", "ernie4_5_moe",
        "deepseek_v2", "deepseek_v3", "gpt_oss", "olmoe",
      ]
    ),
    (
      "it sees or hears, too, and its language model is not read apart",
      [
        "mllama", "mistral3", "llava", "llava_next", "paligemma", "pixtral", "qwen2_vl", "qwen2_5_vl", "qwen3_vl",
        "qwen2_audio", "phi3_v", "phi4_multimodal",
      ]
    ),
    ("its layers have several streams, and embeddings of their own", ["gemma3n", "gemma3n_text", "gemma4"]),
    ("some of its layers are no attention", ["qwen3_next", "granitemoehybrid", "recurrent_gemma", "falcon_h1"]),
    ("its keys and values come from a latent state", ["minicpm3"]),
    ("it is an encoder and a decoder", ["t5gemma", "t5", "bart"]),
    ("its norms lie elsewhere", ["vaultgemma", "olmo2", "phi", "stablelm", "cohere", "gpt2", "gpt_neox"]),
  ]
}
