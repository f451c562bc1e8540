import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@testable import Distillation

@Suite struct StudentTests {
  /// Biases, an untied head, grouped queries and a head size of its own: every kind of weight there is.
  static let configuration = DecoderConfiguration(
    vocabularySize: 67, hiddenSize: 24, feedForwardSize: 20, layerCount: 3, headCount: 6, keyValueHeadCount: 3,
    headSize: 8, contextLength: 64, biases: Set(LayerMatrix.allCases), initializerRange: 0.3)

  /// A teacher whose biases and gains are not what they are freshly made of.
  private func teacher(_ configuration: DecoderConfiguration = Self.configuration) throws -> TransformerDecoder {
    let teacher = TransformerDecoder(configuration: configuration, seed: 3, device: Device(threads: 2))
    var generator = SeededGenerator(seed: 4)
    for parameter in teacher.parameters.parameters where parameter.shape.count == 1 {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.3 * Float(generator.nextNormal()) }
      }
    }
    return teacher
  }

  private func ids(_ count: Int) -> [Int32] {
    var generator = SeededGenerator(seed: 5)
    return (0..<count).map { _ in Int32.random(in: 0..<67, using: &generator) }
  }

  private func logits(_ decoder: any DecoderModel) -> [Float] {
    let decoder = decoder.frozen()
    let ids = ids(40).map { $0 % Int32(decoder.configuration.vocabularySize) }
    return decoder.logits(decoder.hiddenStates(ids, batchSize: 2)).array()
  }

  private func importance(of decoder: TransformerDecoder) throws -> ActivationImportance {
    ActivationImportance(of: decoder, on: try PackedSequences(TokenArray(ids(600)), sequenceLength: 16, name: "text"))
  }

  @Test(arguments: [true, false])
  func whereNothingIsCutTheLogitsAreTheSame(tied: Bool) throws {
    var configuration = Self.configuration
    configuration.tiesEmbeddings = tied
    let teacher = try teacher(configuration)
    let plan = try StudentPlan(of: configuration, layers: .layers([0, 1, 2]), hiddenSize: 24, headCount: 6)
    let student = TransformerDecoder(studentOf: teacher, plan)
    #expect(student.configuration == configuration && student.parameters.isTrainable)
    #expect(logits(student) == logits(teacher))
    #expect(
      logits(TransformerDecoder(studentOf: teacher, plan, importance: try importance(of: teacher))) == logits(teacher))
  }

  @Test func permutedButUncutTheLogitsAreTheSameButForRounding() throws {
    let teacher = try teacher()
    let plan = try StudentPlan(of: Self.configuration)
    var widths = WidthSelection(plan, nil)
    widths.channels = (0..<24).map { ($0 * 7 + 5) % 24 }
    widths.layers = (0..<3).map { layer in
      let shared = [[2, 0, 1], [1, 2, 0], [0, 2, 1]][layer]
      return WidthSelection.Layer(
        keyValueHeads: shared, heads: shared.flatMap { [2 * $0 + 1, 2 * $0] },
        neurons: (0..<20).map { ($0 * 3 + layer) % 20 })
    }
    let student = TransformerDecoder(cutting: widths, outOf: teacher, plan)
    #expect(student.parameters.parameters[0].value.array() != teacher.parameters.parameters[0].value.array())
    let (found, expected) = (logits(student), logits(teacher))
    #expect(found != expected)
    #expect(relativeError(found, expected.map(Double.init)) < 1e-5)
  }

  @Test(arguments: ModelFixture.families + ["llama/llama3"]) func aStudentIsOfItsTeachersFamily(_ name: String) throws {
    let teacher = try FrozenDecoder(contentsOf: ModelFixture(name).folder)
    let student = TransformerDecoder(
      studentOf: teacher, try StudentPlan(of: teacher.configuration, layers: .count(1)))
    let folder = try TemporaryFolder()
    try student.write(to: folder.url)
    let read = try FrozenDecoder(contentsOf: folder.url)
    #expect(read.configuration == student.configuration)
    #expect(read.configuration.family == teacher.configuration.family)
    #expect(logits(read) == logits(student))
  }

  @Test func fewerLayersAreThoseLayers() throws {
    let teacher = try teacher()
    let student = TransformerDecoder(
      studentOf: teacher, try StudentPlan(of: Self.configuration, layers: .layers([0, 2])))
    let weights = Dictionary(uniqueKeysWithValues: teacher.weights.map { ($0.role, $0.parameter.value.array()) })
    for weight in student.weights {
      let origin = if case .layer(1, let part) = weight.role { WeightRole.layer(2, part) } else { weight.role }
      #expect(weight.parameter.value.array() == weights[origin], "\(weight.role)")
    }
    #expect(student.weights.contains { $0.role == .layer(1, .bias(.down)) })
  }

  /// Without the least important neurons and heads it computes what the teacher computes with them silenced.
  @Test func whatIsCutIsWhatIsLeastImportant() throws {
    let teacher = try teacher()
    let importance = try importance(of: teacher)
    let plan = try StudentPlan(of: Self.configuration, feedForwardSize: 13, headCount: 2, keyValueHeadCount: 2)
    let student = TransformerDecoder(studentOf: teacher, plan, importance: importance)
    let widths = WidthSelection(plan, importance)
    for (layer, part) in widths.layers.enumerated() {
      let neurons = importance.neurons[layer]
      let gone = Set(neurons.indices).subtracting(part.neurons)
      #expect(try #require(gone.map { neurons[$0] }.max()) <= #require(part.neurons.map { neurons[$0] }.min()))
      let heads = importance.heads[layer]
      let best = (0..<3).map { heads[2 * $0] >= heads[2 * $0 + 1] ? 2 * $0 : 2 * $0 + 1 }
      let worst = try #require(best.min { heads[$0] < heads[$1] })
      #expect(part.heads == best.filter { $0 != worst })
      #expect(part.keyValueHeads == part.heads.map { $0 / 2 })
      for weight in teacher.weights {
        let columns: Set<Int>
        switch weight.role {
        case .layer(layer, .matrix(.down)): columns = gone
        case .layer(layer, .matrix(.output)): columns = Set((0..<48).filter { !part.heads.contains($0 / 8) })
        default: continue
        }
        let parameter = weight.parameter
        parameter.value.withMutableSpan { values in
          for index in values.indices where columns.contains(index % parameter.shape[1]) { values[index] = 0 }
        }
      }
    }
    #expect(relativeError(logits(student), logits(teacher).map(Double.init)) < 1e-5)
  }

  @Test func theMostImportantChannelsStay() throws {
    let teacher = try teacher()
    let importance = try importance(of: teacher)
    let plan = try StudentPlan(of: Self.configuration, layers: .count(2), hiddenSize: 12)
    let widths = WidthSelection(plan, importance)
    let ranked = importance.channels.indices.sorted { importance.channels[$0] > importance.channels[$1] }
    #expect(widths.channels == ranked[..<12].sorted())
    let student = TransformerDecoder(studentOf: teacher, plan, importance: importance)
    #expect(student.configuration.hiddenSize == 12 && student.configuration.headSize == 8)
    let embedding = teacher.parameters.parameters[0].value.array()
    #expect(
      student.parameters.parameters[0].value.array()
        == (0..<67).flatMap { row in widths.channels.map { embedding[row * 24 + $0] } })
    #expect(logits(student).allSatisfy { $0.isFinite })
  }

  /// The same means from a forward pass in Double, token by token.
  @Test func importanceIsThatOfThePlainDefinition() throws {
    let teacher = try teacher()
    let ids = ids(33)
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "text")
    var reports: [[Int]] = []
    let found = ActivationImportance(of: teacher, on: text) { reports.append([$0, $1]) }
    let expected = DoubleImportance(of: teacher, Array(ids[..<32]), sequenceLength: 8)
    #expect(relativeError(found.channels.map { Float($0) }, expected.channels) < 1e-5)
    for layer in 0..<3 {
      #expect(relativeError(found.heads[layer].map { Float($0) }, expected.heads[layer]) < 1e-5)
      #expect(relativeError(found.neurons[layer].map { Float($0) }, expected.neurons[layer]) < 1e-5)
    }
    #expect(reports == [[32, 32]])
  }

  @Test func aPartOfTheTextIsSpreadOverIt() throws {
    let teacher = try teacher()
    let ids = ids(81)
    let whole = try PackedSequences(TokenArray(ids), sequenceLength: 8, name: "text")
    let chosen = try PackedSequences(
      TokenArray(Array(ids[..<8] + ids[40..<48] + [0])), sequenceLength: 8, name: "chosen")
    #expect(ActivationImportance(of: teacher, on: whole, tokens: 17) == ActivationImportance(of: teacher, on: chosen))
  }
}

