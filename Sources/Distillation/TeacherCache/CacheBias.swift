import Foundation
public import LanguageModels
public import ModelTraining
import TensorCore

/// How far losses and gradients from a cache are from those of the teacher itself, over the last sequences of its text.
///
/// The student is the teacher at half its logits: far enough away to have a gradient, and close enough that what a
/// cache leaves out matters. Gradients are those of the forward KL on the student's logits.
public struct CacheBias: Sendable, Equatable {
  /// The tokens that were compared.
  public let tokens: Int
  /// The mean divergence from the teacher, in nats.
  public let denseLoss: Double
  /// The same by the cache.
  public let cachedLoss: Double
  /// The standard error of the difference of the two.
  public let lossStandardError: Double
  /// ‖Σ (g′ − g)‖ / ‖Σ g‖, sums over tokens, of gradients g from the teacher and g′ from the cache.
  public let gradientDifference: Double
  /// What that would be if each token's difference had no direction but chance's: √Σ‖g′ − g‖² / ‖Σ g‖.
  public let gradientDifferenceByChance: Double

  /// Whether the errors of the tokens have no common direction that could be told from chance: then they average out
  /// over the tokens of a batch. Also where there is next to no error, less than 0.1 % of the gradient.
  public var isChance: Bool {
    gradientDifference <= max(Self.smallDifference, Self.chanceFactor * gradientDifferenceByChance)
  }

  private static let (smallDifference, chanceFactor) = (0.001, 1.5)

  /// How far off a gradient may be for `isChance`, for people.
  public static var rule: String { "\(chanceFactor) times chance, or \(100 * smallDifference) %" }

  /// Compares a cache with its teacher.
  /// - Parameters:
  ///   - cache: the cache.
  ///   - teacher: the teacher it was made from.
  ///   - text: the text it was made for.
  ///   - tokens: about how many tokens to compare; always whole sequences.
  public init(of cache: TeacherCache, teacher: any DecoderModel, text: any TokenSequences, tokens: Int = 1_024) {
    let objective = DistillationObjective(
      .forwardKL, temperature: cache.description.temperature, hardLabelWeight: 0)
    let count = min(text.count, max(1, tokens / text.sequenceLength))
    var sums = Sums(vocabularySize: cache.description.vocabularySize)
    for sequence in text.count - count..<text.count {
      let batch = text.batch([sequence])
      let counted = batch.countedRows
      guard !counted.isEmpty else { continue }
      let exact = teacher.hiddenStates(batch.ids, batchSize: 1)
      let stored = cache.method.keepsStates ? cache.hiddenStates(of: batch, on: teacher.device) : nil
      let rows = stored == nil ? CachedTeacherRows(cache, batch) : nil
      // logits of a few tokens at a time, for a vocabulary may be large
      for start in stride(from: 0, to: counted.count, by: Self.tokensTogether) {
        let some = Array(counted[start..<min(counted.count, start + Self.tokensTogether)])
        func logits(of states: Tensor) -> Tensor { teacher.logits(states.gatheringRows(some)) }
        let cached = rows.map { Estimate.rows($0, from: start) } ?? .logits(logits(of: stored ?? exact))
        logits(of: exact).withSpan { logits in
          for index in some.indices {
            let row = logits.extracting(index * sums.vocabularySize..<(index + 1) * sums.vocabularySize)
            sums.add(row, objective, cached, index)
          }
        }
      }
    }
    self.tokens = sums.count
    let n = Double(max(1, sums.count))
    denseLoss = sums.dense / n
    cachedLoss = sums.cached / n
    let mean = (sums.cached - sums.dense) / n
    lossStandardError = (max(0, sums.squares / n - mean * mean) / max(1, n - 1)).squareRoot()
    let scale = sums.gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    gradientDifference = sums.difference.reduce(0) { $0 + $1 * $1 }.squareRoot() / scale
    gradientDifferenceByChance = sums.differenceSquares.squareRoot() / scale
  }

  private static let tokensTogether = 64

  /// What a cache has of the distributions of some of a sequence's counted tokens.
  private enum Estimate {
    /// Those from a token on.
    case rows(CachedTeacherRows, from: Int)
    /// [counted, V]
    case logits(Tensor)

    /// The distribution of a token, where only some tokens of it are known.
    func sparseRow(_ index: Int) -> SparseDistribution? {
      switch self {
      case .rows(let rows, let start): rows.sparseRow(start + index)
      case .logits: nil
      }
    }

    func readLogits(_ index: Int, into row: inout MutableSpan<Float>) {
      switch self {
      case .rows(let rows, let start): rows.readLogits(start + index, into: &row)
      case .logits(let tensor):
        let start = index * row.count
        let end = start + row.count
        tensor.withSpan { RowKernels.copy($0.extracting(start..<end), into: &row) }
      }
    }
  }

  private struct Sums {
    let vocabularySize: Int
    var count = 0
    var (dense, cached, squares) = (0.0, 0.0, 0.0)
    var gradient: [Double]
    var difference: [Double]
    var differenceSquares = 0.0

    init(vocabularySize: Int) {
      self.vocabularySize = vocabularySize
      gradient = Array(repeating: 0, count: vocabularySize)
      difference = gradient
    }

    mutating func add(
      _ logits: Span<Float>, _ objective: DistillationObjective, _ cached: Estimate, _ index: Int
    ) {
      var teacher = logits.indices.map { logits[$0] }
      let half = teacher.map { $0 / 2 }
      var (exact, estimate, scratch) = (half, half, half)
      var exactRow = exact.mutableSpan
      var teacherRow = teacher.mutableSpan
      var scratchRow = scratch.mutableSpan
      let denseLoss = objective.evaluate(
        label: 0, student: &exactRow, teacher: &teacherRow, scratch: &scratchRow, scale: 1
      ).divergence
      var estimateRow = estimate.mutableSpan
      let cachedLoss =
        if let row = cached.sparseRow(index) {
          objective.evaluate(
            label: 0, student: &estimateRow, teacher: row, scratch: &scratchRow, scale: 1
          ).divergence
        } else {
          Self.dense(objective, cached, index, &estimateRow, &teacherRow, &scratchRow)
        }
      count += 1
      dense += denseLoss
      self.cached += cachedLoss
      squares += (cachedLoss - denseLoss) * (cachedLoss - denseLoss)
      for id in exactRow.indices {
        let difference = Double(estimateRow[id]) - Double(exactRow[id])
        gradient[id] += Double(exactRow[id])
        self.difference[id] += difference
        differenceSquares += difference * difference
      }
    }

    private static func dense(
      _ objective: DistillationObjective, _ cached: Estimate, _ index: Int,
      _ student: inout MutableSpan<Float>, _ teacher: inout MutableSpan<Float>, _ scratch: inout MutableSpan<Float>
    ) -> Double {
      cached.readLogits(index, into: &teacher)
      return objective.evaluate(
        label: 0, student: &student, teacher: &teacher, scratch: &scratch, scale: 1
      ).divergence
    }
  }
}
