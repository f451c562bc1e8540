import Diagnostics
import DurableFiles
import Foundation
import LanguageModels
import ModelTraining
import TensorCore
import TestSupport
import Testing
import Tokenization

@testable import Distillation

/// A cache that is made in the first epoch of a run and learnt from in the others.
@Suite struct CachingTests {
  static let methods: [TeacherCacheMethod] = [.sampled(draws: 20), .hidden(channels: 16), .dense16]
  private let tokenizer = ByteTokenizer()
  private let folder: TemporaryFolder
  private let teacher: FrozenDecoder

  init() throws {
    folder = try TemporaryFolder()
    teacher = Self.decoder(width: 16, seed: 1).frozen()
  }

  private static func decoder(width: Int, seed: UInt64) -> TransformerDecoder {
    TransformerDecoder(
      configuration: DecoderConfiguration(
        vocabularySize: ByteTokenizer().vocabularySize, hiddenSize: width, feedForwardSize: 2 * width, layerCount: 1,
        headCount: 2, contextLength: 32, tiesEmbeddings: true, initializerRange: 0.4),
      seed: seed, device: Device(threads: 2))
  }

  /// 25 sequences of which some tokens do not count; 7 steps of 4 sequences read them.
  private func text(seed: UInt64 = 4) throws -> PackedSequences {
    var generator = SeededGenerator(seed: seed)
    let ids = (0..<16 * 25 + 1).map { _ in Int32.random(in: 0..<256, using: &generator) }
    return try PackedSequences(
      TokenArray(ids, counted: ids.indices.map { $0 % 7 != 0 }), sequenceLength: 16, packing: SequencePacking(.fixed),
      name: "text")
  }

  private func recipe(steps: Int = 20, checkpointEvery: Int = 3) -> TrainingRecipe {
    TrainingRecipe(
      steps: steps, batchSize: 4, sequenceLength: 16, learningRate: 0.02, weightDecay: 0,
      checkpointEvery: checkpointEvery)
  }

  private func plan(_ name: String, _ method: TeacherCacheMethod, resumes: Bool = false) -> TeacherCachePlan {
    TeacherCachePlan(
      at: folder.file(name), methods: [method], seed: 5, teacherDigest: "teacher", resumes: resumes)
  }

  private func objective(_ method: TeacherCacheMethod) -> ScheduledObjective {
    ScheduledObjective(.forwardKL, temperature: 1.5, hardLabelWeight: 0.2)
  }

  /// Runs a student in a folder, to the end or to a step.
  private func run(
    _ name: String, _ signal: (_ resumes: Bool) -> TeacherSignal, _ method: TeacherCacheMethod,
    stoppingAt stop: Int? = nil, recipe: TrainingRecipe? = nil
  ) throws -> [UInt32] {
    let url = folder.file(name)
    let resumes = FileManager.default.fileExists(atPath: url.path)
    let run =
      try resumes
      ? RunFolder(resuming: url, inputs: [:])
      : RunFolder(creating: url, manifest: RunManifest(version: "1", inputs: [:], parameters: [:]), recipe: "")
    let student = Self.decoder(width: 8, seed: 2)
    try Distiller(signal(resumes), student: .init(student, tokenizer), objective(method)).run(
      over: text(), recipe ?? self.recipe(), folder: run
    ) { event in
      if case .step(let step) = event, step.number == stop { return .stop }
      return .continue
    }
    return try #require(student.parameters.values).array().map(\.bitPattern)
  }

  private func caching(_ name: String, _ method: TeacherCacheMethod) -> (Bool) -> TeacherSignal {
    { .caching(.init(teacher, tokenizer), plan(name, method, resumes: $0)) }
  }