/// Students of teachers whose arithmetic is not Llama's.
@Suite struct StudentArithmeticTests {
  private static var configuration: DecoderConfiguration {
    var configuration = DecoderConfiguration(
      vocabularySize: 67, hiddenSize: 24, feedForwardSize: 20, layerCount: 3, headCount: 6, keyValueHeadCount: 3,
      headSize: 8, contextLength: 64,
      attention: [
        LayerAttention(), LayerAttention(rotary: nil), LayerAttention(rotary: RotaryPositions(base: 50)),
      ], biases: [.query], initializerRange: 0.3)
    configuration.normOffset = 1
    configuration.hasPostNorms = true
    configuration.normalizesQueriesAndKeys = true
    configuration.activation = .geluTanh
    configuration.logitCap = 20
    configuration.embeddingScale = .rootOfHiddenSize
    configuration.logitScale = 0.5
    return configuration
  }

  private func teacher(tied: Bool) -> TransformerDecoder {
    var configuration = Self.configuration
    configuration.tiesEmbeddings = tied
    let teacher = TransformerDecoder(configuration: configuration, seed: 3, device: Device(threads: 2))
    var generator = SeededGenerator(seed: 4)
    for parameter in teacher.parameters.parameters where parameter.shape.count == 1 {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.3 * Float(generator.nextNormal()) }
      }
    }
    return teacher
  }

  private func logits(_ decoder: any DecoderModel) -> [Float] {
    let ids = (0..<40).map { Int32($0 * 37 % 67) }
    return decoder.logits(decoder.frozen().hiddenStates(ids, batchSize: 2)).array()
  }

  @Test(arguments: [true, false]) func whereNothingIsCutTheLogitsAreTheSame(tied: Bool) throws {
    let teacher = teacher(tied: tied)
    let plan = try StudentPlan(of: teacher.configuration, layers: .layers([0, 1, 2]))
    #expect(logits(TransformerDecoder(studentOf: teacher, plan)) == logits(teacher))
  }

  @Test func layersThatStayKeepTheirAttention() throws {
    let teacher = teacher(tied: true)
    let plan = try StudentPlan(of: teacher.configuration, layers: .layers([1, 2]), feedForwardSize: 8, headCount: 3)
    #expect(plan.configuration.attention == Array(teacher.configuration.attention[1...]))
    let text = try PackedSequences(TokenArray((0..<200).map { Int32($0 % 67) }), sequenceLength: 16, name: "text")
    let student = TransformerDecoder(
      studentOf: teacher, plan, importance: ActivationImportance(of: teacher, on: text))
    let weights = Dictionary(uniqueKeysWithValues: teacher.weights.map { ($0.role, $0.parameter.value.array()) })
    for weight in student.weights {
      switch weight.role {
      case .layer(let layer, .queryNorm), .layer(let layer, .keyNorm), .layer(let layer, .attentionPostNorm):
        guard case .layer(_, let part) = weight.role else { continue }
        #expect(weight.parameter.value.array() == weights[.layer(layer + 1, part)])
      default: break
      }
    }
    #expect(logits(student).allSatisfy { $0.isFinite })
  }

  /// Of channels that carry nothing, dropping half changes what is divided by their number, and that alone: embeddings
  /// enter as they were, and logits are as large.
  @Test(arguments: [true, false]) func embeddingsEnterAsTheyWere(tied: Bool) throws {
    let teacher = teacher(tied: tied)
    let plan = try StudentPlan(of: teacher.configuration, hiddenSize: 12)
    var widths = WidthSelection(try StudentPlan(of: teacher.configuration), nil)
    widths.channels = Array(0..<12)
    let student = TransformerDecoder(cutting: widths, outOf: teacher, plan)
    var entering: [String: [Float]] = [:]
    for (name, decoder) in [("teacher", teacher), ("student", student)] {
      _ = decoder.hiddenStates([3, 5], lengths: [2]) { site, value in
        if site == .embedding { entering[name] = value.array() }
      }
    }
    let before = try #require(entering["teacher"])
    let expected = Array(before[..<12] + before[24..<36]).map(Double.init)
    #expect(relativeError(try #require(entering["student"]), expected) < 1e-6)
    // gain of the final norm times a row of the head
    func products(_ decoder: TransformerDecoder) throws -> [Double] {
      let reference = DoubleDecoder(decoder)
      let gain = try #require(reference.weights[.finalNorm]).map { 1 + $0 }
      let head = try #require(reference.weights[tied ? .embedding : .head])
      return (0..<12).map { gain[$0] * head[$0] }
    }
    #expect(relativeError(try products(student).map { Float($0) }, try products(teacher)) < 1e-6)
  }
}

