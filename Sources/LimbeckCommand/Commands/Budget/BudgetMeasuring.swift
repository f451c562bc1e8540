import Diagnostics
import Distillation
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import ModelFiles
import ModelTraining
import TensorCore
import Tokenization

/// Measures teacher, text and machine, before a budget is spent.
struct BudgetMeasuring {
  private let settings: BudgetSettings
  private let device: Device
  /// Of all products.
  private let precision: ProductPrecision
  private let start: ContinuousClock.Instant
  private let clock = ContinuousClock()
  private let console = Console()

  init(_ settings: BudgetSettings, since start: ContinuousClock.Instant) throws {
    (self.settings, self.start) = (settings, start)
    device = try settings.device.device
    precision = (settings.device.backend ?? .best) == .avx512BFloat16 ? .bfloat16 : .float32
  }

  /// Tokens of a sequence, as in the study.
  private static let sequenceLength = 256
  /// What can be told from so few sequences is not worth the time.
  private static let leastSequences = 4

  /// A teacher, the text as it reads it, and how long that took.
  private struct Reading {
    let teacher: LanguageModel
    let training: PackedSequences
    let heldOut: ValidationText
    let seconds: Double
  }

  /// Checks what is given, before anything is written.
  func check() throws { _ = try read(settings.teacher) }

  /// Measures everything; what is made on the way lies in the folder. Throws what is wrong with teacher or text, and
  /// where the budget is too short.
  func record() throws -> BudgetRecord {
    let whole = try openModel(path: settings.teacher).configuration
    let (path, remark) = try teacher(whole)
    var reading = try read(path)
    // a new vocabulary encodes the text anew, which no run does again
    if path != settings.teacher { reading = try read(path) }
    let teacher = reading.teacher
    let candidates = try BudgetCandidate.all(of: teacher, sequenceLength: reading.training.sequenceLength)
    let students = console.announcing("timing \(candidates.count) students") {
      candidates.map { candidate in
        BudgetMeasurements.Candidate(
          weights: candidate.configuration.weightCount ?? .max, hiddenSize: candidate.configuration.hiddenSize,
          isNarrow: candidate.isNarrow,
          secondsPerToken: secondsPerToken(candidate.configuration, on: reading.training))
      }
    }
    var (gain, speed) = (BeginningGain?.none, 0.0)
    console.announcing("timing \(path)") {
      gain = beginningGain(reading)
      speed = measure(teacher, on: reading.heldOut, within: 0.005 * settings.budget.seconds).secondsPerToken
    }
    let generation = console.announcing("timing \(path)") {
      GenerationSpeed.seconds(of: teacher.decoder, tokens: generatedTokens(teacher, secondsPerToken: speed))
    }
    let measured = BudgetMeasurements(
      budget: settings.budget.seconds, spent: (clock.now - start) / .seconds(1), preparation: reading.seconds,
      trainingTokens: reading.training.count * reading.training.sequenceLength,
      heldOutTokens: reading.heldOut.countedTokens, sequenceLength: reading.training.sequenceLength,
      teacherWeights: teacher.configuration.weightCount ?? .max, teacherSecondsPerToken: speed,
      generationSecondsPerToken: generation, candidates: students)
    try measured.validate()
    let windows = try BudgetPlan(measured).evaluationWindows
    let nats = measure(teacher, on: reading.heldOut, windows: windows).natsPerToken
    guard nats.isFinite, (gain.map { $0.natsWithout - $0.natsWith } ?? 0).isFinite else {
      throw InvalidValue(path, "nats per token of the text", expected: "a finite number", found: "\(nats)")
    }
    return BudgetRecord(
      measurements: measured, starts: candidates.map(\.start), teacher: path,
      vocabulary: teacher.configuration.vocabularySize, wholeVocabulary: whole.vocabularySize,
      vocabularyRemark: remark, precision: precision.rawValue, teacherLayers: whole.layerCount,
      beginningGain: gain.map { $0.natsWithout - $0.natsWith },
      teacherNats: nats)
  }

  /// Reads a teacher and the text by its tokenizer, as every run does. Throws where the text is too small.
  private func read(_ path: String) throws -> Reading {
    let began = clock.now
    let teacher = try LanguageModel(path: path, precision: precision, on: device)
    _ = teacher.digest
    let length = min(Self.sequenceLength, teacher.configuration.contextLength)
    let packing = TextPacking(teacher.tokenizer, sequenceLength: length, device: device, console: console)
    let corpus = try TextListing().corpus(settings.text, console)
    let split = settings.share.map { corpus.split(validationShare: $0, seed: settings.seed) }
    let heldOutCorpus = try split?.validation ?? TextListing().corpus(settings.validationText, console)
    let name = settings.text.joined(separator: ", ")
    let heldOutName = split == nil ? settings.validationText.joined(separator: ", ") : "held out of \(name)"
    let training: PackedSequences
    let heldOut: ValidationText
    do {
      training = try packing.sequences(
        of: split?.training ?? corpus, named: name, SequencePacking(.fixed, for: teacher.tokenizer))
      heldOut = try packing.validation(of: heldOutCorpus, named: heldOutName, for: teacher.configuration)
    } catch TrainingError.nothingCounted where split != nil {
      throw tooSmall(length, found: "none that are held out")
    } catch TokenizationError.value(let value) where split != nil && value.key.hasSuffix("validation-share") {
      throw tooSmall(length, found: "\(value.found), of which nothing can be held out")
    }
    guard heldOut.count >= 2, heldOut.countedTokens >= length, training.count >= Self.leastSequences else {
      throw tooSmall(
        length, found: "\(Format.count(training.count * length)) and \(Format.count(heldOut.countedTokens)) held out")
    }
    return Reading(
      teacher: teacher, training: training, heldOut: heldOut, seconds: (clock.now - began) / .seconds(1))
  }

