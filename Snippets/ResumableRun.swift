// A run with a validation text, hidden states and checkpoints, which is stopped and resumed.
// swift run -c release ResumableRun
import Limbeck

let tokenizer = try loadTokenizer(from: URL(fileURLWithPath: "tokenizers/austen-2048.model"))
var sizes = DecoderConfiguration(
  vocabularySize: tokenizer.vocabularySize, hiddenSize: 64, feedForwardSize: 128, layerCount: 4, headCount: 4,
  contextLength: 64)
let teacher = try LanguageModel(configuration: sizes, tokenizer: tokenizer, seed: 1)  // or contentsOf: a folder
sizes.layerCount = 2
let student = try LanguageModel(configuration: sizes, tokenizer: tokenizer, seed: 2)

/// Text in memory.
func sums(_ numbers: ClosedRange<Int>) -> String { numbers.map { "\($0) and \($0) are \(2 * $0).\n" }.joined() }
let text = try PackedSequences(TokenArray(tokenizer.encode(sums(1...400))), sequenceLength: 64, name: "text")
let heldOut = try ValidationText(
  EvaluationText(sums(401...440), tokenizer: tokenizer), sequenceLength: 64, name: "held-out text")

// beside the distribution: the states after layer 1 of the teacher and 0 of the student, and after both final norms
let hidden = HiddenStateTerms(
  pairs: [LayerPair(teacher: .layer(1), student: .layer(0)), LayerPair(teacher: .last, student: .last)],
  cosineWeight: 1)
let distiller = try Distiller(
  .live([.init(teacher.decoder, tokenizer)], hiddenStates: hidden),
  student: .init(student.trainableDecoder, tokenizer), .forwardKL)
let recipe = TrainingRecipe(
  steps: 20, batchSize: 4, sequenceLength: 64, learningRate: 4e-3, evaluateEvery: 5, checkpointEvery: 5)

let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-\(UUID().uuidString)")
let inputs = ["tokenizer": tokenizer.digest.hexadecimal]  // a run is only resumed with the same
let manifest = RunManifest(
  version: "snippet", inputs: inputs, parameters: ["total": student.decoder.parameters.count])
do {
  // the folder is locked for as long as its `RunFolder` lives
  let begun = try RunFolder(creating: folder, manifest: manifest, recipe: "", modelFiles: tokenizer.files)
  try distiller.run(over: text, validation: heldOut, recipe, folder: begun) { event in
    if case .step(let step) = event, step.number == 10 { return .stop }
    return .continue
  }
}

let resumed = try RunFolder(resuming: folder, inputs: inputs)
let summary = try distiller.run(over: text, validation: heldOut, recipe, folder: resumed) { event in
  if case .evaluated(let result) = event { print("step \(result.step): perplexity \(result.perplexity)") }
  return .continue
}
print("\(summary.steps) steps, perplexity \(summary.lastValidation?.perplexity ?? .nan)")
let trained = try LanguageModel(contentsOf: folder)
print(try Generator(trained).text(after: "12 and", .topP(0.9), seed: 3))
try FileManager.default.removeItem(at: folder)
