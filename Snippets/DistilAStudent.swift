// Text and a teacher in, a smaller language model out.
// snippet.hide
import Checkpoints
// snippet.show
import Distillation
import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TextGeneration
import Tokenization

let folder = URL(fileURLWithPath: CommandLine.arguments.dropFirst().first ?? "runs/demo/teacher")
let tokenizer = try SentencePieceTokenizer(contentsOf: folder.appendingPathComponent("tokenizer.model"))
let teacher = try Decoder(contentsOf: folder)  // frozen: it records nothing
let small = LlamaConfiguration(
  vocabularySize: teacher.configuration.vocabularySize, hiddenSize: 64, feedForwardSize: 176, layerCount: 3,
  headCount: 2, contextLength: 256, tiesEmbeddings: true, initializerRange: 0.05)
let student = Decoder(configuration: small, seed: 1)

let text = try TokenFile.open(
  for: Corpus(paths: ["runs/austen/train"]), tokenizer: tokenizer, in: URL(fileURLWithPath: "runs/tokens"))
let distiller = try Distiller(
  teacher: teacher, student: student, tokenizers: (tokenizer, tokenizer),
  DistillationObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
let recipe = TrainingRecipe(steps: 20, batchSize: 8, learningRate: 4e-3, warmupSteps: 5)
try distiller.run(over: PackedSequences(text, sequenceLength: 256, name: "Austen"), recipe) { event in
  if case .step(let step) = event { print(step.number, step.loss, step.tokensPerSecond) }
  return .continue
}

let heldOut = try EvaluationText(tokenizer.tokens(of: Corpus(paths: ["runs/austen/validation"])), tokenizer: tokenizer)
print(try Perplexity(of: student.frozen(), on: heldOut, window: 256).perplexity)
print(try Generator(student.frozen(), tokenizer).text(after: "It is a truth", sampling: .topP(0.9), seed: 3))
try student.write(
  to: FileManager.default.temporaryDirectory.appendingPathComponent("student"), tokenizer: tokenizer.serialized)
