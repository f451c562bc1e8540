import DurableFiles
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import LanguageModels
@testable import ModelFiles

/// Models with fewer rows of embedding and head.
@Suite struct VocabularyRowsTests {
  let folder: TemporaryFolder

  private let none = TokenizerParts(files: [], notes: [:])

  init() throws { folder = try TemporaryFolder() }

  /// Two thirds of the ids, the special ones among them.
  private func rows(of configuration: DecoderConfiguration, tokenCount: Int? = nil) -> VocabularyRows {
    let special = [configuration.bosTokenID, configuration.padTokenID].compactMap(\.self) + configuration.eosTokenIDs
    let count = tokenCount ?? configuration.vocabularySize
    return VocabularyRows(
      keeping: (0..<Int32(count)).filter { $0 % 3 != 1 || special.contains(Int($0)) }, of: count)
  }

  @Test(arguments: ModelFixture.families + ["llama/sharded", "llama/float16", "llama/bfloat16"])
  func rowsAreTakenOverAsTheyAre(name: String) throws {
    let source = try ModelFolder(contentsOf: ModelFixture(name).folder)
    let rows = rows(of: source.configuration)
    var progress: [Int] = []
    let parts = TokenizerParts(files: [NamedFile(name: "a", contents: Data([1]))], notes: [:])
    try source.write(
      to: folder.file("new"), keeping: rows, with: parts, progress: { progress.append($1 - $0) },
      check: { #expect($0 != folder.file("new") && somethingExists(at: $0.appendingPathComponent("a").path)) })
    #expect(progress.last == 0 && somethingExists(at: folder.file("new/a").path))
    let written = try ModelFolder(contentsOf: folder.file("new"))
    var expected = source.configuration
    expected.vocabularySize = rows.keptIDs.count
    func new(_ id: Int) -> Int { rows.keptIDs.firstIndex(of: Int32(id)) ?? -1 }
    expected.bosTokenID = expected.bosTokenID.map(new)
    expected.padTokenID = expected.padTokenID.map(new)
    expected.eosTokenIDs = expected.eosTokenIDs.map(new)
    #expect(written.configuration == expected)
    #expect(written.weights.names == source.weights.names)
    for name in source.weights.names {
      let (tensor, copy) = (try source.weights.tensor(named: name), try written.weights.tensor(named: name))
      #expect(tensor.type == copy.type)
      let (floats, copied) = (try source.weights.floats(name), try written.weights.floats(name))
      guard source.vocabularyTensors.contains(name) else {
        #expect(floats == copied && tensor.shape == copy.shape)
        continue
      }
      let columns = tensor.shape[1]
      #expect(copied == rows.keptIDs.flatMap { floats[Int($0) * columns..<(Int($0) + 1) * columns] })
    }
    #expect(source.vocabularyTensors.count == (source.configuration.tiesEmbeddings ? 1 : 2))
  }

  /// Nothing appears where the check fails, and nothing is replaced.
  @Test(arguments: ["families/llama", "gguf/llama/model.gguf"])
  func whatIsRefusedLeavesNothing(name: String) throws {
    struct Refusal: Error {}
    let source = try openModel(at: ModelFixture.root.appendingPathComponent(name))
    let rows = rows(of: source.configuration)
    let destination = folder.file("new" + (source.fileExtension.map { ".\($0)" } ?? ""))
    #expect(throws: Refusal.self) {
      try source.write(to: destination, keeping: rows, with: none, check: { _ in throw Refusal() })
    }
    #expect(try folder.names.isEmpty)
    try Data("here".utf8).write(to: destination)
    #expect(throws: FileError.exists(file: destination.path)) {
      try source.write(to: destination, keeping: rows, with: none)
    }
    #expect(try folder.names == [destination.lastPathComponent] && Data(contentsOf: destination) == Data("here".utf8))
  }

  /// The logits of the smaller model are those of the tokens that stay.
  @Test func logitsAreTheSame() throws {
    let source = try ModelFolder(contentsOf: ModelFixture("families/gemma3_text").folder)
    let rows = rows(of: source.configuration)
    try source.write(to: folder.file("new"), keeping: rows, with: none)
    let (whole, small) = (try FrozenDecoder(source), try FrozenDecoder(contentsOf: folder.file("new")))
    let new: [Int32] = [0, 5, 9, 2, 1]
    let old = new.map { rows.keptIDs[Int($0)] }
    let before = whole.logits(whole.hiddenStates(old, batchSize: 1)).array()
    let after = small.logits(small.hiddenStates(new, batchSize: 1)).array()
    for row in new.indices {
      for (place, id) in rows.keptIDs.enumerated() {
        let (theirs, own) = (row * source.configuration.vocabularySize + Int(id), row * rows.keptIDs.count + place)
        #expect(abs(before[theirs] - after[own]) < 1e-4)
      }
    }
  }

  @Test func idsOfOtherKeysAreMappedAndPaddingGoes() throws {
    let fixture = try ModelFixture("families/llama")
    for name in ["config.json", "model.safetensors"] {
      try folder.write(Data(contentsOf: fixture.folder.appendingPathComponent(name)), to: "source/\(name)")
    }
    try folder.write(
      #"{"eos_token_id": [2, 5], "suppress_tokens": [3, 4, 1], "forced_eos_token_id": 4, "temperature": 0.5, "#
        + #""bad_words_ids": [[1, 4]], "sequence_bias": [[[1], 0.5]]}"#,
      to: "source/generation_config.json")
    let source = try ModelFolder(contentsOf: folder.file("source"))
    let rows = VocabularyRows(keeping: [0, 1, 2, 5, 8], of: 10)
    try source.write(to: folder.file("new"), keeping: rows, with: none)
    let written = try ModelFolder(contentsOf: folder.file("new"))
    #expect(written.configuration.vocabularySize == 5 && written.configuration.eosTokenIDs.contains(3))
    let generation = try JSONValue(
      parsing: Array(Data(contentsOf: folder.file("new/generation_config.json"))), file: "")
    #expect(
      generation
        == .object([
          "eos_token_id": .array([.integer(2), .integer(3)]), "suppress_tokens": .array([.integer(1)]),
          "temperature": .number(0.5),
        ]))
    // what ends a text must not be lost
    let error = #expect(throws: ModelFileError.self) {
      try source.write(to: folder.file("newer"), keeping: VocabularyRows(keeping: [0, 1, 2], of: 10), with: none)
    }
    #expect(try folder.names == ["new", "source"])
    #expect(try #require(error).description.contains("eos_token_id: expected a token of the tokenizer"))
  }
}
