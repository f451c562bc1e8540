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

  /// Ids above this are surely damage: no vocabulary is so large.
  private static let idLimit: Int32 = 1 << 24

  private let folder: URL?
  private let objects: [String: [String: JSONValue]]
  /// What tokenizer.json lists.
  private let addedTokens: [JSONValue]
  /// The folder's tokenizer.json; nil where there is none.
  let tokenizerJSON: TokenizerJSONText?
  /// The files that there are, as they are but for what only one version of transformers knows.
  let files: [NamedFile]

  /// None of the files.
  init() { (folder, objects, addedTokens, tokenizerJSON, files) = (nil, [:], [], nil, []) }

  /// What a tokenizer that has no such files yet would write.
  /// - Parameters:
  ///   - configuration: the members of its tokenizer_config.json.
  ///   - addedTokens: the added tokens of its tokenizer.json.
  ///   - tokenizerJSON: that file, where it is made already; nil by default.
  ///   - files: the files that are written; none by default.
  init(
    configuration: [String: JSONValue], addedTokens: [JSONValue], tokenizerJSON: TokenizerJSONText? = nil,
    files: [NamedFile] = []
  ) {
    (folder, objects) = (nil, [Self.configurationName: configuration])
    (self.addedTokens, self.tokenizerJSON, self.files) = (addedTokens, tokenizerJSON, files)
  }

  /// A tokenizer.json of any name, alone. Throws what is wrong with it.
  init(tokenizerJSON file: URL) throws(TokenizationError) {
    (folder, objects) = (file.deletingLastPathComponent(), [:])
    let text = try TokenizerJSONText(contentsOf: file)
    addedTokens = try text.addedTokens()
    tokenizerJSON = text
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

  private var configuration: [String: JSONValue] { objects["tokenizer_config.json"] ?? [:] }

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
      return AddedTokenTokenizer(base, tokens: [], matched: [], specialIDs: specialIDs, restartsText: false)
    }
    if !keepsSpecialText, rules == nil {
      // these are always among the added ones in transformers
      for id in [base.bosID, base.eosID, base.unknownID].compactMap(\.self)
      where !matched.contains(where: { $0.id == id }) {
        matched.append(AddedToken(content: base.spelling(of: id), id: id, isSpecial: true))
      }
    }
    // without the file transformers takes `legacy` for true
    let restartsText =
      rules?.restartsTextAfterAddedTokens
      ?? (configuration["legacy"] == .bool(true) || objects["tokenizer_config.json"] == nil)
    return AddedTokenTokenizer(
      base, tokens: tokens, matched: matched, specialIDs: specialIDs, restartsText: restartsText)
  }

  /// The added tokens that a file lists with their ids.
  func listed() throws(TokenizationError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    if case .object(let members) = configuration["added_tokens_decoder"], !members.isEmpty {
      for (id, value) in members {
        guard let number = Int32(id), case .object(let fields) = value else {
          throw corrupt("tokenizer_config.json", "added_tokens_decoder.\(id): no id with an added token")
        }
        tokens.append(try token(fields, id: number, in: "tokenizer_config.json"))
      }
    } else if let members = objects["added_tokens.json"] {
      let special = specialContents
      for (content, value) in members {
        guard case .integer(let number) = value, let id = Int32(exactly: number), (0...Self.idLimit).contains(id),
          !content.isEmpty
        else {
          throw corrupt("added_tokens.json", "\"\(content)\": \(value) is no id")
        }
        let isSpecial = special.names(content)
        tokens.append(AddedToken(content: content, id: id, isSpecial: isSpecial, isNormalized: !isSpecial))
      }
    }
    // one by one: Gemma has thousands
    var ids = Set(tokens.map(\.id))
    var contents = Set(tokens.map { Array($0.content.utf8) })
    for element in addedTokens {
      guard case .object(let fields) = element, case .integer(let number) = fields["id"],
        let id = Int32(exactly: number)
      else { throw corrupt(TokenizerJSON.fileName, "added_tokens: \(element) is no added token") }
      let token = try token(fields, id: id, in: TokenizerJSON.fileName)
      guard !ids.contains(id), contents.insert(Array(token.content.utf8)).inserted else { continue }
      ids.insert(id)
      tokens.append(token)
    }
    return tokens.sorted { $0.id < $1.id }
  }

  private func token(
    _ fields: [String: JSONValue], id: Int32, in file: String
  ) throws(TokenizationError) -> AddedToken {
    guard case .string(let content) = fields["content"], !content.isEmpty, (0...Self.idLimit).contains(id) else {
      throw corrupt(file, "added token \(id): no content, or an impossible id")
    }
    func flag(_ name: String, default value: Bool = false) -> Bool {
      if case .bool(let flag) = fields[name] { flag } else { value }
    }
    // the defaults of `AddedToken` in huggingface/tokenizers
    let isSpecial = flag("special")
    return AddedToken(
      content: content, id: id, isSpecial: isSpecial, stripsLeft: flag("lstrip"), stripsRight: flag("rstrip"),
      isNormalized: flag("normalized", default: !isSpecial), isSingleWord: flag("single_word"))
  }

  private func corrupt(_ file: String, _ reason: String) -> TokenizationError {
    .corruptTokenizer(
      file: folder?.appendingPathComponent(file).path ?? file, format: "Hugging Face tokenizer", reason: reason)
  }

  /// The special tokens that the files name.
  private var specialContents: NamedSpecialTokens {
    NamedSpecialTokens(configuration, map: objects["special_tokens_map.json"] ?? [:])
  }
}

/// The special tokens that tokenizer_config.json, else special_tokens_map.json, name by what they are for.
private struct NamedSpecialTokens {
  private static let keys = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]
  /// By key; nil where a key says that there is none.
  private var contents: [String: String?] = [:]
  private var others: [String] = []

  init(_ configuration: [String: JSONValue], map: [String: JSONValue]) {
    for key in Self.keys {
      guard let value = configuration[key] ?? map[key] else { continue }
      contents[key] = .some(Self.content(value))
    }
    for key in ["additional_special_tokens", "extra_special_tokens"] {
      if case .array(let elements) = configuration[key] { others += elements.compactMap(Self.content) }
    }
  }

  /// What a key names.
  func content(of key: String) -> String? { contents[key] ?? nil }

  /// All of them, in the order in which transformers adds those that are missing.
  var added: [String] { Self.keys.compactMap { contents[$0] ?? nil } + others }

  /// Whether a token is one of them.
  func names(_ content: String) -> Bool { added.contains { $0.utf8.elementsEqual(content.utf8) } }

  /// The ids of those with a key, as `id` has them, nil where a key says that there is none. A token without an id is
  /// left out.
  func ids(_ id: (String) -> Int32?) -> [String: Int32?] {
    var ids: [String: Int32?] = [:]
    for (key, content) in contents {
      guard let content else {
        ids[key] = .some(nil)
        continue
      }
      if let id = id(content) { ids[key] = .some(id) }
    }
    return ids
  }

  private static func content(_ value: JSONValue) -> String? {
    switch value {
    case .string(let content): content
    case .object(let fields): if case .string(let content) = fields["content"] { content } else { nil }
    default: nil
    }
  }
}
