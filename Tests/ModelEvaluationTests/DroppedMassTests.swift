import Foundation
import LanguageModels
import TestSupport
import Testing

@testable import ModelEvaluation

@Suite("The probability that a smaller vocabulary loses") struct DroppedMassTests {
  @Test("Mass, quantiles and nats are those in Double")
  func reference() throws {
    let decoder = smallDecoder(deviation: 0.6, seed: 4)
    let documents = [randomIDs(60, seed: 1), randomIDs(77, seed: 2)]
    let kept = (0..<50 as Range<Int32>).filter { $0 % 4 != 3 }
    let result = try DroppedMass(of: decoder, on: EvaluationText(documents: documents), keeping: kept, window: 16)
    let rows = referenceLogProbabilities(decoder, documents, bos: 1, window: 16, stride: 16)
    let masses = rows.map { row in (0..<50).filter { $0 % 4 == 3 }.reduce(0) { $0 + exp(row[$1]) } }
    #expect(result.tokens == 137 && rows.count == 137)
    #expect(abs(result.mean - masses.reduce(0, +) / 137) < 1e-6)
    #expect(abs(result.median - masses.sorted()[68]) < 1e-6)
    #expect(abs(result.percentile99 - masses.sorted()[135]) < 1e-6)
    let scored = zip(zip(rows, masses), documents.flatMap { $0 }).filter { $1 % 4 != 3 }
    let nats = scored.map { -$0.0[Int($1)] }
    let renormalised = scored.map { -$0.0[Int($1)] + log1p(-$0.1) }
    #expect(result.keptTokens == nats.count)
    #expect(abs(try #require(result.natsPerKeptToken) - nats.reduce(0, +) / Double(nats.count)) < 1e-5)
    #expect(
      abs(try #require(result.natsPerKeptTokenRenormalised) - renormalised.reduce(0, +) / Double(nats.count)) < 1e-5)
  }

  @Test("Nothing is lost where all is kept; where no token of the text is, there are no nats")
  func edges() throws {
    let decoder = smallDecoder(seed: 4)
    let text = EvaluationText(documents: [randomIDs(30, below: 10, seed: 1)])
    let all = try DroppedMass(of: decoder, on: text, keeping: Array(0..<50), window: 16)
    #expect(all.mean < 1e-6 && all.percentile99 < 1e-6 && all.natsPerKeptToken == all.natsPerKeptTokenRenormalised)
    let none = try DroppedMass(of: decoder, on: text, keeping: [20], window: 16)
    #expect(none.keptTokens == 0 && none.natsPerKeptToken == nil && none.mean > 0.5)
  }
}
