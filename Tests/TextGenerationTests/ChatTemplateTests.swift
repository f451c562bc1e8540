import Diagnostics
import Foundation
import Testing
import Tokenization

@testable import TextGeneration

@Suite("Chat templates")
struct ChatTemplateTests {
  @Test(
    "Families are recognised by their markers",
    arguments: [
      ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content }}{% endfor %}", ChatTemplate.chatML),
      ("{{ bos_token }}{{ '<|start_header_id|>' + role + '<|end_header_id|>' }}", .llama3),
      ("{{ '<start_of_turn>' + role }}<end_of_turn>", .gemma),
      ("{% if user %}<|user|>{% else %}<|assistant|>{% endif %}{{ eos_token }}", .zephyr),
      ("{{ '[INST] <<SYS>>' + system }}", .llama2), ("{{ '[INST] ' + message + ' [/INST]' }}", .mistral),
    ])
  func families(jinja: String, template: ChatTemplate) {
    #expect(ChatTemplate(recognising: jinja) == template)
  }

  @Test("Others are not", arguments: ["", "{{ messages }}", "<|user|>{{ m }}<|end|><|assistant|>", "### Instruction:"])
  func unknownFamilies(jinja: String) { #expect(ChatTemplate(recognising: jinja) == nil) }

  @Test("A conversation is written as each family writes it")
  func texts() {
    let messages = [ChatMessage(.system, "S"), .init(.user, "Q"), .init(.assistant, "A"), .init(.user, "R")]
    func text(_ template: ChatTemplate) -> String {
      template.format(for: Trained.lossless).parts(of: messages, asksForAnswer: true).map(\.text).joined()
    }
    #expect(
      text(.chatML)
        == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
        + "<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n")
    func header(_ role: String) -> String { "<|start_header_id|>\(role)<|end_header_id|>\n\n" }
    #expect(
      text(.llama3)
        == "\(header("system"))S<|eot_id|>\(header("user"))Q<|eot_id|>\(header("assistant"))A<|eot_id|>"
        + "\(header("user"))R<|eot_id|>\(header("assistant"))")
    #expect(
      text(.gemma)
        == "<start_of_turn>user\nS\n\nQ<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
        + "<start_of_turn>user\nR<end_of_turn>\n<start_of_turn>model\n")
    #expect(
      text(.zephyr) == "<|system|>\nS</s>\n<|user|>\nQ</s>\n<|assistant|>\nA</s>\n<|user|>\nR</s>\n<|assistant|>\n")
    #expect(text(.llama2) == "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nQ [/INST] A </s><s>[INST] R [/INST]")
    #expect(text(.mistral) == "[INST] S\n\nQ [/INST] A</s>[INST] R [/INST]")
  }

  @Test("BOS and EOS of a template are tokens, and the first BOS is not written twice")
  func specialTokens() throws {
    let tokenizer = Trained.lossless
    let (bos, eos) = (try #require(tokenizer.bosID), try #require(tokenizer.eosID))
    let format = ChatTemplate.llama2.format(for: tokenizer)
    let parts = format.parts(
      of: [.init(.user, "Q</s>"), .init(.assistant, "A"), .init(.user, "R")], asksForAnswer: true)
    let ids = tokenizer.encode(parts: parts, after: nil)
    #expect(ids.filter { $0 == bos }.count == 1 && ids.filter { $0 == eos }.count == 1)
    #expect(ids.first != bos)
    #expect(tokenizer.decode(ids).hasPrefix("[INST] Q</s> [/INST] A"))
  }

  @Test("A folder's template stands in one of two files")
  func folders() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-template-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String = "tokenizer_config.json") throws {
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    #expect(try ChatTemplate(folder: folder) == nil)
    for none in ["{}", "{\"chat_template\": null}", "not JSON"] {
      try write(none)
      #expect(try ChatTemplate(folder: folder) == nil)
    }
    try write("{\"chat_template\": \"{{ '[INST]' }}\"}")
    #expect(try ChatTemplate(folder: folder) == .mistral)
    try write(
      """
      {"chat_template": [{"name": "tool_use", "template": "[INST]"}, {"name": "default", "template": "<|im_start|>"}]}
      """)
    #expect(try ChatTemplate(folder: folder) == .chatML)
    try write("<start_of_turn>", "chat_template.jinja")
    #expect(try ChatTemplate(folder: folder) == .gemma)
    try write("### Instruction:", "chat_template.jinja")
    let error = #expect(throws: InvalidValue.self) { try ChatTemplate(folder: folder) }
    #expect(error?.description.hasPrefix("\(folder.path)/chat_template.jinja: chat_template: expected ") == true)
    #expect(error?.description.contains("--no-template") == true)
  }

  @Test("Messages to train on are written by the template among the tokenizer's files")
  func messages() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-template-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ text: String, _ name: String) throws -> String {
      let file = folder.appendingPathComponent(name)
      try Data(text.utf8).write(to: file)
      return file.path
    }
    let model = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../tokenizers/austen-4096.model").standardizedFileURL
    try FileManager.default.copyItem(at: model, to: folder.appendingPathComponent("tokenizer.model"))
    let rows = try write(
      #"{"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Emma."}]}"#, "rows.jsonl")
    let plain = try write(#"{"text": "It is a truth"}"#, "plain.jsonl")
    func text(_ path: String) throws -> String {
      let tokenizer = try loadTokenizer(from: folder)
      let corpus = try Corpus(paths: [path]).chatting(for: tokenizer)
      return tokenizer.decode(try tokenizer.tokens(of: corpus).documents.flatMap(\.ids))
    }
    #expect(try text(rows).contains("Who?") && !text(rows).contains("<|im_start|>"))
    _ = try write("{\"chat_template\": \"<|im_start|>\"}", "tokenizer_config.json")
    #expect(try text(rows).contains("<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\nEmma."))
    _ = try write("{\"chat_template\": \"### Instruction:\"}", "tokenizer_config.json")
    let error = #expect(throws: TokenizationError.self) { try text(rows) }
    #expect(error?.description.contains("chat template") == true)
    #expect(try text(plain).contains("It is a truth"))
  }
}
