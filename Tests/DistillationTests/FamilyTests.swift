import Distillation
import Foundation
import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing
import TextGeneration
import Tokenization

/// What Limbeck does with a model, once for each family: random decoders with the sizes and quirks of the family's
/// fixture, and gains and biases that are not what they are freshly made of.
@Suite struct FamilyTests {
  private static let device = Device(threads: 2)
  private static let tokenizer = ByteTokenizer()

  /// The configuration of a fixture for the tokenizer here, with outputs that have no token.
  private static func configuration(_ name: String) throws -> DecoderConfiguration {
    var configuration = try DecoderConfiguration(
      HuggingFaceConfiguration(contentsOf: ModelFixture(name).folder.appendingPathComponent("config.json")))
    configuration.vocabularySize = tokenizer.vocabularySize + 2
    (configuration.bosTokenID, configuration.eosTokenIDs, configuration.padTokenID) = (256, [257], nil)
    configuration.contextLength = max(configuration.contextLength, 48)
    return configuration
  }

  private static func decoder(
    _ configuration: DecoderConfiguration, seed: UInt64, precision: ProductPrecision = .float32,
    on device: Device = device
  ) -> TransformerDecoder {
    var configuration = configuration
    configuration.initializerRange = 0.3
    let decoder = TransformerDecoder(configuration: configuration, seed: seed, precision: precision, device: device)
    var generator = SeededGenerator(seed: seed + 100)
    for parameter in decoder.parameters.parameters where parameter.shape.count == 1 {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.2 * Float(generator.nextNormal()) }
      }
    }
    return decoder
  }

  private static func text(sequenceLength: Int = 24) throws -> PackedSequences {
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<1_000).map { _ in Int32.random(in: 0..<60, using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: sequenceLength, name: "text")
  }

  private static func plan(_ configuration: DecoderConfiguration) throws -> StudentPlan {
    // where heads fill the hidden size, some families have no others: then heads go, too
    let fills = configuration.headCount * configuration.headSize == configuration.hiddenSize
    let heads = configuration.headCount - (fills ? configuration.keyValueHeadCount : 0)
    return try StudentPlan(
      of: configuration, layers: configuration.layerCount > 1 ? .layers([0, configuration.layerCount - 1]) : .all,
      hiddenSize: fills
        ? heads * configuration.headSize : configuration.hiddenSize * 3 / 4 / heads * heads,
      feedForwardSize: configuration.feedForwardSize - 3, headCount: heads)
  }

  private static func logits(_ decoder: any DecoderModel) throws -> [Float] {
    let batch = try text().batch([0, 3])
    return decoder.logits(decoder.hiddenStates(batch.ids, batchSize: 2)).array()
  }

  private static func recipe(steps: Int) -> TrainingRecipe {
    TrainingRecipe(steps: steps, batchSize: 4, sequenceLength: 24, learningRate: 0.02, weightDecay: 0, seed: 3)
  }

  @Test("A student with the family's own arithmetic approaches its teacher", arguments: ModelFixture.families)
  func distillation(_ name: String) throws {
    let configuration = try Self.configuration(name)
    try Self.expectApproach(
      teacher: Self.decoder(configuration, seed: 1), student: Self.decoder(configuration, seed: 2))
  }

  @Test("A student of another family approaches a teacher with the same tokenizer", arguments: ModelFixture.families)
  func distillationIntoLlama(_ name: String) throws {
    var configuration = DecoderConfiguration(
      vocabularySize: Self.tokenizer.vocabularySize, hiddenSize: 24, feedForwardSize: 40, layerCount: 2, headCount: 4,
      contextLength: 48, tiesEmbeddings: true)
    let teacher = try Self.decoder(Self.configuration(name), seed: 1)
    configuration.vocabularySize = teacher.configuration.vocabularySize
    try Self.expectApproach(teacher: teacher, student: Self.decoder(configuration, seed: 2))
  }

  private static func expectApproach(teacher: TransformerDecoder, student: TransformerDecoder) throws {
    let distiller = try Distiller(
      teacher: .init(teacher.frozen(), tokenizer), student: .init(student, tokenizer), .init(.forwardKL))
    var divergences: [Double] = []
    try distiller.run(over: text(), recipe(steps: 30)) { event in
      if case .step(let step) = event, let divergence = step.terms[.divergence] { divergences.append(divergence) }
      return .continue
    }
    #expect(divergences.count == 30 && divergences.allSatisfy { $0.isFinite })
    #expect(divergences[25...].reduce(0, +) / 5 < 0.8 * divergences[0], "\(divergences)")
  }

  @Test(
    "Uncut, a student is its teacher; cut, it is written and read with the same bits", arguments: ModelFixture.families)
  func pruning(_ name: String) throws {
    let configuration = try Self.configuration(name)
    let teacher = Self.decoder(configuration, seed: 1)
    let uncut = try TransformerDecoder(studentOf: teacher, StudentPlan(of: teacher.configuration))
    let (given, kept) = (try Self.logits(teacher), try Self.logits(uncut))
    #expect(given == kept)
    let importance = ActivationImportance(of: teacher, on: try Self.text())
    let plan = try Self.plan(teacher.configuration)
    let student = TransformerDecoder(studentOf: teacher, plan, importance: importance)
    #expect(student.parameters.count < teacher.parameters.count)
    let logits = try Self.logits(student)
    #expect(logits.allSatisfy { $0.isFinite })
    let folder = try TemporaryFolder()
    try student.write(to: folder.url)
    let read = try TransformerDecoder(contentsOf: folder.url, device: Self.device)
    #expect(read.configuration == student.configuration)
    let again = try Self.logits(read)
    #expect(again == logits)
  }

  @Test("Hidden states are aligned: the loss falls along its gradient", arguments: ModelFixture.families)
  func hiddenStates(_ name: String) throws {
    let configuration = try Self.configuration(name)
    let teacher = Self.decoder(configuration, seed: 1)
    let student = TransformerDecoder(
      studentOf: teacher, try Self.plan(teacher.configuration),
      importance: ActivationImportance(of: teacher, on: try Self.text()))
    let last = student.configuration.layerCount - 1
    let terms = HiddenStateTerms(
      pairs: [LayerPair(teacher: .layer(0), student: .layer(0)), LayerPair(teacher: .last, student: .last)],
      cosineWeight: 0.7, meanSquareWeight: 0.4,
      relationPair: LayerPair(teacher: .layer(configuration.layerCount - 1), student: .layer(last)),
      relationWeight: 1.5)
    let alignment = try HiddenStateAlignment(
      terms, teacher: teacher.configuration, student: student.configuration, seed: 5, on: Self.device)
    let objective = LiveTeacherObjective(
      teachers: [(teacher.frozen(), 1)], ScheduledObjective(.forwardKL, temperature: 2, hardLabelWeight: 0.5),
      alignment: alignment)
    let batch = try Self.text().batch([0, 1])
    student.parameters.zeroGradients()
    let before = objective.accumulateGradients(of: student, on: batch, at: .only, scale: 1 / 46).loss
    let (values, gradient) = (try #require(student.parameters.values), try #require(student.parameters.gradients))
    let slope = student.parameters.gradientSquareSum()
    let (original, direction) = (values.array(), gradient.array())
    let step = 1e-3 / slope.squareRoot()
    func loss(_ sign: Double) -> Double {
      values.withMutableSpan { span in
        for index in span.indices { span[index] = original[index] + Float(sign * step) * direction[index] }
      }
      return objective.measure(student, on: batch, at: .only).loss
    }
    let measured = (loss(1) - loss(-1)) / (2 * step) / 46
    #expect(before.isFinite && abs(measured / slope - 1) < 0.03, "\(measured) for \(slope)")
  }

  @Test("On its own texts the student has the same bits for any number of threads", arguments: ModelFixture.families)
  func onPolicy(_ name: String) throws {
    let configuration = try Self.configuration(name)
    func weights(threads: Int) throws -> [Float] {
      let device = Device(threads: threads)
      let student = Self.decoder(configuration, seed: 2, on: device)
      let objective = OnPolicyObjective(
        LiveTeacherObjective(
          teacher: Self.decoder(configuration, seed: 1, on: device).frozen(),
          objective: DistillationObjective(.reverseKL)),
        OnPolicySteps(
          probability: 1, prompts: .beginnings(length: 4), completionLength: 20, sampler: TokenSampler(),
          endIDs: [257]),
        contextLength: configuration.contextLength)
      try Trainer(model: student, objective: objective, data: Self.text(), recipe: Self.recipe(steps: 2)).run()
      return student.parameters.parameters.flatMap { $0.value.array() }
    }
    let (one, three) = (try weights(threads: 1), try weights(threads: 3))
    #expect(one == three)
    #expect(one.allSatisfy { $0.isFinite })
  }

  @Test(
    "With a draft the text is the model's own, past windows and in both cache precisions",
    arguments: ModelFixture.families, CachePrecision.allCases)
  func speculation(_ name: String, cachePrecision: CachePrecision) throws {
    let model = Self.decoder(try Self.configuration(name), seed: 1)
    let drafts = [
      TransformerDecoder(studentOf: model, try StudentPlan(of: model.configuration)),
      TransformerDecoder(
        studentOf: model, try Self.plan(model.configuration),
        importance: ActivationImportance(of: model, on: try Self.text())),
    ]
    let prompts = ["", "the alembic drips, and the retort", "e"]
    func ids(_ generator: Generator) throws -> [[Int32]] {
      try generator.generate(after: prompts, sampling: .greedy, maxTokens: 40, batchSize: 3).map(\.tokenIDs)
    }
    let expected = try ids(Generator(model, Self.tokenizer, cachePrecision: cachePrecision))
    for draft in drafts {
      for length in [DraftLength.fixed(4), .adaptive] {
        let found = try ids(
          Generator(model, Self.tokenizer, draft: draft, draftLength: length, cachePrecision: cachePrecision))
        #expect(found == expected)
      }
    }
  }

  @Test("In bfloat16 generation with a cache says nearly what it says without", arguments: ModelFixture.families)
  func rounded(_ name: String) throws {
    let model = Self.decoder(try Self.configuration(name), seed: 1, precision: .bfloat16).frozen()
    let generation = try Generator(model, Self.tokenizer).generate(
      after: ["the alembic"], sampling: .greedy, maxTokens: 36)[0]
    let ids = [256] + Self.tokenizer.encode("the alembic") + generation.tokenIDs
    let logits = model.logits(model.hiddenStates(ids, batchSize: 1)).array()
    let outputs = model.configuration.vocabularySize
    let first = ids.count - generation.tokenIDs.count - 1
    for (index, id) in generation.tokenIDs.enumerated() {
      let row = logits[(first + index) * outputs..<(first + index + 1) * outputs]
      let largest = try #require(row.max())
      let range = largest - (try #require(row.min()))
      #expect(row[row.startIndex + Int(id)] > largest - 0.05 * range, "token \(index)")
    }
  }
}
