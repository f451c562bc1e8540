// A teacher and text in, a smaller language model out. After Scripts/demo: swift run -c release DistilAStudent
import Limbeck

let demo = ["runs/demo/teacher", "runs/austen/train", "runs/austen/validation", "runs/snippet"]
let paths = CommandLine.arguments.count == 5 ? Array(CommandLine.arguments.dropFirst()) : demo
let teacher = try LanguageModel(contentsOf: URL(fileURLWithPath: paths[0]))  // frozen: it records nothing
var small = teacher.configuration
small.layerCount = 2
let student = try LanguageModel(configuration: small, tokenizer: teacher.tokenizer, seed: 1)
let distiller = try Distiller(teacher: teacher, student: student, .forwardKL)
let recipe = TrainingRecipe(steps: 20, batchSize: 4, sequenceLength: small.contextLength, learningRate: 4e-3)
try distiller.run(over: Corpus(paths: [paths[1]]), recipe) { event in print(event) }
try student.write(to: URL(fileURLWithPath: paths[3]))
print(try Perplexity(of: student, on: Corpus(paths: [paths[2]])).perplexity)
print(try Generator(student).text(after: "It is a truth", .topP(0.9, temperature: 0.8), seed: 3))
