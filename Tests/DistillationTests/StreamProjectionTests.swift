import LanguageModels
import ModelTraining
import TensorCore
import TestSupport
import Testing

@testable import Distillation

/// A residual stream with fewer channels.
@Suite struct StreamProjectionTests {
  /// Llama's arithmetic, or Gemma's.
  private static func configuration(isGemma: Bool, tied: Bool) -> DecoderConfiguration {
    var configuration = DecoderConfiguration(
      vocabularySize: 67, hiddenSize: 24, feedForwardSize: 20, layerCount: 3, headCount: 4, keyValueHeadCount: 2,
      headSize: 8, contextLength: 64, biases: [.query, .output, .down], initializerRange: 0.3)
    configuration.tiesEmbeddings = tied
    if isGemma {
      configuration.normOffset = 1
      configuration.hasPostNorms = true
      configuration.normalizesQueriesAndKeys = true
      configuration.activation = .geluTanh
      configuration.embeddingScale = .rootOfHiddenSize
      configuration.logitScale = 0.5
    }
    return configuration
  }

  private func teacher(isGemma: Bool, tied: Bool) -> TransformerDecoder {
    let teacher = TransformerDecoder(
      configuration: Self.configuration(isGemma: isGemma, tied: tied), seed: 3, device: Device(threads: 2))
    var generator = SeededGenerator(seed: 4)
    for parameter in teacher.parameters.parameters where parameter.shape.count == 1 {
      parameter.value.withMutableSpan { values in
        for index in values.indices { values[index] += 0.2 * Float(generator.nextNormal()) }
      }
    }
    return teacher
  }

  private func text(_ count: Int) throws -> PackedSequences {
    var generator = SeededGenerator(seed: 5)
    let ids = (0..<count).map { _ in Int32.random(in: 0..<67, using: &generator) }
    return try PackedSequences(TokenArray(ids), sequenceLength: 16, name: "text")
  }

  private func logits(_ decoder: any DecoderModel) -> [Float] {
    let ids = (0..<40).map { Int32($0 * 37 % 67) }
    return decoder.logits(decoder.frozen().hiddenStates(ids, batchSize: 2)).array()
  }

  private func projected(_ decoder: TransformerDecoder, to channels: Int) throws -> TransformerDecoder {
    TransformerDecoder(projecting: decoder, by: try StreamProjection(of: decoder, to: channels, on: try text(600)))
  }

  /// A rotated and stretched stream of all channels computes the same, where norms divide by the same.
  @Test(arguments: [true, false]) func whereAllChannelsStayTheLogitsAreTheSameButForRounding(tied: Bool) throws {
    let teacher = teacher(isGemma: false, tied: tied)
    // norms of stretched states differ: without a stretch they do not, and a head of its own needs none
    if tied {
      let final = try #require(teacher.weights.first { $0.role == .finalNorm })
      final.parameter.value.withMutableSpan { values in for index in values.indices { values[index] = 1.7 } }
    }
    let student = try projected(teacher, to: 24)
    #expect(relativeError(logits(student), logits(teacher).map(Double.init)) < 1e-4)
    #expect(student.parameters.isTrainable)
  }

