import Testing

@testable import Tokenization

/// Where one text is cut in two: a prompt and its completion, the turns of a chat.
@Suite("Boundaries of parts") struct BoundaryTests {
  static let kinds = [
    ("lossless", Trained.unigram), ("lossless BPE", Trained.bpe), ("Llama 2", Trained.withPrefix),
    ("SentencePiece's default", Trained.standard), ("normalising unigram", Trained.normalising),
    ("extra spaces removed", Trained.removingSpaces),
  ]

  private func encoded(_ prompt: String, _ completion: String, _ tokenizer: any Tokenizer) -> EncodedCompletion {
    tokenizer.encode(prompt: prompt.utf8, completion: completion.utf8)
  }

  @Test("Where no token spans the boundary, the ids are those of the joint text", arguments: 0..<kinds.count)
  func joint(_ kind: Int) {
    let (name, tokenizer) = Self.kinds[kind]
    for (prompt, completion) in [
      ("ba lo", " ter mi"), ("ba", " lo"), ("ba lo mi", " qua  an"), ("ba.", " lo an."), ("ba lo", " "), ("", "ba"),
      ("", " ba lo"), (inventedText(sentences: 300, seed: 3) + "ba", " ter" + inventedText(sentences: 300, seed: 4)),
    ] {
      let ids = encoded(prompt, completion, tokenizer)
      #expect(ids.prompt + ids.completion == tokenizer.encode(prompt + completion), "\(name): \(prompt)|\(completion)")
    }
  }

  @Test("No space is lost or added, wherever a text is cut", arguments: 0..<kinds.count)
  func everyPlace(_ kind: Int) {
    let (name, tokenizer) = Self.kinds[kind]
    for text in ["ba lo an ter", "ba  lo", "lo\nba mi", "an.\tba \u{A0}lo"] {
      let whole = tokenizer.decode(tokenizer.encode(text))
      for place in text.indices.dropFirst() {
        let ids = encoded(String(text[..<place]), String(text[place...]), tokenizer)
        #expect(tokenizer.decode(ids.prompt + ids.completion) == whole, "\(name): \(text[..<place])|\(text[place...])")
      }
    }
  }

  @Test("A prompt has the same ids for generation and for training", arguments: 0..<kinds.count)
  func prompts(_ kind: Int) {
    let (name, tokenizer) = Self.kinds[kind]
    let prompts = ["ba lo", "ba ", "ba\u{A0} ", " ba", "", " ", "lo\n"]
    for (prompt, ids) in zip(prompts, tokenizer.encode(prompts: prompts)) {
      for completion in ["", "mi", " mi", " "] {
        let joint = [tokenizer.bosID].compactMap(\.self) + encoded(prompt, completion, tokenizer).prompt
        #expect(ids == joint, "\(name): \(prompt.debugDescription)|\(completion.debugDescription)")
      }
    }
  }

  @Test("What a model generates after a prompt is encoded as what it generated", arguments: 0..<kinds.count)
  func generated(_ kind: Int) {
    let (name, tokenizer) = Self.kinds[kind]
    let prompt = tokenizer.encode(prompts: ["ba lo"])[0]
    let completion = tokenizer.encode("mi ter qua an")
    var decoder = StreamingDecoder(tokenizer, after: prompt)
    let text = completion.map { decoder.append($0) }.joined() + decoder.finish()
    #expect(encoded("ba lo", text, tokenizer).completion == completion, "\(name): \(text)")
  }

  @Test("Recorded ids are used for the texts they were made of, and not for edited ones", arguments: 0..<kinds.count)
  func recorded(_ kind: Int) {
    let tokenizer = Self.kinds[kind].1
    let ids = encoded("ba lo", " mi", tokenizer)
    let whole = RecordedCompletion(tokenizer, prompt: ids.prompt, completion: ids.completion)
    #expect(whole.agrees(with: tokenizer, prompt: "ba lo", completion: " mi"))
    for prompt in ["ter ba lo", "ba loqua", "", "lo"] {
      #expect(!whole.agrees(with: tokenizer, prompt: prompt, completion: " mi"), "\(prompt)")
    }
    let promptless = RecordedCompletion(tokenizer, prompt: [], completion: ids.completion)
    #expect(!promptless.agrees(with: tokenizer, prompt: "ba lo", completion: " mi"))
  }

  @Test("A chat's parts are encoded one after another; BOS and EOS are found in templates alone")
  func chat() throws {
    let tokenizer = Trained.standard
    let format = ChatFormat(
      system: .init(suffix: " "), user: .init(prefix: "<s>ba", suffix: " lo"), assistant: .init(suffix: " </s>"))
    let parts = format.parts(of: [
      ChatMessage(.user, " an"), ChatMessage(.assistant, " mi"), ChatMessage(.user, " ter"),
      ChatMessage(.assistant, " ly"),
    ])
    let (bos, eos) = (try #require(tokenizer.bosID), try #require(tokenizer.eosID))
    let encoded = tokenizer.encode(parts)
    let answer = encoded.filter(\.isCounted).flatMap(\.ids)
    let space = try #require(tokenizer.id(ofPiece: "\u{2581}"))
    #expect(answer == tokenizer.encode("mi") + [space, eos] + tokenizer.encode("ly") + [space, eos])
    #expect(encoded.flatMap(\.ids).filter { $0 == bos }.count == 1)
    #expect(encoded.flatMap(\.ids).starts(with: tokenizer.encode("ba an lo mi")))
    let literal = tokenizer.encode([ChatPart("ba </s>", isTemplate: false, isCounted: true)])
    #expect(literal.flatMap(\.ids).contains(eos) == false)
  }

  @Test("The same text has as many tokens wherever it stands in a long one, in a tokenizer that normalises, too")
  func longDocument() {
    let text = inventedText(sentences: 1000, seed: 5)
    for tokenizer in [Trained.normalising, Trained.standard] {
      let once = tokenizer.encode(text).count
      let many = tokenizer.encode(String(repeating: text, count: 8)).count
      #expect(abs(many - 8 * once) <= 8)
      var place = TextCutter.shortestSegment
      #expect(tokenizer.moveToCut(&place, in: Array(text.utf8).span))
    }
    let short = String(text.prefix(3000))
    #expect(Trained.standard.encode(short) == Trained.standard.idsByLibrary(short))
    #expect(Trained.normalising.encode(short) == Trained.normalising.idsByLibrary(short))
  }
}
