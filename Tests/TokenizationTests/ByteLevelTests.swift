import DurableFiles
import Foundation
import TestSupport
import Testing

@testable import Tokenization

@Suite("Byte-level BPE") struct ByteLevelTests {
  @Test("Ids are those of huggingface/tokenizers", arguments: ByteLevelFixture.names)
  func ids(_ name: String) throws {
    let (fixture, texts) = (ByteLevelFixture(name: name), try ByteLevelFixture.texts())
    let (tokenizer, expected) = (try fixture.tokenizer(), try fixture.expected())
    #expect(tokenizer.bosID == expected.begin.first && expected.begin.count <= 1)
    #expect(tokenizer.vocabularySize == expected.size)
    for (text, ids) in zip(texts, expected.ids) {
      #expect(tokenizer.encode(text) == ids, "\(name): \(text.prefix(60).debugDescription)")
    }
    for (ids, decoded) in zip(expected.ids.dropFirst(), expected.decoded) where name != "composed" {
      #expect(tokenizer.decode(ids) == decoded)
      var decoder = StreamingDecoder(tokenizer)
      #expect(ids.map { decoder.append($0) }.joined() + decoder.finish() == decoded)
    }
  }

  @Test("A text may arrive in parts, and be encoded by many threads", arguments: ByteLevelFixture.names)
  func parts(_ name: String) throws {
    let fixture = ByteLevelFixture(name: name)
    let (tokenizer, ids) = (try fixture.tokenizer(), try fixture.expected().ids[0])
    let text = Array(try ByteLevelFixture.texts()[0].utf8)
    for size in [7, 1025, 3000] {
      var encoder = StreamingEncoder(tokenizer, name: "text", threads: 2)
      var found: [Int32] = []
      for start in stride(from: 0, to: text.count, by: size) {
        found += try encoder.append(Array(text[start..<min(start + size, text.count)]))
      }
      found += try encoder.finish()
      #expect(found == ids, "\(size)")
    }
    // enough for several threads
    let copies = [String](repeating: String(decoding: text, as: UTF8.self), count: 30)
    #expect(tokenizer.encode(copies) == [[Int32]](repeating: ids, count: 30))
  }

