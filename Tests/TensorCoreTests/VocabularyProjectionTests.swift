import TensorCore
import TestSupport
import Testing

@Suite struct VocabularyProjectionTests {
  private func tensor(_ shape: [Int], seed: UInt64, on device: Device) -> Tensor {
    var generator = SeededGenerator(seed: seed)
    return Tensor((0..<shape.reduce(1, *)).map { _ in Float(generator.nextNormal()) }, shape: shape, on: device)
  }

  @Test(arguments: MatrixBackendKind.available) func logitsAreHiddenTimesHead(kind: MatrixBackendKind) throws {
    let device = try Device(threads: 2, backend: kind)
    let projection = VocabularyProjection(
      hidden: tensor([301, 7], seed: 1, on: device), head: .dense(tensor([2_100, 7], seed: 2, on: device)))
    let teacher = VocabularyProjection(
      hidden: tensor([301, 5], seed: 3, on: device), head: .dense(tensor([2_100, 5], seed: 4, on: device)))
    let rows = (0..<301).reversed().filter { $0 % 3 != 1 }.map { Int32($0) }
    let results = projection.mapLogits(rows: rows, teacher: TeacherProjection(teacher)) { _, student, teacher, _ in
      (RowKernels.sum(student.span), RowKernels.maximum(teacher.span))
    }
    let student = projection.hidden.linear(projection.head).array()
    let other = teacher.hidden.linear(teacher.head).array()
    for (row, result) in zip(rows, results) {
      let slice = Int(row) * 2_100..<(Int(row) + 1) * 2_100
      let expected = student[slice].reduce(0) { $0 + Double($1) }
      #expect(abs(result.0 - expected) < 1e-3)
      #expect(result.1 == other[slice].max())
    }
  }

  /// Blocks of 16 MiB, which are streamed past the caches where rows begin cache lines; their edges lie at 16,368
  /// columns. Factors of few bits, so that no precision rounds them; the head's rows repeat, for sanitizers take their
  /// time.
  @Test(
    arguments: [(16_400, .float32), (16_401, .float32), (16_400, .bfloat16), (16_401, ProductPrecision.bfloat16)],
    MatrixBackendKind.available)
  func logitsThatNoCacheHoldsAreHiddenTimesHead(
    setting: (vocabulary: Int, precision: ProductPrecision), kind: MatrixBackendKind
  ) throws {
    let (vocabulary, precision) = setting
    let device = try Device(threads: 2, backend: kind)
    func factor(_ rows: Int, step: Int) -> Tensor {
      Tensor((0..<rows * 5).map { Float($0 * step % 31 - 15) / 4 }, shape: [rows, 5], on: device)
    }
    let (hidden, head) = (factor(256, step: 7), factor(vocabulary, step: 11))
    let (h, w, period) = (hidden.array(), head.array(), 31)
    #expect(w[(period * 5)...].elementsEqual(w[..<(w.count - period * 5)]))
    let wrong = VocabularyProjection(hidden: hidden, head: .dense(head), precision: precision)
      .mapLogits(rows: (0..<256).map { Int32($0) }) { row, logits, _, _ in
        let expected = (0..<period).map { v in (0..<5).reduce(Float(0)) { $0 + h[row * 5 + $1] * w[v * 5 + $1] } }
        return (0..<vocabulary).count { logits[$0] != expected[$0 % period] }
      }
    #expect(wrong.allSatisfy { $0 == 0 })
  }

  @Test(arguments: MatrixBackendKind.available)
  func gradientReachesHeadAndHiddenOfChosenRowsOnly(kind: MatrixBackendKind) throws {
    let device = try Device(threads: 2, backend: kind)
    let store = ParameterStore(on: device)
    let head = store.root.parameter("head", [523, 6], .normal(standardDeviation: 1), decays: true)
    let input = store.root.parameter("input", [300, 6], .normal(standardDeviation: 1), decays: true)
    var generator = SeededGenerator(seed: 5)
    store.initialize(using: &generator)
    let hidden = input.value + input.value
    let rows = (0..<300).filter { $0 % 7 != 0 }.map { Int32($0) }
    // the objective ½ Σ logits² of the chosen rows, whose gradient by the logits is the logits
    let backward = BackwardPass()
    let values = VocabularyProjection(hidden: hidden, head: .dense(head.value))
      .mapLogits(rows: rows, backward: backward) { _, student, _, _ in
        (0..<student.count).reduce(0.0) { $0 + Double(student[$1]) * Double(student[$1]) / 2 }
      }
    backward.run()

    let h = hidden.array().map(Double.init)
    let w = head.value.array().map(Double.init)
    var value = 0.0
    var dHead = [Double](repeating: 0, count: w.count)
    var dInput = [Double](repeating: 0, count: h.count)
    for row in rows.map(Int.init) {
      for v in 0..<523 {
        let logit = (0..<6).reduce(0.0) { $0 + h[row * 6 + $1] * w[v * 6 + $1] }
        value += logit * logit / 2
        for c in 0..<6 {
          dHead[v * 6 + c] += logit * h[row * 6 + c]
          dInput[row * 6 + c] += 2 * logit * w[v * 6 + c]
        }
      }
    }
    #expect(abs(values.reduce(0, +) / value - 1) < 1e-6)
    #expect(relativeError(try #require(head.gradient).array(), dHead) < 1e-6)
    #expect(relativeError(try #require(input.gradient).array(), dInput) < 1e-6)
  }

  @Test func noRowsGiveNoResultsAndZeroGradient() throws {
    let store = ParameterStore(on: Device(threads: 2))
    let hidden = store.root.parameter("hidden", [4, 3], .normal(standardDeviation: 1), decays: false)
    let head = store.root.parameter("head", [9, 3], .normal(standardDeviation: 1), decays: false)
    var generator = SeededGenerator(seed: 6)
    store.initialize(using: &generator)
    let backward = BackwardPass()
    let results = VocabularyProjection(hidden: hidden.value, head: .dense(head.value))
      .mapLogits(rows: [], backward: backward) { _, _, _, _ in 1 }
    backward.run()
    #expect(results.isEmpty)
    #expect(try #require(store.gradients).array() == [Float](repeating: 0, count: 12 + 27))
  }

  /// 16 times the tokens of a large vocabulary cost their hidden states, but no further logits.
  @Test func memoryDoesNotGrowWithTokensTimesVocabulary() {
    func peakBytes(tokens: Int) -> Int {
      let device = Device(threads: 2)
      let hidden = tensor([tokens, 8], seed: 8, on: device)
      let projection = VocabularyProjection(hidden: hidden, head: .dense(tensor([16_384, 8], seed: 9, on: device)))
      let rows = (0..<Int32(tokens)).map { $0 }
      _ = projection.mapLogits(
        rows: rows, teacher: TeacherProjection(projection), backward: BackwardPass()
      ) { _, student, _, _ in student[0] }
      return device.peakBytes
    }
    let few = peakBytes(tokens: 512)
    let many = peakBytes(tokens: 8_192)
    // the logits of the further 7,680 tokens alone would be 503 MB for each side
    #expect(few > 2 * 256 * 16_384 * 4, "the logits of a block of both sides are counted")
    #expect(many - few < 1 << 20, "\(few) bytes for 512 tokens, \(many) for 8,192")
  }
}
