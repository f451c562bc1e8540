import ArgumentParser
import Diagnostics
import Distillation
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// `limbeck student`
struct Student: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "student",
    abstract: "Prunes a teacher to a smaller model, for a student to start from.",
    discussion: """
      --layers, --every or --count choose the layers to keep; layers count from 0,
      as in 'distill --align-layers'. A student made of the teacher's layers 1 and
      3 is aligned with --align-layers 1:0,3:1. Without these flags, all layers
      stay. Embedding, norms and head are always kept. Then 'limbeck distill
      --student' trains the student.

      --hidden-size, --feed-forward-size, --heads and --key-value-heads make the
      student narrower: the channels, neurons and heads with the largest
      activations on --calibration-text stay. A few pages are enough, without
      labels. Every key-value head keeps equally many query heads. Vocabulary, head
      size and context do not change.

      --method pca keeps no channels, but projects them all onto as many directions,
      those in which they vary most (SliceGPT). That is the better start for models
      of Llama's kind, and the worse one for Gemma's.

      --parameters, --bytes or --tokens-per-second find the sizes themselves: shapes
      of layers, channels, neurons and heads that just keep within the budget are cut
      and trained for a few steps each on the calibration text, and the best stays.
      Which layers go is measured: those without which the loss rises least. Where
      more than a third of the teacher goes, give --rounds: between them the student
      is distilled; --rounds 1 cuts at once.

      Of a .gguf file, quantised weights become float32: without any flags, the
      whole model as a folder that can be trained.

      Example:
        limbeck student --from runs/teacher --count 3 --output pruned
        limbeck student --from runs/teacher --hidden-size 144 --heads 4 \\
          --feed-forward-size 384 --calibration-text books/ --output narrow
        limbeck student --from runs/teacher --parameters 1500K \\
          --calibration-text books/ --output pruned
        limbeck student --from runs/teacher --bytes 1MB --type q8_0 --rounds 2 \\
          --steps 200 --calibration-text books/ --output small
        limbeck distill --teacher runs/teacher --student narrow --text books/ \\
          --output runs/student --epochs 2
      """)

  @Option(help: ArgumentHelp("The teacher's model folder, or .gguf file.", valueName: "model"))
  var from: String
  @Option(help: ArgumentHelp("The folder to write; it must not exist.", valueName: "dir"))
  var output: String
  @Option(parsing: .unconditional, help: ArgumentHelp("Layers to keep, from 0, such as 0,2,4.", valueName: "i,j,..."))
  var layers: LayerList?
  @Option(parsing: .unconditional, help: ArgumentHelp("Keep layer 0 and every n-th layer after it.", valueName: "n"))
  var every: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Keep n layers, evenly spread from the first to the last.", valueName: "n"))
  var count: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Channels to keep; some families need a multiple of the heads.", valueName: "n"))
  var hiddenSize: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Neurons of each layer to keep.", valueName: "n"))
  var feedForwardSize: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Query heads of each layer to keep.", valueName: "n"))
  var heads: Int?
  @Option(parsing: .unconditional, help: ArgumentHelp("Key-value heads of each layer to keep.", valueName: "n"))
  var keyValueHeads: Int?
  @Option(
    help: ArgumentHelp("How --hidden-size narrows the model (default: importance).", valueName: "method"))
  var method: ChannelMethod?
  @OptionGroup(title: "Budget") var budget: BudgetOptions
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text on which importance is measured: files or folders.", valueName: "path"))
  var calibrationText: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to measure, evenly spread over the text.", valueName: "n"))
  var calibrationTokens = 65_536
  @Option(help: ArgumentHelp("Type of the stored weights.", valueName: "type"))
  var weights = WeightType.float32
  @Option(help: ModelTokenizer.help)
  var tokenizer: String?
  @Flag(help: "Print no sizes.")
  var quiet = false
  @Flag(help: "Print one JSON object: the sizes, and the shapes that were tried within a budget.")
  var json = false
  @OptionGroup(title: "Device") var device: DeviceOptions

  func validate() throws {
    if let value = InvalidValue(ofModelFolder: output, "output") { throw ValidationError(value) }
    if [layers != nil, every != nil, count != nil].filter(\.self).count > 1 {
      throw ValidationError("layers", expected: "one of --layers, --every and --count", found: "several")
    }
    let sizes = [hiddenSize, feedForwardSize, heads, keyValueHeads]
    if budget.isGiven, layers != nil || (sizes + [every, count]).contains(where: { $0 != nil }) {
      throw ValidationError("parameters", expected: "a budget, which finds the sizes, or sizes", found: "both")
    }
    let hasSize = budget.isGiven || sizes.contains { $0 != nil }
    if hasSize == calibrationText.isEmpty {
      throw ValidationError(
        "calibration-text",
        expected: hasSize
          ? "a text, to measure the importance of what a size cuts"
          : "--hidden-size, --feed-forward-size, --heads, --key-value-heads or a budget beside it", found: "none")
    }
    if method != nil, hiddenSize == nil {
      throw ValidationError("method", expected: "--hidden-size beside it", found: "none")
    }
    if json, quiet { throw ValidationError("json", expected: "nothing with --quiet", found: "both") }
    if calibrationTokens < 1 {
      throw ValidationError("calibration-tokens", expected: "at least 1", found: calibrationTokens)
    }
  }

  func run() throws {
    guard !FileManager.default.fileExists(atPath: output) else {
      throw CommandError.outputExists(path: output, advice: "choose another name or remove it first")
    }
    let device = try device.device
    let teacher = try LanguageModel(path: from, tokenizer: tokenizer, on: device)
    let console = Console()
    let chosen: ChosenStudent
    if let limit = try StudentBudget(budget, of: teacher, on: device) {
      try limit.check(teacher.configuration, rounds: budget.rounds)
      if let rounds = budget.rounds, rounds > 1 {
        return try PruningRounds(self, rounds: rounds, limit, of: teacher.configuration).run()
      }
      try requireFiniteWeights(teacher, console)
      chosen = try choose(within: limit, of: teacher, on: device, console)
    } else {
      chosen = try choose(of: teacher, on: device, console)
    }
    let plan = chosen.plan
    let student = try student(chosen, of: teacher)
    try console.announcing("writing \(output)") { try write(student, tokenizer: teacher.tokenizer) }
    if json {
      try StandardOutput.write(json: StudentReport(chosen, student, of: teacher.decoder, output: output))
    } else if !quiet {
      try StandardOutput.write(facts(plan, teacher.decoder, student).text)
    }
    console.write("wrote \(output): \(Format.count(student.parameters.count)) parameters")
  }

  /// What the user's sizes say.
  private func choose(of teacher: LanguageModel, on device: Device, _ console: Console) throws -> ChosenStudent {
    let selection: LayerSelection =
      layers.map { .layers($0.indices) } ?? every.map { .every($0) } ?? count.map { .count($0) } ?? .all
    let plan = try StudentPlan(
      of: teacher.decoder.configuration, layers: selection, hiddenSize: hiddenSize, feedForwardSize: feedForwardSize,
      headCount: heads, keyValueHeadCount: keyValueHeads)
    // sizes that the family's files cannot have are refused before anything is measured
    _ = try plan.configuration.huggingFaceJSON(weightType: .float32)
    try requireFiniteWeights(teacher, console)
    guard plan.prunesWidth else { return ChosenStudent(plan: plan, importance: nil) }
    let text = try CalibrationText(calibrationText, teacher, on: device)
    guard method == .pca else { return try ChosenStudent(plan: plan, importance: importance(of: teacher, on: text)) }
    let importance = plan.withAllChannels.prunesWidth ? try importance(of: teacher, on: text) : nil
    return ChosenStudent(plan: plan, importance: importance, projectionText: text)
  }

  private func requireFiniteWeights(_ teacher: LanguageModel, _ console: Console) throws {
    try console.announcing("checking \(from)") { try teacher.requireFiniteWeights() }
  }

  /// Of the teacher's channels, heads and neurons.
  func importance(of teacher: LanguageModel, on text: CalibrationText) throws -> ActivationImportance {
    let sequences = try calibrationSequences(of: text, teacher)
    var progress = ProgressLine("calibration token", on: Console(), announcing: "measuring \(from)")
    defer { progress.end() }
    return ActivationImportance(of: teacher.decoder, on: sequences, tokens: calibrationTokens) {
      progress.show($0, of: $1)
    }
  }

  /// The text in sequences on which all is measured.
  func calibrationSequences(of text: CalibrationText, _ teacher: LanguageModel) throws -> PackedSequences {
    try text.sequences(
      text.ids, length: min(512, teacher.configuration.contextLength, max(1, text.ids.count - 1), calibrationTokens))
  }

  private func write(_ student: TransformerDecoder, tokenizer: any Tokenizer) throws {
    let destination = URL(fileURLWithPath: output, isDirectory: true)
    do {
      try FileManager.default.createDirectory(
        at: destination.deletingLastPathComponent(), withIntermediateDirectories: true)
    } catch {
      throw FileError.unwritable(file: destination.path, reason: error.localizedDescription)
    }
    let folder = try AtomicFolder(creating: destination)
    try student.write(to: folder.contents, with: tokenizer.files, as: weights)
    try folder.commit()
  }

  private func facts(
    _ plan: StudentPlan, _ teacher: any DecoderModel, _ student: TransformerDecoder
  ) -> FactList {
    var facts = FactList()
    func add(_ name: String, _ size: KeyPath<DecoderConfiguration, Int>) {
      facts.add(
        name,
        "\(Format.count(plan.configuration[keyPath: size])) of \(Format.count(plan.teacher[keyPath: size]))")
    }
    facts.add(
      "layers", "\(plan.layers.map(String.init).joined(separator: ", ")) of 0 to \(plan.teacher.layerCount - 1)")
    add("hidden size", \.hiddenSize)
    add("feed-forward size", \.feedForwardSize)
    add("heads", \.headCount)
    add("key-value heads", \.keyValueHeadCount)
    facts.add("parameters", "\(Format.count(student.parameters.count)) of \(Format.count(teacher.parameters.count))")
    facts.add(
      "  without embedding and head",
      "\(Format.count(student.nonEmbeddingParameterCount)) of \(Format.count(teacher.nonEmbeddingParameterCount))")
    return facts
  }
}
