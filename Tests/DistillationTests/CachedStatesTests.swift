import Diagnostics
import Distillation
import Foundation
import LanguageModels
import ModelTraining
import TensorCore
import TestSupport
import Testing
import Tokenization

/// Learning from a cache of the teacher's hidden states.
@Suite struct CachedStatesTests {
  private let tokenizer = ByteTokenizer()
  private let folder: TemporaryFolder
  private let teacher: FrozenDecoder

  init() throws {
    folder = try TemporaryFolder()
    teacher = Self.decoder(width: 16, layers: 2, seed: 1, cap: 3, logitScale: 0.5).frozen()
  }

  private static func decoder(
    width: Int, layers: Int = 1, seed: UInt64, cap: Float? = nil, logitScale: Float = 1
  ) -> TransformerDecoder {
    var configuration = DecoderConfiguration(
      vocabularySize: ByteTokenizer().vocabularySize, hiddenSize: width, feedForwardSize: 2 * width,
      layerCount: layers, headCount: 2, contextLength: 32, tiesEmbeddings: true, initializerRange: 0.4)
    (configuration.logitCap, configuration.logitScale) = (cap, logitScale)
    return TransformerDecoder(configuration: configuration, seed: seed, device: Device(threads: 2))
  }

  private func student(width: Int = 8) -> TransformerDecoder { Self.decoder(width: width, seed: 2) }

  /// A text of which every seventh token does not count.
  private func text(_ tokens: Int = 600) throws -> PackedSequences {
    var generator = SeededGenerator(seed: 4)
    let ids = (0..<tokens).map { _ in Int32.random(in: 0..<256, using: &generator) }
    return try PackedSequences(
      TokenArray(ids, counted: ids.indices.map { $0 % 7 != 0 }), sequenceLength: 16, name: "text")
  }

  private func cache(
    _ text: PackedSequences, _ method: TeacherCacheMethod = .hidden(channels: 16), name: String = "cache",
    of teacher: (any DecoderModel)? = nil
  ) throws -> TeacherCache {
    let recorder = try TeacherCacheRecorder(
      teacher: teacher ?? self.teacher, text: text, method: method, teacherDigest: "teacher",
      tokenizerDigest: tokenizer.digest.hexadecimal)
    let url = folder.file(name)
    try recorder.record(into: TeacherCacheFolder(creating: url, recorder.description))
    return try TeacherCache(contentsOf: url)
  }

  private func objective(
    _ signal: TeacherSignal, _ student: TransformerDecoder, _ objective: ScheduledObjective
  ) throws -> any TrainingObjective {
    try Distiller(signal, student: .init(student, tokenizer), objective, seed: 3).objective
  }

  private func scheduled(_ name: String) throws -> ScheduledObjective {
    switch name {
    case "reverse": ScheduledObjective(.reverseKL, temperature: 2, hardLabelWeight: 0.3)
    case "cooling": ScheduledObjective(.forwardKL, temperature: .cosine(from: 4, to: 1))
    case "squares": ScheduledObjective(.forwardKL, logitsMSEWeight: 0.5)
    default: ScheduledObjective(.jensenShannon(beta: 0.3), tokenWeighting: .teacherEntropy)
    }
  }