  private func tooSmall(_ length: Int, found: String) -> InvalidValue {
    let least = settings.share.map { max(Double(Self.leastSequences * length), 2 * Double(length) / $0) }
    return InvalidValue(
      settings.text.joined(separator: ", "), "tokens",
      expected: least.map {
        "about \(Format.count(Int($0))) or more, of which \(Format.count(2 * length)) are held out to measure on"
      } ?? "\(Format.count(Self.leastSequences * length)) or more, and \(Format.count(length)) to measure on",
      found: found, advice: "give more text" + (settings.share == nil ? "" : ", or another with --validation-text"))
  }

  /// The teacher that is learnt from: the user's or, where that pays, one with fewer tokens, which is made; and why
  /// there is none, where it would have paid.
  private func teacher(_ whole: DecoderConfiguration) throws -> (path: String, remark: String?) {
    let largest = BudgetCandidate.shapes(of: whole).first ?? whole
    guard StudentPlan.reducesVocabulary(of: largest, usedTokens: 0) else { return (settings.teacher, nil) }
    let path = VocabularyCutter.path(settings.path("teacher"), cutFrom: settings.teacher)
    if somethingExists(at: path) { return (path, nil) }
    let cutter = try VocabularyCutter(settings.teacher, keys: JSONLinesKeys(), on: device)
    let corpus = try cutter.corpus(settings.text)
    let reduced: ReducedTokenizer
    do { reduced = try cutter.reduced(to: corpus) } catch let error as TokenizationError {
      // of a kind that cannot be cut down
      return (settings.teacher, "\(error)")
    }
    guard StudentPlan.reducesVocabulary(of: largest, usedTokens: reduced.reduction.keptIDs.count) else {
      return (settings.teacher, nil)
    }
    try cutter.requireSound(reduced, on: corpus)
    try cutter.write(reduced, to: path)
    return (path, nil)
  }

  private func beginningGain(_ reading: Reading) -> BeginningGain? {
    guard let id = reading.teacher.tokenizer.bosID, reading.teacher.configuration.contextLength > 2 else { return nil }
    let count = min(4, reading.training.count)
    // without the BOS in front
    let sequences = (0..<count).map { index in
      Array(reading.training.batch([index * reading.training.count / count]).ids.dropFirst())
    }
    guard sequences.contains(where: { $0.count >= 2 }) else { return nil }
    return BeginningGain(of: reading.teacher.decoder, on: sequences, beginningID: id)
  }

  /// How many tokens are generated to time them: a two-hundredth of the budget, if one takes ten times as long as one
  /// of many that are predicted at once.
  private func generatedTokens(_ teacher: LanguageModel, secondsPerToken: Double) -> Int {
    let affordable = 0.005 * settings.budget.seconds / max(10 * secondsPerToken, 1e-9)
    let most = min(GenerationSpeed.usualTokens, teacher.configuration.contextLength)
    return max(2, Int(min(Double(most), affordable)))
  }

  private struct Measured {
    let secondsPerToken, natsPerToken: Double
  }

  /// The teacher on the first windows of a text: two at least, then as many as there is time for.
  private func measure(
    _ teacher: LanguageModel, on text: ValidationText, windows: Int = .max, within seconds: Double = .infinity
  ) -> Measured {
    let decoder = teacher.decoder.frozen(isConstant: true)
    var (spent, tokens, sums) = (0.0, 0, LossSums.zero)
    for first in stride(from: 0, to: min(text.count, windows), by: 2) where first == 0 || spent < seconds {
      let batch = text.batch(Array(first..<min(first + 2, text.count, windows)))
      let time = clock.measure { sums += CrossEntropyObjective().measure(decoder, on: batch, at: .only) }
      spent += time / .seconds(1)
      tokens += batch.ids.count
    }
    return Measured(secondsPerToken: spent / Double(tokens), natsPerToken: sums.perToken.crossEntropy)
  }

  /// The seconds of a token that a student of these sizes learns from text alone.
  private func secondsPerToken(_ configuration: DecoderConfiguration, on text: PackedSequences) -> Double {
    let student = TransformerDecoder(configuration: configuration, seed: 0, precision: precision, device: device)
    func seconds(_ count: Int) -> Double {
      let batch = text.batch(Array(0..<count))
      student.parameters.zeroGradients()
      let time = clock.measure {
        _ = CrossEntropyObjective().accumulateGradients(of: student, on: batch, at: .only, scale: 1)
      }
      return time / .seconds(1) / Double(batch.ids.count)
    }
    // once to touch the weights; then as a micro-batch, if there is time
    let first = seconds(1)
    let count = first * Double(4 * text.sequenceLength) < 0.005 * settings.budget.seconds ? 4 : 1
    return min(first, seconds(count))
  }
}