/// Importance from a forward pass in Double.
private struct DoubleImportance {
  var channels = [Double](repeating: 0, count: 24)
  var heads = [[Double]](repeating: [Double](repeating: 0, count: 6), count: 3)
  var neurons = [[Double]](repeating: [Double](repeating: 0, count: 20), count: 3)

  init(of decoder: TransformerDecoder, _ ids: [Int32], sequenceLength: Int) {
    let weights = Dictionary(
      uniqueKeysWithValues: decoder.weights.map { ($0.role, $0.parameter.value.array().map(Double.init)) })
    func linear(_ x: [Double], _ layer: Int, _ matrix: LayerMatrix, _ inputs: Int, _ outputs: Int) -> [Double] {
      DoubleReference.linear(
        x, weights[.layer(layer, .matrix(matrix))] ?? [], weights[.layer(layer, .bias(matrix))] ?? [], inputs: inputs,
        outputs: outputs)
    }
    let count = Double(ids.count)
    func addMagnitudes(_ x: [Double], to sums: inout [Double]) {
      for (index, value) in x.enumerated() { sums[index % sums.count] += abs(value) / count }
    }
    func norm(_ x: [Double], _ role: WeightRole) -> [Double] {
      let out = DoubleReference.rmsNorm(x, weights[role] ?? [], epsilon: Double(decoder.configuration.normEpsilon))
      addMagnitudes(out, to: &channels)
      return out
    }
    let positions = ids.indices.map { Int32($0 % sequenceLength) }
    func rotated(_ x: [Double], columns: Int) -> [Double] {
      DoubleReference.rotated(
        x, headSize: 8, columns: columns, frequencies: DoubleReference.frequencies(theta: 10_000, of: 8),
        positions: positions)
    }
    var x = ids.flatMap { id in (weights[.embedding] ?? [])[Int(id) * 24..<(Int(id) + 1) * 24] }
    for layer in 0..<3 {
      let input = norm(x, .layer(layer, .attentionNorm))
      let mixed = DoubleReference.causalAttention(
        rotated(linear(input, layer, .query, 24, 48), columns: 48),
        rotated(linear(input, layer, .key, 24, 24), columns: 24),
        linear(input, layer, .value, 24, 24), batchSize: ids.count / sequenceLength,
        length: sequenceLength, heads: 6, keyValueHeads: 3, rule: AttentionRule(headSize: 8))
      for row in ids.indices {
        for head in 0..<6 {
          let start = row * 48 + head * 8
          heads[layer][head] += mixed[start..<start + 8].reduce(0) { $0 + $1 * $1 }.squareRoot() / count
        }
      }
      x = zip(x, linear(mixed, layer, .output, 48, 24)).map { $0 + $1 }
      let hidden = norm(x, .layer(layer, .feedForwardNorm))
      let inner = DoubleReference.gated(
        linear(hidden, layer, .gate, 24, 20), linear(hidden, layer, .up, 24, 20), by: .silu)
      addMagnitudes(inner, to: &neurons[layer])
      x = zip(x, linear(inner, layer, .down, 20, 24)).map { $0 + $1 }
    }
    _ = norm(x, .finalNorm)
  }
}