  /// States rounded to the 11 significant bits of float16 move each of them by at most 2⁻¹² of itself; the gradients
  /// move by less than 2⁻¹⁰ of themselves, whatever is minimised.
  @Test(arguments: ["reverse", "cooling", "squares", "weighted"])
  func gradientsAreThoseOfTheTeacher(_ name: String) throws {
    let text = try text()
    let cache = try cache(text)
    #expect(cache.method == .hidden(channels: 16) && cache.description.seed == nil)
    let batch = text.batch([3, 0, 30])
    let terms = HiddenStateTerms(cosineWeight: 0.5, meanSquareWeight: 0.2)
    let position = StepPosition(step: 2, totalSteps: 5)
    func gradients(_ signal: TeacherSignal) throws -> (LossSums, LossSums, [Float], [Float]) {
      let student = student()
      let objective = try objective(signal, student, scheduled(name))
      let sums = objective.accumulateGradients(of: student, on: batch, at: position, scale: 0.01)
      return (
        sums, objective.measure(student, on: batch, at: position), try #require(student.parameters.gradients).array(),
        try #require(objective.parameters?.gradients).array()
      )
    }
    let live = try gradients(.live([.init(teacher, tokenizer)], hiddenStates: terms))
    let cached = try gradients(
      .cachedStates(cache, validation: cache, head: teacher.outputHead, hiddenStates: terms))
    #expect(cached.0.tokens == live.0.tokens && cached.0.crossEntropy == live.0.crossEntropy)
    #expect(abs(cached.0.loss / live.0.loss - 1) < 0x1p-10)
    #expect(relativeError(cached.2, live.2.map(Double.init)) < 0x1p-10)
    #expect(relativeError(cached.3, live.3.map(Double.init)) < 0x1p-10)
    // validation has all that the teacher in memory tells
    for term in [LossTerm.klDivergence, .teacherEntropy, .entropy] {
      let (found, exact) = (try #require(cached.1.terms[term]), try #require(live.1.terms[term]))
      #expect(abs(found / exact - 1) < 0x1p-10, "\(term.key)")
    }
  }

  /// Where float16 holds the states as they are, learning from the cache is learning from the teacher, bit for bit.
  @Test func nothingButTheRoundingDiffers() throws {
    let text = try text()
    let cache = try cache(text)
    let states = teacher.hiddenStates(text.batch([5]).ids, batchSize: 1)
    let (batch, student) = (text.batch([5]), student())
    let rounded = MatrixEncoding.plain(.float16).encode(states.array(), on: teacher.device)
    var values = [Float](repeating: 0, count: states.count)
    var span = values.mutableSpan
    MatrixEncoding.plain(.float16).decode(rounded.span, into: &span)
    let logits = teacher.outputHead.projection(of: Tensor(values, shape: states.shape, on: teacher.device))
    let rows = batch.countedRows
    let schedule = ScheduledObjective(.forwardKL)
    let expected = student.projection(of: student.hiddenStates(batch.ids, batchSize: 1)).mapLogits(
      rows: rows, teacher: TeacherProjection(logits)
    ) { index, own, teacher, scratch in
      schedule.objective(at: .only).evaluate(
        label: Int(batch.targets[Int(rows[index])]), student: &own, teacher: &teacher, scratch: &scratch, scale: nil
      ).total
    }
    let found = try objective(.cachedStates(cache, head: teacher.outputHead), student, schedule)
      .accumulateGradients(of: student, on: batch, at: .only, scale: 1)
    #expect(found.loss == expected.reduce(0, +))
  }

  @Test func bytesDoNotDependOnThreadsAndInterruptions() throws {
    let text = try text(16 * 2_048 * 2 + 100)
    let recorder = { (threads: Int) in
      let teacher = FrozenDecoder(
        configuration: self.teacher.configuration, device: Device(threads: threads)
      ) { role, _ in
        guard let weight = self.teacher.weights.first(where: { $0.role == role }) else { preconditionFailure() }
        return weight.parameter.matrix
      }
      return try TeacherCacheRecorder(
        teacher: teacher, text: text, method: .hidden(channels: 16), teacherDigest: "teacher", tokenizerDigest: "t")
    }
    let (one, three) = (try recorder(1), try recorder(3))
    try one.record(into: TeacherCacheFolder(creating: folder.file("one"), one.description))
    var calls = 0
    let isComplete = try three.record(into: TeacherCacheFolder(creating: folder.file("three"), three.description)) {
      _ in
      calls += 1
      return calls == 20 ? .stop : .continue
    }
    #expect(!isComplete)
    try three.record(into: TeacherCacheFolder(resuming: folder.file("three"), three.description))
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("one").path) {
      let files = ["one", "three"].map { folder.file($0).appendingPathComponent(name) }
      #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]), "\(name)")
    }
    let bytes = try TeacherCache(contentsOf: folder.file("one")).byteCount
    let expected = TeacherCacheMethod.hidden(channels: 16).bytes(ofTokens: text.countedTokens, vocabularySize: 1)
    #expect(expected == 32 * Double(text.countedTokens) && abs(Double(bytes) / expected - 1) < 0.05)
  }

