import ArgumentParser
import DistillationReport
import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import ModelFiles
import ModelTraining
import TensorCore
import TextGeneration
import Tokenization

/// The models of a report, loaded and proved to fit together, and what is measured of them.
struct ReportMeasurement {
  /// How samples are made.
  struct SampleOptions {
    /// The prompts; without any they are cut from the held-out text.
    let prompts: [String]
    /// How a prompt is put to a model as a user's message; by default as its chat template has it, if it has one.
    let template: ChatTemplateOptions
    let maxTokens: Int
    let seed: UInt64
  }

  /// Neither the most probable text, which repeats itself, nor the far tail.
  private static let sampling = Sampling(temperature: 0.8, topP: 0.95)
  private static let passageTokens = 200
  /// Prompts from the held-out text: how many, and how many words of each.
  private static let (excerpts, excerptWords) = (3, 10)

  private let entries: [ReportEntry]
  private let device: Device
  private let remarks: [String]
  /// The students as each of the types that were asked for.
  private let rounded: RoundedStudents
  private let console = Console()

  /// Loads the models: the teacher, the others, the control, and the students rounded to `types`. Throws what is wrong
  /// with their files, and `teacherChanged` or `unlikeTokenizer` where they do not belong together.
  init(_ sources: ReportSources, rounding types: [GGUFWeightType], on device: Device) throws {
    var entries: [ReportEntry] = []
    if let (path, _) = sources.teacher {
      entries.append(try ReportEntry(.teacher, path, sources.teacherRun, on: device))
    }
    for run in sources.others {
      entries.append(try ReportEntry(run.isDistilled ? .student : .baseline, run.path, run, on: device))
    }
    if let control = sources.control { entries.append(try ReportEntry(.control, control.path, control, on: device)) }
    try Self.requireOneVocabulary(entries)
    self.entries = entries
    self.device = device
    rounded = try RoundedStudents(types, of: entries.filter(\.isRounded).compactMap(\.folder), on: device)
    remarks = try Self.remarks(on: sources, teacher: entries[0].model)
  }

  /// Measures everything.
  /// - Parameters:
  ///   - heldOut: the held-out text; without one, nothing is measured on text.
  ///   - window: the tokens of a window, if the user chose them.
  ///   - samples: how samples are made.
  /// - Returns: the report.
  /// - Throws: what is wrong with the text or the prompts, and what evaluation and generation refuse.
  func report(
    on heldOut: HeldOutText?, window: Int?, samples: SampleOptions
  ) throws -> DistillationReport {
    let present = entries.compactMap(\.model)
    let text = try heldOut.flatMap { heldOut in
      try present.first.map { try EvaluationText(heldOut, $0.tokenizer, on: device) }
    }
    var report = DistillationReport(program: Limbeck.configuration.version, models: [], remarks: remarks)
    report.samples = try console.announcing("generating samples") { try self.samples(samples, text) }
    report.models = entries.map { entry in
      console.announcing("measuring how fast \(entry.path) generates") {
        entry.reported(generating: GenerationSpeed.usualTokens)
      }
    }
    guard let heldOut, let text else { return report }
    let window = MeasuredWindow(
      window,
      for: entries.compactMap { entry in
        entry.model.map { .init(folder: entry.path, contextLength: $0.configuration.contextLength) }
      })
    console.write(window.description)
    let passage = try measure(&report.models, on: text, window: window.tokens)
    try measureRoundings(&report.models, on: text, window: window.tokens)
    report.evaluation = ReportedEvaluation(
      text: heldOut.name, tokens: text.countedTokens, window: window.tokens, passage: passage)
    return report
  }

  /// Measures the models beside the teacher, or each alone where there is nothing to put beside another.
  private func measure(
    _ models: inout [ReportedModel], on text: EvaluationText, window: Int
  ) throws -> ComparedPassage? {
    var progress = ProgressLine("token", on: console, announcing: "measuring on the held-out text")
    defer { progress.end() }
    let compared = entries.indices.filter { entries[$0].role != .teacher && entries[$0].model != nil }
    guard entries[0].role == .teacher, let teacher = entries[0].model, !compared.isEmpty else {
      for index in entries.indices {
        guard let model = entries[index].model else { continue }
        models[index].perplexity = try Perplexity(of: model.decoder, on: text, window: window) {
          progress.show($0, of: entries[index].path)
        }
      }
      return nil
    }
    let tokens = try TokenComparison(
      teacher: teacher.decoder, students: compared.compactMap { entries[$0].model?.decoder }, on: text, window: window
    ) { progress.show($0, of: entries[compared[0]].path) }
    let comparison = TeacherStudentComparison(
      tokens, control: compared.firstIndex { entries[$0].role == .control })
    models[0].perplexity = comparison.teacher
    for (index, statistics) in zip(compared, comparison.students) {
      models[index].statistics = statistics
      models[index].perplexity = statistics.perplexity
    }
    return ComparedPassage(typicalOf: tokens, length: Self.passageTokens, tokenizer: teacher.tokenizer)
  }

