// What a model computes of a text: the states that each layer leaves, logits, and the most probable next tokens.
// swift run -c release LookInside [MODEL]; without a folder the model is a fresh one.
import Limbeck

let tokenizer = try loadTokenizer(from: URL(fileURLWithPath: "tokenizers/austen-2048.model"))
let small = DecoderConfiguration(
  vocabularySize: tokenizer.vocabularySize, hiddenSize: 64, feedForwardSize: 128, layerCount: 2, headCount: 4)
let model =
  try CommandLine.arguments.count > 1
  ? LanguageModel(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]))
  : LanguageModel(configuration: small, tokenizer: tokenizer, seed: 1)

let ids = [model.tokenizer.bosID].compactMap(\.self) + model.tokenizer.encode("It is a truth")
let decoder = model.decoder.frozen()  // records nothing
let hidden = decoder.hiddenStates(ids, batchSize: 1) { site, value in
  if case .layerOutput(let layer) = site { print("layer \(layer) leaves \(value.shape)") }
}
let logits = decoder.logits(hidden)  // [N, V]
let next = Array(logits.array().suffix(logits.columns))
for id in next.indices.sorted(by: { next[$0] > next[$1] }).prefix(5) {
  print(next[id], model.tokenizer.decode([Int32(id)]))
}
