// Text and a teacher in, a smaller language model out. After Scripts/demo: swift run -c release DistilAStudent
import Distillation
import Foundation
import LanguageModels
import ModelEvaluation
import ModelFiles
import ModelTraining
import TextGeneration
import Tokenization

let given = CommandLine.arguments.dropFirst()
let paths = given.count == 3 ? Array(given) : ["runs/demo/teacher", "runs/austen/train", "runs/austen/validation"]
let folder = URL(fileURLWithPath: paths[0])
let scratch = FileManager.default.temporaryDirectory.appendingPathComponent("distil-a-student")

let tokenizer = try loadTokenizer(from: folder)
let teacher = try FrozenDecoder(contentsOf: folder)
var small = teacher.configuration
small.hiddenSize /= 2
small.feedForwardSize /= 2
small.headSize /= 2
let student = TransformerDecoder(configuration: small, seed: 1)

let text = try TokenFile.open(for: Corpus(paths: [paths[1]]), tokenizer: tokenizer, in: scratch)
let distiller = try Distiller(
  teacher: .init(teacher, tokenizer), student: .init(student, tokenizer),
  .init(.forwardKL, temperature: 2, hardLabelWeight: 0.5))
let length = teacher.configuration.contextLength
let recipe = TrainingRecipe(steps: 20, batchSize: 4, sequenceLength: length, learningRate: 4e-3, warmupSteps: 5)
try distiller.run(over: PackedSequences(text, sequenceLength: length, name: paths[1]), recipe) { event in
  if case .step(let step) = event { print(step.number, step.loss, step.tokensPerSecond) }
  return .continue
}

let heldOut = try EvaluationText(tokenizer.tokens(of: Corpus(paths: [paths[2]])), tokenizer: tokenizer)
print(try Perplexity(of: student.frozen(), on: heldOut, window: length).perplexity)
print(try Generator(student.frozen(), tokenizer).text(after: "It is a truth", sampling: .topP(0.9), maxTokens: 20))
try student.write(to: scratch.appendingPathComponent("student"), with: tokenizer.files)
