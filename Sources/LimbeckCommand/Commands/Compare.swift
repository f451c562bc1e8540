import ArgumentParser
import LanguageModels
import Limbeck
import ModelEvaluation
import ModelFiles
import TensorCore
import Tokenization

/// `limbeck compare`
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measures how close students come to their teacher.",
    discussion: """
      All models predict the same tokens of the same windows, which are those of
      'limbeck perplexity', so errors of ratios and differences are computed from
      pairs. With p the teacher's probabilities and q the student's, the KL
      divergence is KL(p||q), the speculative acceptance the sum of min(p, q), and
      the difference of the true token's probability q - p.

      Without --text, the models are measured on the validation text of the
      students' runs, or on what --validation-share held out.

      --weights says what a student loses as a GGUF file: it is also measured with
      its weights rounded as 'limbeck export --type' rounds them, beside the teacher
      and beside itself as it was, whose probabilities then are p.

      --tasks also asks all models questions, as 'limbeck evaluate' does, and says
      what share of its teacher's accuracy each student keeps.

      Example:
        limbeck compare --teacher runs/teacher --student runs/student runs/control \\
          --text held-out.txt --window 256
        limbeck compare --teacher runs/teacher --student runs/student \\
          --text held-out.txt --weights q8_0 q4_0
        limbeck compare --teacher runs/teacher --student runs/student \\
          --text held-out.txt --tasks arc.jsonl
      """)

  @Option(help: ArgumentHelp("Teacher's model folder, or .gguf file.", valueName: "model"))
  var teacher: String
  @Option(parsing: .upToNextOption, help: ArgumentHelp("Students' model folders, or .gguf files.", valueName: "model"))
  var student: [String] = []
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @Option(
    help: ArgumentHelp(
      "Also compare the teacher at this precision of matrix products with itself.",
      valueName: "type"))
  var teacherPrecision: ProductPrecision?
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Also measure each student with its weights rounded to these types.", valueName: "type"))
  var weights: [GGUFWeightType] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Also measure the speed of greedy generation, with n tokens of each model.", valueName: "n"))
  var generate: Int?
  @Flag(help: "Print percentiles, too.")
  var verbose = false
  @OptionGroup var tasks: TaskOptions
  @OptionGroup var options: EvaluationOptions

  func validate() throws {
    if student.isEmpty, teacherPrecision == nil {
      throw ValidationError(
        "Give --student, --teacher-precision or both: there is nothing to compare the teacher with.")
    }
    if student.isEmpty, let type = weights.first {
      throw ValidationError("weights", expected: "a --student whose weights are rounded", found: type.rawValue)
    }
    if let generate, generate < 1 { throw ValidationError("generate", expected: "at least 1", found: generate) }
  }

  func run() throws {
    let questions = try tasks.load()
    let device = try options.device.device
    let teacher = try LanguageModel(path: teacher, tokenizer: tokenizer, on: device)
    let originals = try student.map { path in
      let student = try LanguageModel(path: path, tokenizer: tokenizer, on: device)
      try student.requireVocabulary(of: teacher, from: self.teacher, path: path)
      return student
    }
    let rounded = try RoundedStudents(weights, of: student, tokenizer: tokenizer, on: device)
    var students = originals + rounded.entries.map(\.model)
    var names = [self.teacher] + student
    names += rounded.entries.map { "\(student[$0.original]) in \($0.type.rawValue)" }
    if let teacherPrecision {
      students.append(
        try LanguageModel(
          path: self.teacher, tokenizer: tokenizer, precision: teacherPrecision, on: device))
      names.append("\(self.teacher) in \(teacherPrecision.rawValue)")
    }
    let heldOut = try options.heldOutText(of: student, teacher: self.teacher)
    let text = try EvaluationText(heldOut, teacher.tokenizer, on: device)
    let console = Console()
    if options.text.isEmpty { console.write("text: \(heldOut.name)") }
    let window = MeasuredWindow(
      options.window,
      for: zip([self.teacher] + student, [teacher] + originals).map {
        .init(folder: $0, contextLength: $1.configuration.contextLength)
      })
    console.write(window.description)
    var progress = ProgressLine("token", on: console, announcing: "measuring \(names.joined(separator: ", "))")
    let comparison = try blamingWeights(of: [teacher] + originals) {
      try TeacherStudentComparison(
        teacher: teacher.decoder, students: students.map(\.decoder), on: text, window: window.tokens,
        stride: options.stride
      ) { progress.show($0, of: names[1]) }
    }
    let losses = try rounded.losses(of: originals, on: text, window: window.tokens, stride: options.stride) {
      progress.show($0, of: "\(student[$1.original]) as rounded")
    }
    progress.end()
    var models = zip(names, [teacher] + students).map { path, model in
      console.announcing("measuring how fast \(path) generates") {
        ComparedModel(path, model, generating: generate)
      }
    }
    for (index, (entry, loss)) in zip(rounded.entries, losses).enumerated() {
      models[1 + originals.count + index].rounding = .init(entry.type, loss)
    }
    let answers = try tasks.results(
      of: zip(names, [teacher] + students).map { .init(folder: $0, model: $1) }, on: questions, console)
    if options.json { return try StandardOutput.write(json: Report(models, comparison, answers)) }
    let columns = StandardOutput.columns
    let table = ComparisonTable(models, comparison, window: window.tokens, withPercentiles: verbose)
    let accuracies = questions.isEmpty ? "" : "\n" + TaskTable(names, answers, teacher: 0).text(columns: columns)
    try StandardOutput.write(table.text(columns: columns) + accuracies)
  }

  /// The comparison, with what each model is, and what it makes of the tasks, where there are some.
  private struct Report: Encodable {
    struct Entry<Statistics: Encodable>: Encodable {
      let model: ComparedModel
      let statistics: Statistics
      var tasks: [TaskResult]?
      var keptAccuracy: [KeptAccuracy]?
    }

    let teacher: Entry<Perplexity>
    let students: [Entry<StudentStatistics>]

    init(_ models: [ComparedModel], _ comparison: TeacherStudentComparison, _ answers: [[TaskResult]]) {
      let own = answers.map { $0.isEmpty ? nil : $0 }
      teacher = Entry(model: models[0], statistics: comparison.teacher, tasks: own[0])
      students = comparison.students.indices.map { index in
        Entry(
          model: models[index + 1], statistics: comparison.students[index], tasks: own[index + 1],
          keptAccuracy: own[index + 1].map { KeptAccuracy.all(student: $0, teacher: answers[0]) })
      }
    }
  }
}