  private func contents(_ name: String) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.file(name).path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.file(name).appendingPathComponent($0))) })
  }

  /// In the first epoch the student learns what the teacher says, to the bit; what is taken down meanwhile are the
  /// bytes of a cache that is made beforehand, and from then on it learns from that.
  @Test(arguments: methods)
  func theFirstEpochIsTheTeachersAndTheOthersAreTheCaches(_ method: TeacherCacheMethod) throws {
    let live: (Bool) -> TeacherSignal = { _ in .live([.init(teacher, tokenizer)]) }
    #expect(
      try run("cached", caching("cache", method), method, stoppingAt: 7) == run("live", live, method, stoppingAt: 7))
    // the sequences of the eighth step begin with the text's second reading
    #expect(TeacherCacheJournal.exists(in: folder.file("cache")))
    let whole = try run("cached", caching("cache", method), method)
    #expect(try whole != run("live", live, method))

    let recorder = try TeacherCacheRecorder(
      teacher: teacher, text: text(), method: method, temperature: method.keepsStates ? 1 : 1.5, seed: 5,
      teacherDigest: "teacher", tokenizerDigest: tokenizer.digest.hexadecimal)
    try recorder.record(
      into: TeacherCacheFolder(
        creating: folder.file("beforehand"), recorder.description, tokenizerFiles: tokenizer.files))
    #expect(try contents("cache") == contents("beforehand"))

    // the seven steps by the teacher, and the others by a cache from beforehand
    let cache = try TeacherCache(contentsOf: folder.file("beforehand"))
    let signal: (Bool) -> TeacherSignal = { resumes in
      guard resumes else { return live(false) }
      return method.keepsStates ? .cachedStates(cache, head: teacher.outputHead) : .cached(cache)
    }
    _ = try run("two", signal, method, stoppingAt: 7)
    #expect(try run("two", signal, method) == whole)
  }

  /// A killed run has sequences in its cache that come after its newest checkpoint, and perhaps half of another; one of
  /// which the cache is complete may go on from a checkpoint of the first epoch.
  @Test(arguments: methods, [1, 4, 6, 7, 8, 11]) func aRunThatWasKilledEndsInTheSameBits(
    _ method: TeacherCacheMethod, stop: Int
  ) throws {
    let whole = try run("whole", caching("whole-cache", method), method)
    _ = try run("killed", caching("cache", method), method, stoppingAt: stop)
    // to the kill belongs that what came after the checkpoint before is lost
    let number = "\(stop)"
    let zeros = String(repeating: "0", count: 8 - number.count)
    try FileManager.default.removeItem(at: folder.file("killed/checkpoints/step-\(zeros)\(number)"))
    let journal = TeacherCacheJournal.file(in: folder.file("cache"))
    if FileManager.default.fileExists(atPath: journal.path) {
      let handle = try FileHandle(forWritingTo: journal)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([3, 0, 0, 0, 0, 0, 0, 0, 90, 0]))
      try handle.close()
    }
    #expect(try run("killed", caching("cache", method), method) == whole)
    #expect(try contents("cache") == contents("whole-cache"))
  }

  /// What was damaged or removed is computed again.
  @Test(arguments: methods) func lostSequencesAreComputedAgain(_ method: TeacherCacheMethod) throws {
    let whole = try run("whole", caching("whole-cache", method), method)
    let journal = TeacherCacheJournal.file(in: folder.file("cache"))
    let damages: [(String, (inout Data) -> Void)] = [
      ("cut", { $0.removeLast(40) }), ("edited", { $0[$0.count / 2] ^= 1 }), ("emptied", { $0.removeAll() }),
      ("another's", { $0[3] ^= 1 }), ("absurd", { $0.replaceSubrange(64..<80, with: Data(repeating: 255, count: 16)) }),
    ]
    for (name, damage) in damages {
      _ = try run(name, caching("cache", method), method, stoppingAt: 6)
      var bytes = try Data(contentsOf: journal)
      damage(&bytes)
      try bytes.write(to: journal)
      #expect(try run(name, caching("cache", method), method) == whole, "\(name)")
      #expect(try contents("cache") == contents("whole-cache"), "\(name)")
      try FileManager.default.removeItem(at: folder.file("cache"))
    }
    // gone altogether, after the first epoch
    _ = try run("gone", caching("cache", method), method, stoppingAt: 9)
    try FileManager.default.removeItem(at: folder.file("cache"))
    #expect(try run("gone", caching("cache", method), method) == whole)
    #expect(try contents("cache") == contents("whole-cache"))
  }

  @Test func aHalfRecordedCacheSaysWhatToDo() throws {
    _ = try run("run", caching("cache", .dense16), .dense16, stoppingAt: 3)
    #expect(throws: TeacherCacheError.beingRecorded(cache: folder.file("cache").path)) {
      try TeacherCache(contentsOf: folder.file("cache"))
    }
    // limbeck cache-teacher finishes it as well
    let recorder = try TeacherCacheRecorder(
      teacher: teacher, text: text(), method: .dense16, temperature: 1.5, seed: 5, teacherDigest: "teacher",
      tokenizerDigest: tokenizer.digest.hexadecimal)
    try recorder.record(into: TeacherCacheFolder(resuming: folder.file("cache"), recorder.description))
    #expect(try TeacherCache(contentsOf: folder.file("cache")).method == .dense16)
    #expect(!TeacherCacheJournal.exists(in: folder.file("cache")))
  }

  /// A run that goes on with another one reads the rest of that one's epoch, and then a whole one, with the teacher.
  @Test func aContinuationReadsAWholeEpochFirst() throws {
    let method = TeacherCacheMethod.sampled(draws: 20)
    _ = try run("first", { _ in .live([.init(teacher, tokenizer)]) }, method, recipe: recipe(steps: 3))
    func go(_ name: String, _ signal: TeacherSignal, steps: Int) throws -> [UInt32] {
      let continuation = try RunContinuation(ofRun: folder.file("first"))
      let student = TransformerDecoder(
        configuration: Self.decoder(width: 8, seed: 2).configuration, seed: 2, device: Device(threads: 2))
      try Distiller(signal, student: .init(student, tokenizer), objective(method)).run(
        over: text(), recipe(steps: steps), continuing: continuation)
      return try #require(student.parameters.values).array().map(\.bitPattern)
    }
    // 12 sequences are read, 13 of the epoch are left, and 25 come: ten steps, of a schedule that depends on all
    let long = TeacherSignal.caching(.init(teacher, tokenizer), plan("long", method))
    #expect(throws: DistillationError.self) { try go("long", long, steps: 10) }
    #expect(!FileManager.default.fileExists(atPath: folder.file("long").path))
    _ = try go("long", .caching(.init(teacher, tokenizer), plan("long", method)), steps: 11)
    #expect(try TeacherCache(contentsOf: folder.file("long")).method == method)
  }

  @Test func whatCannotBeIsRefusedBeforeAnythingIsWritten() throws {
    func message(
      _ method: TeacherCacheMethod = .sampled(draws: 9), _ objective: ScheduledObjective = .forwardKL,
      _ terms: HiddenStateTerms = HiddenStateTerms(), steps: Int = 20, text: PackedSequences? = nil
    ) throws -> String {
      do {
        let distiller = try Distiller(
          .caching(.init(teacher, tokenizer), plan("cache", method), hiddenStates: terms),
          student: .init(Self.decoder(width: 8, seed: 2), tokenizer), objective)
        try distiller.run(over: text ?? self.text(), recipe(steps: steps))
        return ""
      } catch { return "\(error)" }
    }
    let last = HiddenStateTerms(cosineWeight: 1)
    var some = ScheduledObjective.forwardKL
    some.distilledSteps = .first(.steps(3))
    let shifted = try PackedSequences(
      TokenArray((0..<400).map { Int32($0 % 256) }), sequenceLength: 16, packing: SequencePacking(.shifted),
      name: "shifted")
    for (found, expected) in [
      (try message(steps: 7), "expected more than the 7 steps that read all of the text, found 7"),
      (try message(.sampled(draws: 9), ScheduledObjective(.reverseKL)), "forward KL divergence alone"),
      (
        try message(.sampled(draws: 9), ScheduledObjective(.forwardKL, temperature: .cosine(from: 4, to: 1))),
        "temperature: expected one temperature in all steps with a cache made with sampled, found 4.0 to 1.0"
      ),
      (
        try message(.dense16, ScheduledObjective(.forwardKL, logitsMSEWeight: 1)), "from which its logits do not follow"
      ),
      (try message(.dense16, some), "in every step, found steps without"),
      (try message(.dense16, .forwardKL, last), "nothing with a cache made with dense16"),
      (
        try message(.hidden(channels: 16), .forwardKL, HiddenStateTerms(relationWeight: 1)),
        "the teacher's last layer alone"
      ),
      (try message(text: shifted), "packing: expected fixed, found shifted"),
      (try message(.hidden(channels: 8)), "channels: expected the teacher's 16, found 8"),
    ] {
      #expect(found.contains(expected), "\(found)")
      #expect(!FileManager.default.fileExists(atPath: folder.file("cache").path), "\(expected)")
    }
    // states are enough for all of these
    #expect(
      try message(
        .hidden(channels: 16), ScheduledObjective(.reverseKL, temperature: .cosine(from: 4, to: 1), logitsMSEWeight: 1),
        last
      ).isEmpty)
    #expect(try message().contains("exists already and will not be overwritten"))
  }

  @Test func statesAreTakenWhereTheyFit() throws {
    let methods = [TeacherCacheMethod.hidden(channels: 640), .sampled(draws: 50)]
    func method(_ bytes: Double?, _ tokens: Int) throws(TeacherCacheError) -> TeacherCacheMethod {
      try TeacherCachePlan.method(
        methods, within: bytes, named: "--max-size", tokens: tokens, vocabularySize: 32_000)
    }
    #expect(try method(nil, 1_000_000) == methods[0] && method(1.28e9, 1_000_000) == methods[0])
    let draws = methods[1].bytes(ofTokens: 1_000_000, vocabularySize: 32_000)
    #expect(try method(1.28e9 - 1, 1_000_000) == methods[1] && method(draws, 1_000_000) == methods[1])
    #expect {
      try method(draws - 1, 1_000_000)
    } throws: {
      let size = "\(Int((draws / 1e6).rounded(.up))) MB"
      return "\($0)".hasPrefix(
        "--max-size: expected at least \(size), for sampled, 50 draws of 1000000 tokens, found ")
    }
  }

  @Test func aDiskWithoutRoomIsToldBeforehand() throws {
    for (bytes, gathers) in [(50.0, true), (100, false)] {
      try TeacherCachePlan.requireSpace(bytes, gathersSequences: gathers, free: 100, at: folder.url)
      #expect(throws: TeacherCacheError.self) {
        try TeacherCachePlan.requireSpace(bytes + 1, gathersSequences: gathers, free: 100, at: folder.url)
      }
    }
    #expect(throws: TeacherCacheError.self) { try TeacherCachePlan.requireSpace(1e18, at: folder.file("new")) }
    try TeacherCachePlan.requireSpace(1, at: folder.file("new"))
    let free = try #require(freeBytes(at: folder.file("not/yet/there")))
    #expect(free > 0 && abs(free / (freeBytes(at: folder.url) ?? 0) - 1) < 0.1)
  }
}
