import DurableFiles
import Foundation

extension HuggingFaceTokenizerFiles {
  /// Ids above this are surely damage: no vocabulary is so large.
  private static let idLimit: Int32 = 1 << 24

  /// The added tokens that a file lists with their ids.
  func listed() throws(TokenizationError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    if case .object(let members) = configuration["added_tokens_decoder"], !members.isEmpty {
      for (id, value) in members {
        // in its plain spelling: "01" would be a second entry of 1
        guard let number = Int32(id), id == "\(number)", case .object(let fields) = value else {
          throw corrupt(Self.configurationName, "added_tokens_decoder.\(id): no id with an added token")
        }
        tokens.append(try token(fields, id: number, in: Self.configurationName))
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
}
