import Foundation
import LanguageModels
import ModelEvaluation
import ModelTraining
import TensorCore
import TextGeneration
import Tokenization

/// The memory of a run, before it has any.
extension TrainingSession {
  /// Counts the memory of the run, and says with --plan what takes it.
  /// - Parameters:
  ///   - configuration: that of the model to be trained.
  ///   - tokenizer: what makes its ids.
  ///   - files: what is mapped, the weights of teachers first.
  ///   - adapting: makes the decoder whose adapters are trained, on a device that counts; nil where all weights are.
  ///   - caching: what the making of a cache takes, of a text of so many tokens; nil where none is made.
  ///   - distilling: the run of a model, on that model's device, which counts; nil where it learns without a teacher in
  ///     memory.
  /// - Returns: whether only the plan was asked for, and nothing is to be done any more.
  /// - Throws: `MemoryShortage` where the run cannot fit; what is wrong with recipe and texts.
  func showsPlan(
    of configuration: DecoderConfiguration, _ tokenizer: any Tokenizer, files: [MemoryPlan.Part] = [],
    adapting: ((Device) throws -> TransformerDecoder)? = nil,
    caching: ((_ textTokens: Int) -> MemoryPlan.Part)? = nil,
    distilling: ((TransformerDecoder) throws -> any SessionTask)? = nil
  ) throws -> Bool {
    let textBytes = try corpus(settings.text)?.byteCount ?? 0
    let validation = try plannedValidation(configuration, tokenizer, textBytes: textBytes)
    let cache = try caching.map { try $0(textTokens(tokenizer, byteCount: textBytes)) }
    func plan(_ choice: MemoryChoice) throws -> MemoryPlan {
      var recipe = settings.recipe
      recipe.microBatchSize = choice.microBatchSize ?? recipe.microBatchSize
      var plan = try MemoryPlan(
        recipe, of: configuration, textTokens: textBytes == 0 ? nil : textBytes / Self.leastBytesPerToken,
        validation: validation, on: device
      ) { device, data, validation, recipe in
        let decoder =
          try adapting?(device)
          ?? TransformerDecoder(
            configuration: configuration, seed: 0, precision: settings.precision, device: device)
        decoder.recomputesLayers = settings.memory.recomputes || choice.recomputes
        let task = try choice.hasCache ? nil : distilling?(decoder)
        _ = try (task ?? LanguageModelling(model: decoder)).run(
          over: data, validation: validation, recipe, folder: nil, continuing: nil
        ) { _ in .continue }
      }
      // by now, most of its code has been run
      if let memory = ProcessMemory.now {
        plan.add(.init("program and tokenizer", bytes: memory.bytes + Self.laterCodeBytes))
      }
      if let cache { plan.add(cache) }
      for (index, file) in files.enumerated() {
        plan.add(.init(file.name, bytes: file.bytes - (index == 0 ? plan.releasedBytes : 0), isMapped: true))
      }
      plan.add(.init("tokens of the text", bytes: textBytes, isMapped: true))
      return plan
    }
    let whole = try plan(MemoryChoice())
    let limit = MemoryLimit(settings.memory.limit)
    if settings.memory.isPlanned { try settings.memory.show(whole, limit) }
    guard let limit, whole.unmappedBytes > limit.bytes else { return settings.memory.isPlanned }
    let remedies = try remedies(limit, hasTeacher: distilling != nil) { try plan($0).unmappedBytes }
    throw MemoryShortage(plan: whole, limit: limit, remedies: remedies, configuration: configuration)
  }

  /// Pages of the program that a run reads and a plan does not: 3.3 to 3.7 MiB of a release build.
  private static let laterCodeBytes = 7 << 19
  /// Texts of so many bytes are soon tokenised.
  private static let shortTextBytes = 1 << 20

  /// The tokens of the text to be learnt, which has so many bytes; about, where it is long.
  private func textTokens(_ tokenizer: any Tokenizer, byteCount: Int) throws -> Int {
    guard byteCount <= Self.shortTextBytes, let corpus = try corpus(settings.text) else {
      return byteCount / Self.bytesPerToken
    }
    let text = try tokenizer.tokens(of: corpus.chatting(for: tokenizer), threads: device.threads)
    return text.documents.reduce(0) { $0 + $1.ids.count }
  }

  /// Bytes of text that a token stands for, about, and at least. Ids take 4 bytes each, so that those of a text take
  /// about as much as it.
  private static let (bytesPerToken, leastBytesPerToken) = (4, 2)