  /// Of a stream that never leaves some directions, nothing is lost: a teacher of 24 channels that was made out of one
  /// of 12 by a rotation.
  @Test(arguments: [(false, true), (false, false), (true, true), (true, false)])
  func whatTheStreamNeverUsesIsNotMissed(isGemma: Bool, tied: Bool) throws {
    let wide = teacher(isGemma: isGemma, tied: tied)
    // directions 12... are written by nobody
    let rotation = try rotation(24)
    for weight in wide.weights {
      let parameter = weight.parameter
      switch weight.role {
      case .finalNorm, .layer(_, .attentionNorm), .layer(_, .feedForwardNorm), .layer(_, .attentionPostNorm),
        .layer(_, .feedForwardPostNorm):
        // the same gain for all channels turns with them
        parameter.value.withMutableSpan { values in for index in values.indices { values[index] = 0.5 } }
      case .embedding, .layer(_, .matrix(.output)), .layer(_, .matrix(.down)), .layer(_, .bias(.output)),
        .layer(_, .bias(.down)):
        let isEmbedding = weight.role == .embedding
        let columns = isEmbedding ? 24 : parameter.count / 24
        // the channels of a row of the embedding, or of a column of the others, within the span of 12 rows
        func project(_ vector: [Float]) -> [Float] {
          var out = [Float](repeating: 0, count: 24)
          for axis in rotation[..<12] {
            let length = zip(axis, vector).reduce(0) { $0 + $1.0 * $1.1 }
            for channel in 0..<24 { out[channel] += length * axis[channel] }
          }
          return out
        }
        parameter.value.withMutableSpan { values in
          for line in 0..<values.count / 24 {
            func place(_ channel: Int) -> Int { isEmbedding ? line * 24 + channel : channel * columns + line }
            for (channel, value) in project((0..<24).map { values[place($0)] }).enumerated() {
              values[place(channel)] = value
            }
          }
        }
      default: break
      }
    }
    let projection = try StreamProjection(of: wide, to: 12, on: try text(600))
    #expect(projection.keptVariance > 0.999_99)
    let student = TransformerDecoder(projecting: wide, by: projection)
    #expect(student.configuration.hiddenSize == 12 && student.configuration.tiesEmbeddings == tied)
    let expected = logits(wide).map(Double.init)
    #expect(relativeError(logits(student), expected) < 1e-3)
    // as many channels that were chosen
    let plan = try StudentPlan(of: wide.configuration, hiddenSize: 12)
    let importance = ActivationImportance(of: wide, on: try text(600))
    let chosen = TransformerDecoder(studentOf: wide, plan, importance: importance)
    #expect(relativeError(logits(chosen), expected) > 0.3)
  }

  /// Orthonormal rows.
  private func rotation(_ size: Int) throws -> [[Float]] {
    var generator = SeededGenerator(seed: 9)
    var matrix = [Double](repeating: 0, count: size * size)
    for row in 0..<size {
      for column in 0...row {
        let value = generator.nextNormal()
        (matrix[row * size + column], matrix[column * size + row]) = (value, value)
      }
    }
    return try PrincipalAxes(of: matrix, count: size).vectors.map { $0.map { Float($0) } }
  }

  @Test func gainsBelowZeroAreRefusedWhereTheEmbeddingIsTheHead() throws {
    func projects(tied: Bool) throws -> Bool {
      let teacher = teacher(isGemma: false, tied: tied)
      let final = try #require(teacher.weights.first { $0.role == .finalNorm })
      final.parameter.value.withMutableSpan { values in values[3] = -0.5 }
      do { _ = try projected(teacher, to: 12) } catch let error as MatrixBackendError {
        #expect("\(error)".contains("none below 0, where the embedding is the head, found -0.5"))
        return false
      }
      return true
    }
    #expect(try !projects(tied: true))
    #expect(try projects(tied: false))
  }

  @Test func moreChannelsKeepMoreOfTheVariance() throws {
    let teacher = teacher(isGemma: false, tied: true)
    let kept = try [1, 8, 16, 24].map { try StreamProjection(of: teacher, to: $0, on: try text(600)).keptVariance }
    #expect(kept == kept.sorted() && kept[0] > 0.05 && kept[2] < 0.99)
    #expect(abs(kept[3] - 1) < 1e-6)
  }

  @Test func progressIsReported() throws {
    var reports: [[Int]] = []
    _ = try StreamProjection(of: teacher(isGemma: true, tied: true), to: 8, on: try text(600), tokens: 64) {
      reports.append([$0, $1])
    }
    #expect(reports == [[64, 128], [128, 128]])
  }
}
