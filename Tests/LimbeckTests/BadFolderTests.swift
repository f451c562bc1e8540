import Limbeck
import TestSupport
import Testing

@Suite("Folders that are no model are errors, never the end of the process") struct BadFolderTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A sound folder of a small model.
  private func write() throws {
    let tokenizer = try loadTokenizer(from: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
    let configuration = DecoderConfiguration(
      vocabularySize: 2048, hiddenSize: 8, feedForwardSize: 8, layerCount: 1, headCount: 2, contextLength: 32,
      tiesEmbeddings: true)
    try LanguageModel(configuration: configuration, tokenizer: tokenizer, seed: 1).write(to: folder.url)
  }

  private func open() throws { _ = try LanguageModel(contentsOf: folder.url, trainable: true) }

  @Test("A file that is missing, empty, cut, or another one")
  func files() throws {
    try write()
    try open()
    // which would do for the tokenizer's own file
    try FileManager.default.removeItem(at: folder.file("tokenizer.json"))
    for name in ["config.json", "model.safetensors", "tokenizer.model"] {
      let sound = try Data(contentsOf: folder.file(name))
      for content in [Data(), sound.prefix(sound.count / 2), sound.prefix(7), Data("[]".utf8), Data("{}".utf8)] {
        try content.write(to: folder.file(name))
        #expect(throws: LimbeckError.self, "\(name) of \(content.count) bytes") { try open() }
      }
      try FileManager.default.removeItem(at: folder.file(name))
      #expect(throws: LimbeckError.self) { try open() }
      try sound.write(to: folder.file(name))
    }
    try open()
  }

  @Test(
    "Numbers of config.json that cannot be",
    arguments: [
      "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
      "num_key_value_heads",
      "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_theta", "eos_token_id", "bos_token_id",
      "initializer_range",
    ])
  func numbers(key: String) throws {
    try write()
    let sound = try JSONValue(parsing: Array(Data(contentsOf: folder.file("config.json"))), file: "config.json")
    guard case .object(var members) = sound else { return }
    let values: [JSONValue] = [
      .integer(0), .integer(-1), .integer(.max), .integer(.min), .integer(1 << 31), .number(0.5), .number(1e300),
      .string("8"), .array([]), .object([:]), .bool(true), .null,
    ]
    for value in values {
      members[key] = value
      try Data(JSONValue.object(members).text().utf8).write(to: folder.file("config.json"))
      // some of them mean something
      do { try open() } catch is LimbeckError {}
    }
  }

  @Test("Other folders, files and links")
  func others() throws {
    #expect(throws: LimbeckError.self) { try open() }
    #expect(throws: LimbeckError.self) { try LanguageModel(contentsOf: folder.file("none")) }
    let file = try folder.write("text", to: "model.gguf")
    #expect(throws: LimbeckError.self) { try LanguageModel(contentsOf: file) }
    try FileManager.default.createSymbolicLink(at: folder.file("loop"), withDestinationURL: folder.file("loop"))
    #expect(throws: LimbeckError.self) { try LanguageModel(contentsOf: folder.file("loop")) }
    try folder.write("{}", to: "run.json")
    #expect(throws: LimbeckError.self) { try open() }
  }
}

@Suite("Sizes of models") struct ModelSizeTests {
  @Test(
    "Names of sizes",
    arguments: [
      ("small", 3_000_000), ("3M", 3_000_000), ("0.5m", 500_000), ("260K", 260_000), ("1.5B", 1_500_000_000),
    ])
  func names(text: String, parameters: Int) { #expect(ModelSize(text)?.parameters == parameters) }

  @Test("What is no size", arguments: ["", "M", "3", "-3M", "3MB", "1e9M", "nanM", "infM", "0M", "config.json", "١M"])
  func others(text: String) { #expect(ModelSize(text) == nil) }

  @Test(
    "A model of a size has about so many parameters",
    arguments: [300_000, 1_000_000, 15_000_000, 110_000_000, 7_000_000_000])
  func sizes(parameters: Int) throws {
    let tokenizer = try loadTokenizer(from: Folders.project.appendingPathComponent("tokenizers/austen-2048.model"))
    let configuration = DecoderConfiguration(
      parameters: parameters, vocabularySize: 2048, contextLength: 256, tokenizer: tokenizer)
    try configuration.check()
    let count = try #require(configuration.weightCount)
    #expect(abs(Double(count) / Double(parameters) - 1) < 0.35, "\(count)")
    #expect(configuration.bosTokenID == 1 && configuration.eosTokenIDs == [2] && configuration.contextLength == 256)
    // what is impossible is left to the check
    try DecoderConfiguration(parameters: 1, vocabularySize: 2048, contextLength: 1, tokenizer: tokenizer).check()
    let largest = DecoderConfiguration(
      parameters: .max, vocabularySize: .max, contextLength: 1, tokenizer: tokenizer)
    #expect(throws: InvalidValue.self) { try largest.check() }
  }
}
