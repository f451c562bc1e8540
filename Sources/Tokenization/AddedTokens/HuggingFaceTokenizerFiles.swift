import DurableFiles
import Foundation

/// What Hugging Face's files beside a tokenizer say of added tokens and special ids. Precedence is as in
/// `PreTrainedTokenizerBase._from_pretrained` (tokenization_utils_base.py, transformers 5.24).
struct HuggingFaceTokenizerFiles {
  /// The names of the files that belong to a tokenizer whatever its kind, all but the last one Hugging Face's.
  static let names = [
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "tokenizer.json", "chat_template.jinja",
    "chat_template.json", VocabularyOrigin.fileName,
  ]

  static let configurationName = "tokenizer_config.json"

  let folder: URL?
  let objects: [String: [String: JSONValue]]
  /// What tokenizer.json lists.
  let addedTokens: [JSONValue]
  /// The folder's tokenizer.json; nil where there is none.
  let tokenizerJSON: TokenizerJSONText?
  /// Whether a space comes in front of each part of a text between added tokens, because transformers does what
  /// tokenizer.json says and nothing else.
  private let prependsToParts: Bool
  /// The files that there are, as they are but for what only one version of transformers knows.
  let files: [NamedFile]

  /// None of the files.
  init() {
    (folder, objects, addedTokens, tokenizerJSON, files) = (nil, [:], [], nil, [])
    prependsToParts = false
  }

  /// What a tokenizer that has no such files yet would write.
  /// - Parameters:
  ///   - configuration: the members of its tokenizer_config.json.
  ///   - addedTokens: the added tokens of its tokenizer.json.
  ///   - prependsToParts: whether that puts a space in front of each part of a text between added tokens; false by
  ///     default.
  ///   - files: the files; by default none, for the tokenizer makes them when they are asked for.
  init(
    configuration: [String: JSONValue], addedTokens: [JSONValue], prependsToParts: Bool = false,
    files: [NamedFile] = []
  ) {
    (folder, objects) = (nil, [Self.configurationName: configuration])
    (self.addedTokens, tokenizerJSON, self.files) = (addedTokens, nil, files)
    self.prependsToParts = prependsToParts
  }

  /// A tokenizer.json of any name, alone. Throws what is wrong with it.
  init(tokenizerJSON file: URL) throws(TokenizationError) {
    (folder, objects) = (file.deletingLastPathComponent(), [:])
    let text = try TokenizerJSONText(contentsOf: file)
    addedTokens = try text.addedTokens()
    tokenizerJSON = text
    prependsToParts = false
    files = [NamedFile(name: TokenizerJSON.fileName, contents: Data(text.bytes))]
  }

  /// Reads what there is of the files. Throws `file` where one is no JSON.
  init(in folder: URL) throws(TokenizationError) {
    self.folder = folder
    let files = try TokenizationError.wrapping { () throws(FileError) in try namedFiles(Self.names, in: folder) }
    var objects: [String: [String: JSONValue]] = [:]
    let unread = [TokenizerJSON.fileName, "chat_template.jinja", "chat_template.json", VocabularyOrigin.fileName]
    for name in Self.names where !unread.contains(name) {
      let url = folder.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      let value = try TokenizationError.wrapping { () throws(FileError) in
        let file = try MappedFile(contentsOf: url)
        try file.requireNoPointer()
        let bytes = file.withBytes { $0.withUnsafeBytes { Array($0) } }
        return try JSONValue(parsing: bytes, file: url.path, dialect: .python)
      }
      if case .object(let members) = value { objects[name] = members }
    }
    self.objects = objects
    self.files = files.map { Self.forAllVersions($0, objects) }
    let json = folder.appendingPathComponent(TokenizerJSON.fileName)
    tokenizerJSON =
      FileManager.default.fileExists(atPath: json.path) ? try TokenizerJSONText(contentsOf: json) : nil
    addedTokens = try tokenizerJSON?.addedTokens() ?? []
    let isPlain = ["PreTrainedTokenizerFast", "TokenizersBackend"].contains {
      objects[Self.configurationName]?["tokenizer_class"] == .string($0)
    }
    let normalizer = try isPlain ? tokenizerJSON?.value(at: tokenizerJSON?.members["normalizer"]) : nil
    prependsToParts = normalizer.map(Self.prepends) ?? false
  }

  /// Whether a normalizer puts a space in front of what it is given.
  private static func prepends(_ normalizer: JSONValue) -> Bool {
    guard case .object(let members) = normalizer else { return false }
    if case .array(let steps) = members["normalizers"] { return steps.contains(where: prepends) }
    return members["type"] == .string("Prepend")
  }

