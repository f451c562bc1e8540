import Foundation
import LanguageModels
import Limbeck
import ModelEvaluation
import TensorCore

/// All runs of a search that have a model, the smallest first.
struct SearchTable: Encodable {
  struct Row: Encodable {
    let folder: String
    let layers: [Int]
    let hiddenSize, feedForwardSize, heads, keyValueHeads, parameters: Int
    let tokensPerSecond, natsPerToken, perplexity: Double
    /// Whether no other run is as small, as fast and as good, and better in one of these.
    let isOnFront: Bool
  }

  let runs: [Row]

  /// Measures how fast each student generates, in float32. Throws what is wrong with their files.
  init(_ results: [SearchResult], _ console: Console, on device: Device) throws {
    let results = results.filter { !$0.hasDiverged }.sorted { $0.parameters < $1.parameters }
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
    runs = results.indices.map { index in
      let (result, sizes) = (results[index], results[index].plan.configuration)
      return Row(
        folder: result.folder, layers: result.plan.layers, hiddenSize: sizes.hiddenSize,
        feedForwardSize: sizes.feedForwardSize, heads: sizes.headCount, keyValueHeads: sizes.keyValueHeadCount,
        parameters: result.parameters, tokensPerSecond: 1 / seconds[index], natsPerToken: result.natsPerToken,
        perplexity: exp(result.natsPerToken), isOnFront: front.contains(index))
    }
  }

  /// For people.
  var text: String {
    let heading = [
      "", "layers", "hidden", "feed-forward", "heads", "key-value", "weights", "tokens/s", "perplexity", "front",
    ]
    let rows = runs.map { row in
      [
        row.folder, row.layers.map(String.init).joined(separator: ","), "\(row.hiddenSize)", "\(row.feedForwardSize)",
        "\(row.heads)", "\(row.keyValueHeads)", Format.count(row.parameters), Format.fixed(row.tokensPerSecond, 0),
        Format.fixed(row.perplexity, 3), row.isOnFront ? "*" : "",
      ]
    }
    return TextTable(rows: [heading] + rows).text
  }
}
