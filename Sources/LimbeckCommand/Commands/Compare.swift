import ArgumentParser
import LanguageModels
import ModelEvaluation
import Tokenization

/// `limbeck compare`
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measures how close students come to their teacher.",
    discussion: """
      All models predict the same tokens of the same windows, so that the errors of
      ratios and differences are paired ones.

      Example:
        limbeck compare --teacher runs/teacher --student runs/student runs/control \\
          --text held-out.txt --window 256
      """)

  @Option(help: ArgumentHelp("The teacher's model folder.", valueName: "dir"))
  var teacher: String
  @Option(parsing: .upToNextOption, help: ArgumentHelp("The students' model folders.", valueName: "dir"))
  var student: [String]
  @OptionGroup var options: EvaluationOptions

  func run() throws {
    let device = options.device.device
    let teacher = try LoadedModel(folder: teacher, on: device)
    var students: [LanguageModels.Decoder] = []
    for path in student {
      let student = try LoadedModel(folder: path, on: device)
      try requireSameTokenizer(teacher.tokenizer, student.tokenizer)
      try student.decoder.requireOutputs(of: teacher.decoder, path: path)
      students.append(student.decoder)
    }
    let text = try options.evaluationText(teacher.tokenizer, on: device)
    var progress = ProgressLine("token", on: Console())
    let comparison = try TeacherStudentComparison(
      teacher: teacher.decoder, students: students, on: text, window: options.window, stride: options.stride
    ) { progress.show($0) }
    progress.end()
    try options.json
      ? StandardOutput.write(json: Report(self.teacher, student, comparison))
      : StandardOutput.write(ComparisonTable([self.teacher] + student, comparison).text)
  }

  /// The comparison, with the models' folders.
  private struct Report: Encodable {
    struct Model<Statistics: Encodable>: Encodable {
      let model: String
      let statistics: Statistics
    }

    let teacher: Model<Perplexity>
    let students: [Model<StudentStatistics>]

    init(_ teacher: String, _ students: [String], _ comparison: TeacherStudentComparison) {
      self.teacher = Model(model: teacher, statistics: comparison.teacher)
      self.students = zip(students, comparison.students).map { Model(model: $0, statistics: $1) }
    }
  }
}