  @Test("Wherever a text may be cut, its parts have the ids of the whole", arguments: ByteLevelFixture.names)
  func cuts(_ name: String) throws {
    let tokenizer = try ByteLevelFixture(name: name).tokenizer()
    let texts = try ByteLevelFixture.texts()
    let scalars = Array(texts.joined().unicodeScalars)
    var cuts = 0
    for start in stride(from: 0, to: scalars.count, by: 60) {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[start..<min(start + 80, scalars.count)])
      let text = Array(String(view).utf8)
      let whole = tokenizer.encode(String(view))
      for place in 1..<max(1, text.count) {
        var cut = place
        guard tokenizer.moveToCut(&cut, in: text.span), cut == place else { continue }
        cuts += 1
        let batch = TextBatch(bytes: text, ends: [cut, text.count], startsText: [true, false], continued: [0])
        #expect(tokenizer.encode(batch, threads: 1).ids == whole, "\(String(view).debugDescription) at \(cut)")
      }
    }
    // where white space belongs to an added token, few places are safe
    #expect(cuts > (name == "prefix_space" ? 4 : 100))
  }

  @Test("What is lossless gives back every text", arguments: ["gpt2", "smollm", "llama3", "deepseek_llm"])
  func roundTrip(_ name: String) throws {
    let tokenizer = try ByteLevelFixture(name: name).tokenizer()
    var generator = RepeatableGenerator(seed: 20)
    for _ in 0..<40 {
      let text = Array(randomUnicode(length: 200, using: &generator).utf8)
      #expect(tokenizer.decodeBytes(tokenizer.encode(String(decoding: text, as: UTF8.self))) == text)
    }
  }

  @Test("What is lossless says so")
  func lossless() throws {
    let folder = try TemporaryFolder()
    let gpt2 = ByteLevelFixture(name: "gpt2")
    #expect(try gpt2.tokenizer(["added_tokens": .array([])], in: folder).isLossless)
    #expect(try !gpt2.tokenizer().isLossless)
    for name in ["qwen2", "prefix_space", "unknown"] {
      let tokenizer = try ByteLevelFixture(name: name).tokenizer(["added_tokens": .array([])], in: folder)
      #expect(!tokenizer.isLossless, "\(name)")
    }
  }

  @Test("A long run is merged in time that grows with its length")
  func longRun() throws {
    let tokenizer = try ByteLevelFixture(name: "gpt2").tokenizer()
    for run in ["a", " ", "é", "ab"] {
      let text = String(repeating: run, count: 100_000)
      let ids = tokenizer.encode(text)
      #expect(tokenizer.decode(ids) == text)
    }
  }

  @Test("A prompt and its completion have the ids of the joined text where no token spans both")
  func prompts() throws {
    for name in ["gpt2", "qwen2", "llama3", "deepseek_v3"] {
      let tokenizer = try ByteLevelFixture(name: name).tokenizer()
      for (prompt, completion) in [("The quick", " brown fox"), ("dogs,\n", "they"), ("fox", ""), ("", " lazy")] {
        let ids = tokenizer.encode(prompt: prompt.utf8, completion: completion.utf8)
        #expect(
          ids.prompt + ids.completion == tokenizer.encode(prompt + completion), "\(name): \(prompt)|\(completion)")
        let begin = [tokenizer.bosID].compactMap(\.self)
        #expect(tokenizer.encode(prompts: [prompt]) == [begin + ids.prompt])
      }
    }
  }

  @Test("Tokens are shown as text, with their rank")
  func tokens() throws {
    let tokenizer = try ByteLevelFixture(name: "gpt2").tokenizer()
    let id = try #require(
      (0..<Int32(tokenizer.vocabularySize)).first {
        tokenizer.text(of: $0).hasPrefix(" ") && tokenizer.text(of: $0).count > 1
      })
    #expect(tokenizer.spelling(of: id).hasPrefix("\u{120}") && tokenizer.text(of: id).hasPrefix(" "))
    #expect(tokenizer.details(of: id).map(\.name) == ["kind", "rank"])
    #expect(tokenizer.details(of: id)[0].value == "merged")
    #expect(tokenizer.beginsWord(id))
    #expect(tokenizer.settings.contains(TokenizerFact("pre_tokenizer", "GPT-2")))
  }

  @Test("Each thing that changes the ids changes the digest")
  func digests() throws {
    let folder = try TemporaryFolder()
    let fixture = ByteLevelFixture(name: "qwen2")
    let whole = try fixture.tokenizer()
    var digests: Set = [whole.digest]
    let llama = try JSONValue(
      parsing: Array(Data(contentsOf: ByteLevelFixture(name: "llama3").file)), file: "llama3")
    guard case .object(let members) = llama, let split = members["pre_tokenizer"] else { return }
    for changes: [String: JSONValue?] in [
      ["normalizer": .null], ["pre_tokenizer": split], ["model.ignore_merges": .bool(true)],
      ["added_tokens": .array([])],
      ["model.merges": .array([])], ["model.fuse_unk": .bool(true)], ["model.unk_token": .string("a")],
    ] { digests.insert(try fixture.tokenizer(changes, in: folder).digest) }
    #expect(digests.count == 8)
    // nothing of this does
    #expect(try fixture.tokenizer(["model.dropout": .number(0)], in: folder).digest == whole.digest)
    #expect(try fixture.tokenizer(["post_processor": .null, "padding": .null], in: folder).digest == whole.digest)
  }

  @Test("A folder's files are written as they were, and a file may have another name")
  func files() throws {
    let folder = try TemporaryFolder()
    let content = try Data(contentsOf: ByteLevelFixture(name: "llama3").file)
    try folder.write(content, to: "model/tokenizer.json")
    try folder.write(#"{"eos_token": "<|end|>", "bos_token": "<|end|>"}"#, to: "model/tokenizer_config.json")
    let tokenizer = try loadTokenizer(from: folder.file("model"))
    #expect(tokenizer.files.map(\.name).sorted() == ["tokenizer.json", "tokenizer_config.json"])
    #expect(tokenizer.files.first { $0.name == "tokenizer.json" }?.contents == content)
    // the post-processor says what stands before a text
    #expect(tokenizer.eosID == 423 && tokenizer.bosID == 422)
    #expect(TokenizerFormat.ofFolder(folder.file("model"))?.fileNames == ["tokenizer.json"])
    try folder.write(content, to: "other.json")
    let other = try loadTokenizer(from: folder.file("other.json"))
    #expect(other.encode("<|begin|>fox") == tokenizer.encode("<|begin|>fox"))
    #expect(other.files.map(\.name) == ["tokenizer.json"])
  }

  @Test("What transformers 5 saved is written with the names that 4.57 knows, too")
  func filesOfOneVersion() throws {
    let folder = try TemporaryFolder()
    try folder.write(try Data(contentsOf: ByteLevelFixture(name: "llama3").file), to: "tokenizer.json")
    try folder.write(
      #"{"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<|end|>"], "eos_token": "<|end|>"}"#,
      to: "tokenizer_config.json")
    let tokenizer = try loadTokenizer(from: folder.url)
    let file = try #require(tokenizer.files.first { $0.name == "tokenizer_config.json" })
    #expect(
      try JSONValue(parsing: Array(file.contents), file: file.name)
        == .object([
          "tokenizer_class": .string("PreTrainedTokenizerFast"), "eos_token": .string("<|end|>"),
          "additional_special_tokens": .array([.string("<|end|>")]),
        ]))
    #expect(tokenizer.eosID == 423)
  }

  @Test("Form C is that of Foundation for characters that are old enough")
  func composition() {
    var generator = RepeatableGenerator(seed: 3)
    let marks: [Unicode.Scalar] = [
      "\u{300}", "\u{301}", "\u{302}", "\u{323}", "\u{327}", "\u{338}", "\u{345}", "\u{5B0}", "\u{93C}", "\u{E48}",
      "\u{1161}", "\u{3099}",
    ]
    let letters: [Unicode.Scalar] = [
      "a", "E", "o", "=", "<", " ", "ạ", "ệ", "\u{212B}", "\u{1100}", "가", "각", "か", "क", "\u{958}", "α", "ᾳ",
      "\u{344}",
    ]
    func composed(_ text: String) -> [UInt8] {
      let bytes = Array(text.utf8)
      return bytes.withUnsafeBufferPointer { CanonicalComposition.nfc.normalized($0) } ?? bytes
    }
    // Foundation on Linux leaves a syllable and the consonant that ends it apart
    #expect(composed("가\u{11A8}") == Array("각".utf8) && composed("\u{1100}\u{1161}\u{11A8}") == Array("각".utf8))
    for _ in 0..<500 {
      var view = String.UnicodeScalarView()
      for _ in 0..<12 {
        view.append((Bool.random(using: &generator) ? letters : marks).randomElement(using: &generator) ?? "a")
      }
      #expect(
        composed(String(view)) == Array(String(view).precomposedStringWithCanonicalMapping.utf8), "\(view.map(\.value))"
      )
    }
  }
}
