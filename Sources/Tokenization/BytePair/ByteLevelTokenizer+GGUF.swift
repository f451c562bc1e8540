import DurableFiles
import Foundation
import GGUF

extension GGUFTokenizerKind {
  /// Byte-level BPE, as Llama 3's, Qwen's and SmolLM's models have it.
  static let byteLevelBPE = GGUFTokenizerKind(
    name: "gpt2",
    load: { (vocabulary) throws(TokenizationError) in
      let written = try GGUFByteLevel(vocabulary)
      let (json, configuration) = (try written.tokenizerJSON(), try written.configuration())
      let text = try TokenizerJSONText(json, file: vocabulary.file)
      let made = [
        NamedFile(name: TokenizerJSON.fileName, contents: Data(json)),
        NamedFile(
          name: HuggingFaceTokenizerFiles.configurationName,
          contents: Data((JSONValue.object(configuration).text() + "\n").utf8)),
      ]
      let files = HuggingFaceTokenizerFiles(
        configuration: configuration, addedTokens: try text.addedTokens(), files: made + (try vocabulary.originFiles()))
      return try files.adding(to: TokenizerJSONKind.tokenizer(TokenizerJSON(text), files), limit: nil)
    })
}

/// A GGUF file's byte-level vocabulary in the words of a tokenizer.json, which is what it was made from.
///
/// Control, unknown and user-defined tokens are added tokens. Those behind all others are only that, as in Llama 3's
/// and Qwen's files; the converter's names for ids without a token, `[PAD7]`, are none.
private struct GGUFByteLevel {
  private let vocabulary: GGUFVocabulary
  private let split: SplitName
  /// Ids from here on are no tokens of the model's vocabulary but added ones.
  private let ownEnd: Int

  init(_ vocabulary: GGUFVocabulary) throws(TokenizationError) {
    self.vocabulary = vocabulary
    split = try SplitName(vocabulary)
    if let id = vocabulary.types.firstIndex(of: .byte) {
      throw vocabulary.invalid(
        "token_type", expected: "no byte tokens (6) in a byte-level vocabulary",
        found: "token \(id), \(vocabulary.quoted(id))")
    }
    let end = vocabulary.types.indices.last { !vocabulary.types[$0].isAdded && !vocabulary.isPadding($0) }
    // huggingface/tokenizers numbers added tokens from the number of the others on
    let hasGap = (0..<vocabulary.ownEnd).contains(where: vocabulary.isPadding)
    ownEnd = hasGap ? vocabulary.count : (end ?? -1) + 1
  }

  /// The content of a tokenizer.json. Throws `value` where merges are none.
  func tokenizerJSON() throws(TokenizationError) -> [UInt8] {
    let vocabulary = vocabulary
    let ids = (0..<ownEnd).filter { !vocabulary.isPadding($0) }
    return TokenizerJSONWriter(
      [
        "version": .string("1.0"), "truncation": .null, "padding": .null, "added_tokens": .array(addedTokens),
        "normalizer": .null, "pre_tokenizer": split.preTokenizer.json, "post_processor": try postProcessor(),
        "decoder": .object(Self.byteLevel),
      ],
      model: [
        "type": .string("BPE"), "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
        "end_of_word_suffix": .null, "fuse_unk": .bool(false), "byte_fallback": .bool(false),
        "ignore_merges": .bool(split.ignoresMerges),
      ],
      pieces: ids.lazy.map { (id: $0, piece: vocabulary.pieces.bytes(at: $0)) }, merges: try merges()
    ).bytes
  }

  private static let byteLevel: [String: JSONValue] = [
    "type": .string("ByteLevel"), "add_prefix_space": .bool(true), "trim_offsets": .bool(true),
    "use_regex": .bool(true),
  ]

