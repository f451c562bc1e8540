import DurableFiles
import TestSupport
import Testing

@testable import TensorCore

/// Weights that stay in a file's 16 bits, or quantised blocks, beside a float32 copy of them: every result has the same
/// bits.
@Suite("Encoded matrices") struct EncodedMatrixTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A matrix that begins at byte `offset` of its file.
  private func mapped(_ encoding: MatrixEncoding, _ rows: Int, _ columns: Int, offset: Int = 0) throws -> WeightMatrix {
    guard case .plain(let type) = encoding else {
      guard case .blocks(let type) = encoding else { throw UnexpectedKind() }
      return try .encoded(.random(type, rows: rows, columns: columns, offset: offset))
    }
    let values = normal(rows * columns, seed: 1)
    var halves = [UInt16](repeating: 0, count: values.count)
    var span = halves.mutableSpan
    type.encode(values.span, into: &span)
    let bytes =
      [UInt8](repeating: 0, count: offset) + halves.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
    let file = try MappedFile(contentsOf: folder.write(bytes, to: "\(type)-\(rows)-\(columns)-\(offset)"))
    let elements = try file.elements(of: UInt8.self, at: offset, count: 2 * values.count)
    return .encoded(EncodedMatrix(elements, encoding: .plain(type), rows: rows, columns: columns))
  }

  private func normal(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.nextNormal()) }
  }

  private func tensor(_ shape: [Int], seed: UInt64, on device: Device) -> Tensor {
    Tensor(normal(shape.reduce(1, *), seed: seed), shape: shape, on: device)
  }

  private static let plain = [MatrixEncoding.plain(.bfloat16), .plain(.float16)]
  /// Long and short blocks, with minimums and without: `BlockTypeTests` has the kernels of all types.
  private static let blocks = [BlockType.q8_0, .q5_1, .q4_K].map { MatrixEncoding.blocks($0) }
  private static let types = plain + blocks
  /// Inputs, outputs and where the file has them: a part of a block, several blocks and tiles, more than one part of
  /// the shared dimension.
  private static let shapes = [(7, 5, 0), (33, 130, 1), (260, 1_300, 2), (1_100, 250, 3)]
  /// The same in whole blocks.
  private static let blockShapes = [(256, 5, 0), (512, 1_300, 1), (1_280, 130, 3)]

  @Test("Products have the bits of a float32 copy", arguments: MatrixBackendKind.available, shapes)
  func products(kind: MatrixBackendKind, shape: (inputs: Int, outputs: Int, offset: Int)) throws {
    try compareProducts(of: Self.plain, kind, shape)
  }

  @Test("So have products of quantised blocks", arguments: MatrixBackendKind.available, blockShapes)
  func blockProducts(kind: MatrixBackendKind, shape: (inputs: Int, outputs: Int, offset: Int)) throws {
    try compareProducts(of: Self.blocks, kind, shape)
  }

  private func compareProducts(
    of types: [MatrixEncoding], _ kind: MatrixBackendKind, _ shape: (inputs: Int, outputs: Int, offset: Int)
  ) throws {
    // what the reference computes does not depend on the number of rows
    let counts = kind == .reference ? [1, 13] : [1, 2, 12, 13, 48, 49, 130, 300]
    for type in types {
      let weight = try mapped(type, shape.outputs, shape.inputs, offset: shape.offset)
      for threads in [1, 2] {
        let device = try Device(threads: threads, backend: kind)
        let copy = weight.dense(on: device).constant
        let bias = tensor([shape.outputs], seed: 2, on: device)
        for rows in counts {
          let x = tensor([rows, shape.inputs], seed: 3, on: device)
          for precision in ProductPrecision.allCases {
            let found = x.linear(weight, bias: bias, precision: precision).array()
            #expect(
              found == x.linear(copy, bias: bias, precision: precision).array(),
              "\(type), \(threads) threads, \(rows) rows, \(precision)")
          }
        }
      }
    }
  }

  @Test("Sequences that each thread computes by itself have them", arguments: types, ProductPrecision.allCases)
  func groups(type: MatrixEncoding, precision: ProductPrecision) throws {
    let device = Device(threads: 2)
    let weight = try mapped(type, 700, 512)
    let x = tensor([512, 512], seed: 2, on: device)
    func product(_ weight: WeightMatrix) -> [Float] {
      device.groupedRows([256, 256], columns: 700) { group, device in
        x.gatheringRows((0..<256).map { Int32(256 * group + $0) }).on(device).linear(weight, precision: precision)
      }.array()
    }
    #expect(product(weight) == product(weight.constantCopy(on: device)))
  }

  @Test("Logits and the hidden states' gradient have them", arguments: MatrixBackendKind.available, types)
  func heads(kind: MatrixBackendKind, type: MatrixEncoding) throws {
    let (channels, vocabulary) = (256, 1_000)
    let device = try Device(threads: 2, backend: kind)
    let weight = try mapped(type, vocabulary, channels, offset: 1)
    for precision in ProductPrecision.allCases {
      // one token, few, one block and several
      for count in kind == .reference ? [1, 30] : [1, 12, 40, 300] {
        func results(_ head: WeightMatrix) throws -> (logits: [[Float]], again: [[Float]], gradient: [Float]) {
          let store = ParameterStore(on: device)
          let hidden = store.root.parameter("hidden", [count, channels], .normal(standardDeviation: 1), decays: false)
          var generator = SeededGenerator(seed: 2)
          store.initialize(using: &generator)
          let projection = VocabularyProjection(hidden: hidden.value, head: head, precision: precision)
          let rows = (0..<Int32(count)).map { $0 }
          let logits = projection.mapLogits(rows: rows) { _, row, _, _ in row.indices.map { row[$0] } }
          let backward = BackwardPass()
          let again = projection.mapLogits(rows: rows, backward: backward) { _, row, _, _ in
            row.indices.map { row[$0] }
          }
          backward.run()
          return (logits, again, try #require(hidden.gradient).array())
        }
        let (found, expected) = (try results(weight), try results(weight.constantCopy(on: device)))
        #expect(found.logits == expected.logits && found.again == expected.again, "\(precision), \(count) tokens")
        if device.rowsAreIndependent {
          #expect(found.gradient == expected.gradient, "\(precision), \(count) tokens")
        } else {
          // the product is cut by columns, not by rows, and a library then sums in another order
          #expect(
            relativeError(found.gradient, expected.gradient.map(Double.init)) < 2e-6, "\(precision), \(count) tokens")
        }
      }
    }
  }

  @Test("Embeddings are the table's rows", arguments: types) func embedding(type: MatrixEncoding) throws {
    let device = Device(threads: 2)
    let weight = try mapped(type, 40, 512, offset: 3)
    let ids: [Int32] = [39, 0, 7, 7]
    #expect(weight.embedding(ids, on: device).array() == weight.dense(on: device).embedding(ids).array())
    #expect(weight.shape == [40, 512] && weight.count == 20_480 && weight.isConstant)
  }

  @Test("Gradients reach what is multiplied by them", arguments: types, ProductPrecision.allCases)
  func inputGradient(type: MatrixEncoding, precision: ProductPrecision) throws {
    let weight = try mapped(type, 90, 256)
    func gradient(_ weight: (Device) -> WeightMatrix) throws -> [Float] {
      let store = ParameterStore(on: Device(threads: 2))
      let input = store.root.parameter("input", [20, 256], .normal(standardDeviation: 1), decays: true)
      var generator = SeededGenerator(seed: 5)
      store.initialize(using: &generator)
      let out = input.value.linear(weight(store.device), precision: precision)
      out.backward(from: tensor([20, 90], seed: 6, on: store.device))
      return try #require(input.gradient).array()
    }
    #expect(try gradient { _ in weight } == gradient { weight.constantCopy(on: $0) })
  }

  @Test("Gradients that are added up over several parts of the rows are those of a float32 copy, but for rounding")
  func inputGradientOfManyRows() throws {
    let weight = try mapped(.blocks(.q4_K), 4_500, 512)
    func gradient(_ weight: (Device) -> WeightMatrix, threads: Int) throws -> [Float] {
      let store = ParameterStore(on: Device(threads: threads))
      let input = store.root.parameter("input", [3, 512], .normal(standardDeviation: 1), decays: true)
      var generator = SeededGenerator(seed: 5)
      store.initialize(using: &generator)
      let out = input.value.linear(weight(store.device))
      for _ in 0..<2 { out.backward(from: tensor([3, 4_500], seed: 6, on: store.device)) }
      return try #require(input.gradient).array()
    }
    let expected = try gradient({ weight.constantCopy(on: $0) }, threads: 2).map(Double.init)
    let found = try gradient({ _ in weight }, threads: 2)
    #expect(relativeError(found, expected) < 1e-6)
    #expect(try gradient({ _ in weight }, threads: 3) == found)
  }

  @Test("So are gradients through an output head", arguments: types, ProductPrecision.allCases)
  func headGradient(type: MatrixEncoding, precision: ProductPrecision) throws {
    let weight = try mapped(type, 5_000, 256)
    func gradient(_ weight: (Device) -> WeightMatrix) throws -> [Float] {
      let store = ParameterStore(on: Device(threads: 2))
      let input = store.root.parameter("input", [300, 256], .normal(standardDeviation: 1), decays: true)
      var generator = SeededGenerator(seed: 5)
      store.initialize(using: &generator)
      let pass = BackwardPass()
      _ = VocabularyProjection(hidden: input.value, head: weight(store.device), precision: precision)
        .mapLogits(rows: (3..<300).map { Int32($0) }, backward: pass) { row, logits, _, _ in
          for index in logits.indices { logits[index] = Float((row + index) % 7) - 3 }
        }
      pass.run()
      return try #require(input.gradient).array()
    }
    let expected = try gradient { weight.constantCopy(on: $0) }.map(Double.init)
    #expect(relativeError(try gradient { _ in weight }, expected) < 1e-5)
  }

  @Test("A merged adapter is W + scale · B · A") func merging() {
    let device = Device(threads: 2)
    let (weight, down, up) = (
      tensor([7, 5], seed: 1, on: device), tensor([3, 5], seed: 2, on: device), tensor([7, 3], seed: 3, on: device)
    )
    let before = weight.array()
    var expected = before.map(Double.init)
    let (a, b) = (down.array(), up.array())
    for row in 0..<7 {
      for column in 0..<5 {
        for rank in 0..<3 {
          expected[row * 5 + column] += 0.75 * Double(b[row * 3 + rank]) * Double(a[rank * 5 + column])
        }
      }
    }
    #expect(relativeError(weight.merging(down: down, up: up, scale: 0.75).array(), expected) < 1e-6)
    #expect(weight.array() == before && up.array() == b)
  }

  @Test("Trainable parameters take their values, converted", arguments: types) func loading(type: MatrixEncoding) throws
  {
    let weight = try mapped(type, 6, 256, offset: 1)
    let store = ParameterStore(on: Device(threads: 1))
    let parameter = store.root.parameter("weight", [6, 256], .zeros, decays: true)
    store.load { _ in weight }
    #expect(parameter.value.array() == weight.dense(on: store.device).array() && !store.isConstant)
    store.loadFrozen { _ in weight }
    guard case .encoded = parameter.matrix else { throw UnexpectedKind() }
    #expect(store.isConstant && !store.isTrainable)
  }

  private static let encodable = plain + BlockType.allCases.filter(\.isEncodable).map { MatrixEncoding.blocks($0) }

  @Test("Floats and 16 bits become what encoding them gives", arguments: encodable, [1, 2])
  func encoded(encoding: MatrixEncoding, threads: Int) throws {
    let device = Device(threads: threads)
    for weight in [.dense(tensor([33, 512], seed: 3, on: device)), try mapped(.plain(.bfloat16), 33, 512, offset: 1)] {
      let floats = weight.dense(on: device).array()
      let bytes = encoding.encode(floats, on: device)
      var expected = [Float](repeating: 0, count: floats.count)
      var span = expected.mutableSpan
      encoding.decode(bytes.span.bytes, into: &span)
      let encoded = weight.encoded(as: encoding, on: device)
      #expect(encoded.dense(on: device).array() == expected && encoded.byteCount == bytes.count)
      #expect(encoded.isConstant && encoded.shape == [33, 512])
      // products, and rows, are those of the values
      let x = tensor([3, 512], seed: 4, on: device)
      #expect(x.linear(encoded).array() == x.linear(encoded.constantCopy(on: device)).array())
      #expect(encoded.embedding([32, 0], on: device).array() == Array(expected[(32 * 512)...] + expected[..<512]))
      // what is kept so already stays as it is
      guard case .encoded(let matrix) = encoded, case .encoded(let again) = encoded.encoded(as: encoding, on: device)
      else { throw UnexpectedKind() }
      #expect(matrix === again)
    }
  }

  @Test("A weight beyond a limit is found") func beyond() throws {
    let device = Device(threads: 1)
    var values = normal(70 * 1_000, seed: 3)
    #expect(WeightMatrix.dense(Tensor(values, shape: [70, 1_000], on: device)).first(beyond: 10, on: device) == nil)
    values[69_999] = -11
    #expect(WeightMatrix.dense(Tensor(values, shape: [70, 1_000], on: device)).first(beyond: 10, on: device) == -11)
    values[66_000] = .nan
    let found = WeightMatrix.dense(Tensor(values, shape: [70, 1_000], on: device)).first(beyond: 10, on: device)
    #expect(try #require(found).isNaN)
  }

  private struct UnexpectedKind: Error {}
}

extension WeightMatrix {
  /// The same weights as float32, as constant as these.
  fileprivate func constantCopy(on device: Device) -> WeightMatrix { .dense(dense(on: device).constant) }
}
