import Foundation
import TensorCore
import TestSupport
import Testing

/// Linear maps and vocabulary projections in bfloat16: those of Double on rounded factors.
@Suite struct ProductPrecisionTests {
  private func rounded(_ values: [Float]) -> [Double] {
    values.map { Double(Float(bitPattern: ($0.bitPattern + 0x7fff + ($0.bitPattern >> 16 & 1)) & 0xffff_0000)) }
  }

  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.nextNormal()) }
  }

  /// a[m, k] · b[k, n]
  private func product(_ a: [Double], _ b: [Double], m: Int, k: Int, n: Int) -> [Double] {
    var c = [Double](repeating: 0, count: m * n)
    for i in 0..<m { for l in 0..<k { for j in 0..<n { c[i * n + j] += a[i * k + l] * b[l * n + j] } } }
    return c
  }

  private func transposed(_ a: [Double], rows: Int, columns: Int) -> [Double] {
    (0..<columns).flatMap { j in (0..<rows).map { a[$0 * columns + j] } }
  }

  @Test(arguments: MatrixBackendKind.available)
  func linearAndItsGradientsRoundTheirFactors(kind: MatrixBackendKind) throws {
    let (rows, inputs, outputs) = (37, 51, 29)
    let (x, w, cotangent) = (
      normal(rows * inputs, seed: 1), normal(outputs * inputs, seed: 2), normal(rows * outputs, seed: 3)
    )
    let store = ParameterStore(on: try Device(threads: 2, backend: kind))
    let (xParameter, wParameter) = (
      store.root.parameter("x", [rows, inputs], .zeros, decays: false),
      store.root.parameter("w", [outputs, inputs], .zeros, decays: false)
    )
    store.load { .dense(Tensor($0.name == "x" ? x : w, shape: $0.shape, on: store.device)) }
    let out = xParameter.value.linear(wParameter.value, precision: .bfloat16)
    out.backward(from: Tensor(cotangent, shape: out.shape, on: store.device))

    let (xDouble, wDouble, dDouble) = (rounded(x), rounded(w), rounded(cotangent))
    let wTransposed = transposed(wDouble, rows: outputs, columns: inputs)
    #expect(relativeError(out.array(), product(xDouble, wTransposed, m: rows, k: inputs, n: outputs)) < 1e-6)
    #expect(
      relativeError(
        try #require(xParameter.gradient).array(), product(dDouble, wDouble, m: rows, k: outputs, n: inputs)) < 1e-6)
    #expect(
      relativeError(
        try #require(wParameter.gradient).array(),
        product(transposed(dDouble, rows: rows, columns: outputs), xDouble, m: outputs, k: rows, n: inputs)) < 1e-6)
  }

  /// As generation has them: weights that are kept packed, and rows so few that columns are shared out among threads.
  @Test(arguments: [1, 5, 32, 63, 64], MatrixBackendKind.available)
  func constantWeightsHaveOneOrderForAnyRowsAndThreads(rows: Int, kind: MatrixBackendKind) throws {
    for (inputs, outputs) in [(51, 29), (600, 48), (96, 500)] {
      try checkOrder(rows: rows, inputs: inputs, outputs: outputs, kind)
    }
  }

  private func checkOrder(rows: Int, inputs: Int, outputs: Int, _ kind: MatrixBackendKind) throws {
    let (x, w) = (normal(rows * inputs, seed: 1), normal(outputs * inputs, seed: 2))
    func product(_ threads: Int, firstRows count: Int) throws -> [Float] {
      let device = try Device(threads: threads, backend: kind)
      let weight = Tensor(w, shape: [outputs, inputs], on: device).constant
      let rows = Tensor(Array(x[..<(count * inputs)]), shape: [count, inputs], on: device)
      // the second finds the weights packed
      _ = rows.linear(weight, precision: .bfloat16)
      return rows.linear(weight, precision: .bfloat16).array()
    }
    let found = try product(1, firstRows: rows)
    let expected = self.product(
      rounded(x), transposed(rounded(w), rows: outputs, columns: inputs), m: rows, k: inputs, n: outputs)
    #expect(relativeError(found, expected) < 1e-6)
    for threads in [2, 3, 8] { #expect(try product(threads, firstRows: rows) == found, "\(threads) threads") }
    // factors that are rounded beforehand have another order in few rows
    guard [.avx512BFloat16, .reference].contains(kind) else { return }
    #expect(try product(2, firstRows: 1)[...] == found[..<outputs])
  }

  /// In one block of tokens and in several, for which the head is packed beforehand.
  @Test(arguments: [21, 300], MatrixBackendKind.available)
  func projectionAndItsGradientsRoundTheirFactors(rows: Int, kind: MatrixBackendKind) throws {
    let (channels, vocabulary) = (19, 131)
    let (x, w, cotangent) = (
      normal(rows * channels, seed: 4), normal(vocabulary * channels, seed: 5), normal(rows * vocabulary, seed: 6)
    )
    let store = ParameterStore(on: try Device(threads: 2, backend: kind))
    let head = store.root.parameter("head", [vocabulary, channels], .zeros, decays: false)
    let hidden = store.root.parameter("hidden", [rows, channels], .zeros, decays: false)
    store.load { .dense(Tensor($0.name == "head" ? w : x, shape: $0.shape, on: store.device)) }
    let backward = BackwardPass()
    let logits = VocabularyProjection(hidden: hidden.value, head: .dense(head.value), precision: .bfloat16)
      .mapLogits(rows: (0..<rows).map { Int32($0) }, backward: backward) { index, row, _, _ in
        var values: [Float] = []
        for i in row.indices {
          values.append(row[i])
          row[i] = cotangent[index * vocabulary + i]
        }
        return values
      }
    backward.run()
    let gradient = try #require(hidden.gradient)
    let (xDouble, wDouble, dDouble) = (rounded(x), rounded(w), rounded(cotangent))
    let wTransposed = transposed(wDouble, rows: vocabulary, columns: channels)
    #expect(
      relativeError(logits.flatMap(\.self), product(xDouble, wTransposed, m: rows, k: channels, n: vocabulary)) < 1e-6)
    #expect(
      relativeError(gradient.array(), product(dDouble, wDouble, m: rows, k: vocabulary, n: channels)) < 1e-6)
    #expect(
      relativeError(
        try #require(head.gradient).array(),
        product(transposed(dDouble, rows: rows, columns: vocabulary), xDouble, m: vocabulary, k: rows, n: channels))
        < 1e-6)
  }

  /// Attention's own products too: near the reference of unrounded factors, as near as 8 significant bits allow. Of
  /// several blocks of queries each takes as many of the keys as it sees, and a head may be wider than a packed panel.
  @Test(
    arguments: [
      (70, AttentionRule(headSize: 24)), (150, AttentionRule(headSize: 52)), (33, AttentionRule(headSize: 8)),
      (150, AttentionRule(headSize: 24, window: 1)), (131, AttentionRule(headSize: 8, window: 2)),
      (150, AttentionRule(headSize: 52, window: 31)), (97, AttentionRule(headSize: 64, window: 32)),
      (200, AttentionRule(headSize: 24, scale: 0.3, window: 33)), (193, AttentionRule(headSize: 256, window: 64)),
      (150, AttentionRule(headSize: 24, window: 100)), (70, AttentionRule(headSize: 24, window: 100)),
      (97, AttentionRule(headSize: 24, cap: 2)), (170, AttentionRule(headSize: 20, scale: 0.4, cap: 3, window: 49)),
    ] as [(Int, AttentionRule)], MatrixBackendKind.available)
  func attentionAndItsGradientsRoundTheirFactors(
    shape: (length: Int, rule: AttentionRule), kind: MatrixBackendKind
  ) throws {
    let (length, headSize) = (shape.length, shape.rule.headSize)
    let (batchSize, heads, keyValueHeads) = (2, 4, 2)
    let rows = batchSize * length
    let names = ["queries", "keys", "values"]
    let shapes = [[rows, heads * headSize], [rows, keyValueHeads * headSize], [rows, keyValueHeads * headSize]]
    let inputs = shapes.enumerated().map { normal($1[0] * $1[1], seed: UInt64(7 + $0)) }
    let cotangent = normal(rows * heads * headSize, seed: 10)
    func run(_ precision: ProductPrecision) throws -> [[Float]] {
      let store = ParameterStore(on: try Device(threads: 2, backend: kind))
      let parameters = zip(names, shapes).map { store.root.parameter($0, $1, .zeros, decays: false) }
      store.load { parameter in
        .dense(Tensor(inputs[names.firstIndex(of: parameter.name) ?? 0], shape: parameter.shape, on: store.device))
      }
      let out = parameters[0].value.causalAttention(
        keys: parameters[1].value, values: parameters[2].value, batchSize: batchSize,
        rule: shape.rule, precision: precision)
      out.backward(from: Tensor(cotangent, shape: out.shape, on: store.device))
      return try [out.array()] + parameters.map { try #require($0.gradient).array() }
    }
    // a token that sees itself alone passes nothing to its query and key
    let compared = shape.rule.window == 1 ? [0, 3] : [0, 1, 2, 3]
    let (allRounded, allExact) = (try run(.bfloat16), try run(.float32))
    for (rounded, exact) in compared.map({ (allRounded[$0], allExact[$0]) }) {
      let error = relativeError(rounded, exact.map(Double.init))
      #expect(error < 1e-2)
      #expect(error > 1e-4, "nothing was rounded")
    }
  }

  /// Its weight is 1, so that the values' gradient is that of the output, summed over the heads that share them, and
  /// those of queries and keys are 0.
  @Test(arguments: MatrixBackendKind.available)
  func aSequenceOfOneTokenPassesItsGradientToTheValues(kind: MatrixBackendKind) throws {
    let (batchSize, headSize) = (3, 16)
    let store = ParameterStore(on: try Device(threads: 2, backend: kind))
    let parameters = [("queries", 2), ("keys", 1), ("values", 1)].map { name, heads in
      store.root.parameter(name, [batchSize, heads * headSize], .zeros, decays: false)
    }
    store.load { .dense(Tensor(normal($0.count, seed: 11), shape: $0.shape, on: store.device)) }
    let out = parameters[0].value.causalAttention(
      keys: parameters[1].value, values: parameters[2].value, batchSize: batchSize,
      rule: AttentionRule(headSize: headSize), precision: .bfloat16)
    let cotangent = normal(out.count, seed: 12)
    out.backward(from: Tensor(cotangent, shape: out.shape, on: store.device))
    let gradients = rounded(cotangent)
    let expected = (0..<batchSize).flatMap { token in
      (0..<headSize).map { gradients[2 * token * headSize + $0] + gradients[(2 * token + 1) * headSize + $0] }
    }
    #expect(relativeError(try #require(parameters[2].gradient).array(), expected) < 1e-6)
    // up to the rounding of d P and of its mean, whose difference is 0
    for parameter in parameters.prefix(2) {
      #expect(try #require(parameter.gradient).array().allSatisfy { abs($0) < 0.1 })
    }
  }
}
