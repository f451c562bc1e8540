import Distillation
import LanguageModels
import TensorCore
import Testing

@testable import LimbeckCommand

/// The table of a search where runs have no model.
@Suite struct SearchTableTests {
  @Test func runsThatDivergedSaySo() throws {
    let sizes = DecoderConfiguration(
      vocabularySize: 16, hiddenSize: 8, feedForwardSize: 12, layerCount: 2, headCount: 2)
    let result = SearchResult(
      folder: "found/run-01", plan: try StudentPlan(of: sizes), parameters: 1_234, natsPerToken: .infinity,
      hasDiverged: true)
    let table = try SearchTable([result], Console(), on: .shared)
    let row = try #require(table.text.split(separator: "\n").last)
    #expect(row.hasPrefix("found/run-01") && row.contains("1,234") && row.hasSuffix("-    diverged"), "\(row)")
    let json = try StandardOutput.json(table)
    #expect(json.contains("\"has_diverged\":true") && !json.contains("perplexity"), "\(json)")
  }
}