  /// The file; of a tokenizer_config.json that transformers 5 saved, with the names that 4.57 knows, too, and that 5.24
  /// takes for its own: `TokenizersBackend = PreTrainedTokenizerFast` (tokenization_utils_tokenizers.py).
  private static func forAllVersions(_ file: NamedFile, _ objects: [String: [String: JSONValue]]) -> NamedFile {
    guard file.name == "tokenizer_config.json", var members = objects[file.name],
      members["tokenizer_class"] == .string("TokenizersBackend")
    else { return file }
    members["tokenizer_class"] = .string("PreTrainedTokenizerFast")
    if case .array = members["extra_special_tokens"], members["additional_special_tokens"] == nil {
      members["additional_special_tokens"] = members.removeValue(forKey: "extra_special_tokens")
    }
    return NamedFile(name: file.name, contents: Data((JSONValue.object(members).text() + "\n").utf8))
  }

  var configuration: [String: JSONValue] { objects[Self.configurationName] ?? [:] }

  /// Whether the tokenizer is not to put a space in front of text though its own file says so.
  var forbidsPrefixSpace: Bool { configuration["add_prefix_space"] == .bool(false) }

  /// Whether special tokens are not looked for in text.
  var keepsSpecialText: Bool { configuration["split_special_tokens"] == .bool(true) }

  /// The token that the files name for a purpose, such as `bos_token`; nil where they name none.
  func text(of key: String) -> String? { specialContents.content(of: key) }

  /// `base` with what the files add to it; `base` itself where that is nothing. Ids from `limit` on are left out: a
  /// model with so many outputs has no row for them. Throws `corruptTokenizer` where an added token makes no sense.
  func adding(to base: any Tokenizer, limit: Int?) throws(TokenizationError) -> any Tokenizer {
    let size = Int32(base.vocabularySize)
    func known(_ content: String) -> Int32? { base.id(spelled: Array(content.utf8)) }
    let special = specialContents
    let limit = limit ?? .max
    var tokens = try listed().filter { Int($0.id) < limit }
    // a token that the tokenizer has keeps its id
    for index in tokens.indices { tokens[index].id = known(tokens[index].content) ?? tokens[index].id }
    var next = max(size, (tokens.map(\.id).max() ?? 0) + 1)
    for content in special.added where !content.isEmpty {
      if let index = tokens.firstIndex(where: { $0.isSpelled(content) }) {
        tokens[index].isSpecial = true
      } else if known(content) == nil, Int(next) < limit {
        tokens.append(AddedToken(content: content, id: next, isSpecial: true))
        next += 1
      }
    }
    var matched = tokens.filter { !($0.isSpecial && keepsSpecialText) && !($0.id < size && base.keepsWhole($0.id)) }
    let rules = base as? any AddedTokenRules
    if !keepsSpecialText, rules != nil {
      // tokens of the vocabulary that the files name are added ones to transformers
      for content in special.added where !tokens.contains(where: { $0.isSpelled(content) }) {
        guard let id = known(content) else { continue }
        matched.append(AddedToken(content: content, id: id, isSpecial: true))
      }
    }
    let named = special.ids { content in
      tokens.first { $0.isSpelled(content) }?.id ?? known(content)
    }
    var specialIDs = SpecialIDs(bos: base.bosID, eos: base.eosID, pad: base.padID, unknown: base.unknownID)
    // of tokenizer.json the post-processor says it, in transformers 5.24 whatever `add_bos_token` says
    if rules == nil {
      if let bos = named["bos_token"] { specialIDs.bos = bos }
      if configuration["add_bos_token"] == .bool(false) { specialIDs.bos = nil }
    }
    if let eos = named["eos_token"] { specialIDs.eos = eos }
    if let unknown = named["unk_token"] { specialIDs.unknown = unknown }
    if let pad = named["pad_token"] { specialIDs.pad = pad }
    if let bos = specialIDs.bos, Int(bos) >= limit { specialIDs.bos = nil }
    let own = SpecialIDs(bos: base.bosID, eos: base.eosID, pad: base.padID, unknown: base.unknownID)
    guard !matched.isEmpty || tokens.contains(where: { $0.id >= size }) || specialIDs.ignoringPad != own.ignoringPad
    else {
      if specialIDs == own { return base }
      return AddedTokenTokenizer(base, tokens: [], matched: [], specialIDs: specialIDs, restartsText: .never)
    }
    if !keepsSpecialText, rules == nil {
      // these are always among the added ones in transformers
      for id in [base.bosID, base.eosID, base.unknownID].compactMap(\.self)
      where !matched.contains(where: { $0.id == id }) {
        matched.append(AddedToken(content: base.spelling(of: id), id: id, isSpecial: true))
      }
    }
    let restartsText: TextRestart
    if let rules {
      restartsText = rules.restartsTextAfterAddedTokens ? .always : .never
    } else if prependsToParts {
      restartsText = .always
    } else {
      // without the file transformers takes `legacy` for true
      let isLegacy = configuration["legacy"] == .bool(true) || objects[Self.configurationName] == nil
      restartsText = isLegacy ? .unlessAtSpace : .never
    }
    return AddedTokenTokenizer(
      base, tokens: tokens, matched: matched, specialIDs: specialIDs, restartsText: restartsText)
  }

  /// The special tokens that the files name.
  var specialContents: NamedSpecialTokens {
    NamedSpecialTokens(configuration, map: objects["special_tokens_map.json"] ?? [:])
  }
}
