import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import TensorCore

/// All runs of a search, the smallest first; behind them those that have no model, for they diverged.
struct SearchTable: Encodable {
  struct Row: Encodable {
    let folder: String
    let layers: [Int]
    let hiddenSize, feedForwardSize, heads, keyValueHeads, parameters: Int
    /// nil where the run diverged.
    let tokensPerSecond, natsPerToken, perplexity: Double?
    /// Whether no other run is as small, as fast and as good, and better in one of these.
    let isOnFront: Bool
    /// Whether a loss was not finite, so that there is no model.
    let hasDiverged: Bool

    init(_ result: SearchResult, secondsPerToken: Double? = nil, isOnFront: Bool = false) {
      let sizes = result.plan.configuration
      (folder, layers, parameters) = (result.folder, result.plan.layers, result.parameters)
      (hiddenSize, feedForwardSize) = (sizes.hiddenSize, sizes.feedForwardSize)
      (heads, keyValueHeads) = (sizes.headCount, sizes.keyValueHeadCount)
      tokensPerSecond = secondsPerToken.map { 1 / $0 }
      natsPerToken = result.hasDiverged ? nil : result.natsPerToken
      perplexity = natsPerToken.map { exp($0) }
      (self.isOnFront, hasDiverged) = (isOnFront, result.hasDiverged)
    }
  }

  let runs: [Row]

  /// Measures how fast each student generates, in float32. Throws what is wrong with their files.
  init(_ results: [SearchResult], _ console: Console, on device: Device) throws {
    let sorted = results.sorted { $0.parameters < $1.parameters }
    let results = sorted.filter { !$0.hasDiverged }
    var progress = ProgressLine("student", on: console, announcing: "measuring how fast the students generate")
    let seconds = try results.enumerated().map { index, result in
      let model = try LanguageModel(path: result.folder, on: device)
      defer { progress.show(index + 1, of: results.count) }
      return GenerationSpeed.seconds(of: model.decoder)
    }
    progress.end()
    let front = Set(
      ParetoFront.indices(
        of: zip(results, seconds).map { [Double($0.parameters), $1, $0.natsPerToken] }))
    runs =
      results.indices.map { Row(results[$0], secondsPerToken: seconds[$0], isOnFront: front.contains($0)) }
      + sorted.filter(\.hasDiverged).map { Row($0) }
  }

  /// For people.
  var text: String {
    let heading = [
      "", "layers", "hidden", "feed-forward", "heads", "key-value", "weights", "tokens/s", "perplexity", "front",
    ]
    let rows = runs.map { row in
      [
        row.folder, row.layers.map(String.init).joined(separator: ","), "\(row.hiddenSize)", "\(row.feedForwardSize)",
        "\(row.heads)", "\(row.keyValueHeads)", Format.count(row.parameters),
        row.tokensPerSecond.map { Format.fixed($0, 0) } ?? "-",
        row.hasDiverged ? "diverged" : row.perplexity.map { Format.fixed($0, 3) } ?? "-", row.isOnFront ? "*" : "",
      ]
    }
    return TextTable(rows: [heading] + rows).text
  }
}
