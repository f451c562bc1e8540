import Testing

@testable import ModelEvaluation

@Suite("Statistics")
struct StatisticsTests {
  @Test("Mean and standard error are those of the definition")
  func estimate() {
    let values: [Double] = [1, 4, 2, 8, 5, 7]
    let estimate = Estimate(of: values)
    let mean = 27.0 / 6
    let squares = (1.0 + 16 + 4 + 64 + 25 + 49) / 6
    #expect(estimate.mean == mean)
    #expect(abs(estimate.standardError - ((squares - mean * mean) / 5).squareRoot()) < 1e-14)
  }

  @Test("Values far from 0 do not cancel")
  func cancellation() {
    let estimate = Estimate(of: [1e9, 1e9 + 1, 1e9 + 2])
    #expect(abs(estimate.standardError - (2.0 / 3 / 2).squareRoot()) < 1e-12)
  }

  // numpy.percentile([3, 1, 4, 1.5, 9, 2.6], [100, 99.9, 99, 95, 90, 50, 10, 5, 1, 0]), NumPy 2
  @Test("Percentiles are interpolated as NumPy does")
  func percentiles() {
    let percentiles = Percentiles(of: [3, 1, 4, 1.5, 9, 2.6])
    let expected = [9, 8.975, 8.75, 7.75, 6.5, 2.8, 1.25, 1.125, 1.025, 1]
    let found = [
      percentiles.maximum, percentiles.p999, percentiles.p99, percentiles.p95, percentiles.p90, percentiles.median,
      percentiles.p10, percentiles.p5, percentiles.p1, percentiles.minimum,
    ]
    for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-12) }
    #expect(Percentiles(of: [2]).p99 == 2)
  }
}