  /// The merges by their halves. Throws `value` for one of what are no tokens.
  private func merges() throws(TokenizationError) -> [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)] {
    var merges: [(left: ArraySlice<UInt8>, right: ArraySlice<UInt8>)] = []
    for (index, merge) in try vocabulary.merges().enumerated() {
      let halves = merge.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard halves.count == 2 else {
        throw vocabulary.invalid(
          "merges", expected: "two tokens with a space between them",
          found: "\(Self.quoted(merge[...])) as merge \(index)")
      }
      for part in [halves[0], halves[1], halves[0] + halves[1]] {
        guard let id = vocabulary.pieces.place(of: part), id < ownEnd else {
          throw vocabulary.invalid(
            "merges", expected: "merges of tokens to tokens",
            found: "merge \(index), \(Self.quoted(merge[...])), but no token \(Self.quoted(part))")
        }
      }
      merges.append((left: halves[0], right: halves[1]))
    }
    return merges
  }

  private static func quoted(_ piece: ArraySlice<UInt8>) -> String {
    JSONValue.quoted(String(decoding: piece, as: UTF8.self))
  }

  private var addedTokens: [JSONValue] {
    vocabulary.types.indices.filter { vocabulary.types[$0].isAdded }.map { id in
      .object([
        "id": .integer(id), "content": .string(vocabulary.text(id)), "single_word": .bool(false),
        "lstrip": .bool(false), "rstrip": .bool(false), "normalized": .bool(false),
        "special": .bool(vocabulary.types[id] != .userDefined),
      ])
    }
  }

  /// BOS before a text, where the file says so, or llama.cpp takes it for said.
  private func postProcessor() throws(TokenizationError) -> JSONValue {
    guard try vocabulary.flag("add_bos_token") ?? split.beginsText, let bos = try vocabulary.id("bos_token_id") else {
      return .object(Self.byteLevel)
    }
    return TokenizerJSON.beginning(with: vocabulary.text(Int(bos)), id: bos)
  }

  /// The members of the tokenizer_config.json.
  func configuration() throws(TokenizationError) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "clean_up_tokenization_spaces": .bool(false), "tokenizer_class": .string("PreTrainedTokenizerFast"),
    ]
    for (key, id) in [
      ("bos_token", try vocabulary.id("bos_token_id")), ("eos_token", try vocabulary.id("eos_token_id")),
      ("unk_token", try vocabulary.id("unknown_token_id")), ("pad_token", try vocabulary.id("padding_token_id")),
    ] {
      members[key] = id.map { .string(vocabulary.text(Int($0))) }
    }
    members["chat_template"] = try vocabulary.chatTemplate().map { .string($0) }
    return members
  }
}

/// How text is cut before it is merged, as `tokenizer.ggml.pre` names it.
struct SplitName {
  let preTokenizer: PreTokenizer
  /// Whether a part of a text that is a token stays whole, and BOS is put before a text where the file does not say:
  /// llama.cpp knows it by the name.
  let ignoresMerges: Bool
  let beginsText: Bool

  /// llama.cpp's names (`llama_vocab::impl::load`) by the pre-tokenizer that its regular expressions are.
  private static let names: [(preTokenizer: PreTokenizer, names: [String])] = [
    (
      .gpt2,
      [
        "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "exaone4", "gigachat", "a.x-4.0", "mellum",
        "granite-docling",
      ]
    ),
    (.digitsAndGPT2, ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"]),
    (
      .qwen2,
      [
        "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
      ]
    ),
    (.llama3, wholeWords + ["dbrx", "smaug-bpe", "chatglm-bpe", "glm4", "glm5"]),
    (.deepSeekV3, ["deepseek-v3", "hunyuan-dense", "joyai-llm"]),
    (.deepSeekLLM, ["deepseek-llm"]),
    (.deepSeekCoder, ["deepseek-coder"]),
  ]
  private static let wholeWords = [
    "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
  ]
  private static let wholeWordsWithoutBOS = ["glm4", "glm5"]

  /// The first name of a pre-tokenizer; nil where llama.cpp has none that keeps whole words, or none that does not.
  static func name(of preTokenizer: PreTokenizer, ignoresMerges: Bool) -> String? {
    names.first { $0.preTokenizer.name == preTokenizer.name }?.names.first {
      (wholeWords + wholeWordsWithoutBOS).contains($0) == ignoresMerges
    }
  }

  /// Throws `value` for a name that is not known.
  init(_ vocabulary: GGUFVocabulary) throws(TokenizationError) {
    let name = try vocabulary.string("pre")
    guard let name, let known = Self.names.first(where: { $0.names.contains(name) }) else {
      let all = Self.names.flatMap(\.names).joined(separator: ", ")
      throw vocabulary.invalid(
        "pre", expected: "one of \(all)", found: name.map(JSONValue.quoted) ?? "nothing",
        advice: "how text is cut is not known; \(GGUFTokenizerKind.remedy)")
    }
    preTokenizer = known.preTokenizer
    beginsText = Self.wholeWords.contains(name)
    ignoresMerges = beginsText || Self.wholeWordsWithoutBOS.contains(name)
  }
}

extension PieceKind {
  /// Whether the token is cut out of text before anything else is done to it.
  fileprivate var isAdded: Bool { [.control, .unknown, .userDefined].contains(self) }
}