  @Test func theBiasOfStatesIsNextToNothing() throws {
    let text = try text()
    let bias = try CacheBias(of: cache(text), teacher: teacher, text: text)
    #expect(bias.isChance && bias.gradientDifference < 0x1p-10 && bias.gradientDifference > 0)
    #expect(abs(bias.cachedLoss - bias.denseLoss) < 1e-3)
  }

  @Test func whatACacheOfStatesCannotDoIsRefused() throws {
    let text = try text()
    let cache = try cache(text)
    func message(_ signal: TeacherSignal) throws -> String {
      do {
        _ = try objective(signal, student(), .forwardKL)
        return ""
      } catch { return "\(error)" }
    }
    let head = teacher.outputHead
    #expect(try message(.cached(cache)).contains("give the teacher, too: --teacher MODEL"))
    for terms in [
      HiddenStateTerms(pairs: [LayerPair(teacher: .layer(0))], cosineWeight: 1), HiddenStateTerms(relationWeight: 1),
    ] {
      #expect(
        try message(.cachedStates(cache, head: head, hiddenStates: terms)).contains("the teacher's last layer alone"))
    }
    let dense = try self.cache(text, .dense16, name: "dense")
    #expect(
      try message(.cachedStates(cache, validation: dense, head: head))
        .contains("method: expected hidden, 16 channels, found dense16"))
    let other = Self.decoder(width: 8, seed: 1).frozen().outputHead
    #expect(try message(.cachedStates(cache, head: other)).contains("expected hidden, 8 channels, found hidden, 16"))
    #expect(try message(.cachedStates(cache, head: head)).isEmpty)

    func recorder(_ method: TeacherCacheMethod, temperature: Float = 1, _ teacher: any DecoderModel) throws -> String {
      do {
        let recorder = try TeacherCacheRecorder(
          teacher: teacher, text: text, method: method, temperature: temperature, teacherDigest: "t",
          tokenizerDigest: "t")
        try recorder.record(into: TeacherCacheFolder(creating: folder.file(UUID().uuidString), recorder.description))
        return ""
      } catch { return "\(error)" }
    }
    #expect(
      try recorder(.hidden(channels: 16), temperature: 2, teacher).contains("temperature: expected 1 with the method"))
    #expect(try recorder(.hidden(channels: 8), teacher).contains("channels: expected the teacher's 16, found 8"))
    for (factor, expected) in [(Float(1e5), "the range of float16"), (.nan, "the teacher's logits are not finite")] {
      let large = Self.decoder(width: 16, seed: 1)
      for weight in large.weights where weight.role == .finalNorm {
        weight.parameter.matrix.dense(on: large.device).withMutableSpan { values in
          for index in values.indices { values[index] = factor }
        }
      }
      #expect(try recorder(.hidden(channels: 16), large).contains(expected))
    }
  }

  @Test func damagedDescriptionsAreRefused() throws {
    _ = try cache(text())
    let file = folder.file("cache").appendingPathComponent("cache.json")
    let json = try String(contentsOf: file, encoding: .utf8)
    for (old, new) in [
      ("\"channels\" : 16", "\"channels\" : 0"), ("\"channels\" : 16", "\"draws\" : 16"),
      ("\"temperature\" : 1", "\"temperature\" : 2"), ("\"channels\" : 16", "\"channels\" : 99999999999"),
    ] {
      try json.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
      #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: folder.file("cache")) }
    }
    try json.replacing("16", with: "17").write(to: file, atomically: true, encoding: .utf8)
    #expect(throws: TeacherCacheError.self) { try TeacherCache(contentsOf: folder.file("cache")) }
    try json.write(to: file, atomically: true, encoding: .utf8)
    #expect(try TeacherCache(contentsOf: folder.file("cache")).method.keepsStates)
  }
}