  private func measureRoundings(_ models: inout [ReportedModel], on text: EvaluationText, window: Int) throws {
    let originals = entries.indices.filter { entries[$0].isRounded }
    var progress = ProgressLine("token", on: console, announcing: "measuring with rounded weights")
    defer { progress.end() }
    let losses = try rounded.losses(of: originals.compactMap { entries[$0].model }, on: text, window: window) {
      progress.show($0, of: "\(entries[originals[$1.original]].path) as rounded")
    }
    for (entry, loss) in zip(rounded.entries, losses) {
      models[originals[entry.original]].roundings.append(
        .init(type: entry.type.rawValue, weightBytes: entry.model.weightBytes, statistics: loss))
    }
  }

  /// Asks the models the questions of tasks. Throws what is wrong with them for a model.
  func ask(_ tasks: [EvaluationTask], _ options: TaskOptions, _ models: inout [ReportedModel]) throws {
    let present = entries.indices.compactMap { index in entries[index].model.map { (index, $0) } }
    let results = try options.results(
      of: present.map { .init(folder: entries[$0].path, model: $1) }, on: tasks, console)
    for ((index, _), results) in zip(present, results) { models[index].tasks = results }
  }

  private func samples(_ options: SampleOptions, _ text: EvaluationText?) throws -> [ReportedSample] {
    guard let tokenizer = entries.compactMap(\.model).first?.tokenizer else { return [] }
    var samples = options.prompts.map { ReportedSample(prompt: $0, continuations: []) }
    if samples.isEmpty, let text {
      let excerpts = text.excerpts(
        Self.excerpts, words: Self.excerptWords, continuationWords: options.maxTokens / 2, tokenizer: tokenizer)
      samples = excerpts.map { ReportedSample(prompt: $0.beginning, original: $0.continuation, continuations: []) }
    }
    guard !samples.isEmpty else { return [] }
    let format = try options.prompts.isEmpty ? nil : options.template.template(of: tokenizer)?.format(for: tokenizer)
    for entry in entries {
      let texts = try entry.model.map { try Self.texts(after: samples.map(\.prompt), by: $0, format, options) }
      for index in samples.indices { samples[index].continuations.append(texts?[index]) }
    }
    return samples
  }

  /// What a model makes of prompts: continuations or, where there is a chat format, answers to messages.
  private static func texts(
    after prompts: [String], by model: LanguageModel, _ format: ChatFormat?, _ options: SampleOptions
  ) throws -> [String] {
    let generator = try Generator(model.decoder, model.tokenizer)
    guard let format else {
      return try generator.generate(
        after: prompts, sampling: sampling, maxTokens: options.maxTokens, seed: options.seed
      ).map(\.text)
    }
    let settings = ConversationSettings(sampling: sampling, maxTokens: options.maxTokens, seed: options.seed)
    let conversation = try Conversation(generator, format: format, settings: settings)
    return try prompts.map { prompt in
      conversation.reset()
      return try conversation.answer(to: prompt) { _ in .proceed }.generation.text
    }
  }

  /// Checks that all models have one tokenizer and as many outputs.
  private static func requireOneVocabulary(_ entries: [ReportEntry]) throws {
    let loaded = entries.compactMap { entry in entry.model.map { (entry.path, $0) } }
    guard let (firstPath, first) = loaded.first else { return }
    for (path, model) in loaded.dropFirst() {
      try model.requireVocabulary(of: first, from: firstPath, path: path)
    }
  }

  /// What to say of students that learnt from other teachers than the one they are compared with. Throws
  /// `teacherChanged` where the user did not choose it.
  private static func remarks(on sources: ReportSources, teacher: LanguageModel?) throws(CommandError) -> [String] {
    guard let (path, isGiven) = sources.teacher, let digest = teacher?.digest else { return [] }
    var remarks: [String] = []
    for run in sources.others {
      // one digest a teacher; none where the teacher was a cache
      let teachers = run.record.manifest.inputs["teacher"]?.split(separator: " ") ?? []
      if teachers.isEmpty || teachers == [digest[...]] { continue }
      guard isGiven else { throw .teacherChanged(recipe: run.recipeFile, teacher: path) }
      remarks.append(
        teachers.contains(digest[...])
          ? "\(run.path) learnt from \(teachers.count) teachers; \(path), which it is compared with here, is one."
          : "\(run.path) learnt from another teacher than \(path), which it is compared with here.")
    }
    return remarks
  }
}