/// What a comparison says of a model besides its predictions.
struct ComparedModel: Encodable {
  let folder: String
  let parameters, nonEmbeddingParameters, weightBytes: Int
  let generatedTokensPerSecond: Double?
  /// What rounding its weights did to it; nil where they were not rounded.
  var rounding: Rounding?

  /// A model as it was is the teacher, and its rounded self the student.
  struct Rounding: Encodable {
    let weights: String
    let klDivergence, sameTopToken: Estimate

    init(_ type: GGUFWeightType, _ statistics: StudentStatistics) {
      weights = type.rawValue
      (klDivergence, sameTopToken) = (statistics.klDivergence, statistics.sameTopToken)
    }
  }

  /// What is known already.
  init(
    folder: String, parameters: Int, nonEmbeddingParameters: Int, weightBytes: Int, generatedTokensPerSecond: Double?
  ) {
    self.folder = folder
    self.parameters = parameters
    self.nonEmbeddingParameters = nonEmbeddingParameters
    self.weightBytes = weightBytes
    self.generatedTokensPerSecond = generatedTokensPerSecond
  }

  /// - Parameters:
  ///   - folder: the model's folder.
  ///   - model: the model.
  ///   - count: over how many greedy tokens to measure the speed of generation; nil leaves it out.
  init(_ folder: String, _ model: LanguageModel, generating count: Int?) {
    self.folder = folder
    parameters = model.decoder.parameters.count
    nonEmbeddingParameters = model.decoder.nonEmbeddingParameterCount
    weightBytes = model.weightBytes
    generatedTokensPerSecond = count.map { 1 / GenerationSpeed.seconds(of: model.decoder, tokens: $0) }
  }
}