  /// What would make the run smaller: of each kind, up to the first that fits.
  private func remedies(
    _ limit: MemoryLimit, hasTeacher: Bool, bytes: (MemoryChoice) throws -> Int
  ) throws -> [MemoryShortage.Remedy] {
    let sizes = sequence(first: settings.recipe.resolvedMicroBatchSize / 2) { $0 / 2 }
      .prefix { $0 > 0 }.filter { settings.recipe.batchSize.isMultiple(of: $0) }
    var remedies: [MemoryShortage.Remedy] = []
    func fits(_ choices: [MemoryChoice]) throws -> Bool {
      for choice in choices {
        remedies.append(.init(choice: choice, bytes: try bytes(choice)))
        if remedies[remedies.count - 1].bytes <= limit.bytes { return true }
      }
      return false
    }
    var isFound = try fits(sizes.map { MemoryChoice(microBatchSize: $0) })
    if !settings.memory.recomputes { isFound = try fits([MemoryChoice(recomputes: true)]) || isFound }
    if hasTeacher { isFound = try fits([MemoryChoice(hasCache: true)]) || isFound }
    if !isFound, !settings.memory.recomputes || hasTeacher {
      let choices = sizes.map { MemoryChoice(microBatchSize: $0, recomputes: !settings.memory.recomputes) }
      if try !fits(choices), hasTeacher {
        _ = try fits(choices.suffix(1).map { MemoryChoice($0, hasCache: true) })
      }
    }
    return remedies
  }

  private func corpus(_ paths: [String]) throws -> Corpus? {
    try paths.isEmpty ? nil : Corpus(paths: paths, keys: settings.keys, counting: settings.counting)
  }

  /// A validation text that is soon tokenised, as it is, for its windows are of many lengths; or what stands for it.
  private func plannedValidation(
    _ configuration: DecoderConfiguration, _ tokenizer: any Tokenizer, textBytes: Int
  ) throws -> ValidationText? {
    let (corpus, length) = (try corpus(settings.validationText), settings.recipe.sequenceLength)
    if let corpus, corpus.byteCount <= Self.shortTextBytes {
      let tokens = try tokenizer.tokens(of: corpus.chatting(for: tokenizer), threads: device.threads)
      return try ValidationText(
        EvaluationText(tokens, tokenizer: tokenizer), sequenceLength: length,
        name: settings.validationText.joined(separator: ", "), beginningID: configuration.beginningID)
    }
    let bytes = corpus?.byteCount ?? Int(Double(textBytes) * (settings.validationShare ?? 0))
    return try bytes == 0
      ? nil : ValidationText(planning: bytes / Self.bytesPerToken, of: configuration, sequenceLength: length)
  }
}

/// What may be chosen otherwise so that a run takes less memory.
struct MemoryChoice {
  /// Another micro-batch size; nil for the run's own.
  var microBatchSize: Int?
  /// Whether layers are computed anew where the run would not do so.
  var recomputes = false
  /// Whether the teacher is replaced by a cache.
  var hasCache = false

  init(microBatchSize: Int? = nil, recomputes: Bool = false, hasCache: Bool = false) {
    (self.microBatchSize, self.recomputes, self.hasCache) = (microBatchSize, recomputes, hasCache)
  }

  /// Another choice, and whether the teacher is replaced.
  init(_ other: MemoryChoice, hasCache: Bool) {
    self = other
    self.hasCache = hasCache
  }

  /// As the user makes it.
  var description: String {
    [
      recomputes ? "--recompute" : nil, microBatchSize.map { "--micro-batch-size \($0)" },
      hasCache ? "--teacher-cache in place of --teacher (see limbeck cache-teacher)" : nil,
    ].compactMap(\.self).joined(separator: " ")
  }
}

extension MemoryPlan {
  /// A line for each part, the sum, and what there is.
  func table(limit: MemoryLimit?) -> String {
    var rows = parts.map { [$0.name + ($0.isMapped ? ", mapped" : ""), Format.bytes($0.bytes)] }
    rows.append(["together", Format.bytes(bytes)])
    var text = TextTable(rows: rows).text
    if parts.contains(where: \.isMapped) {
      text += "Without mapped files, which the system can drop, \(Format.bytes(unmappedBytes)) are needed at once.\n"
    }
    if let limit { text += "The run may hold \(limit.description).\n" }
    return text
  }
}
