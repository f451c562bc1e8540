import Foundation

/// A mean over tokens and its standard error.
public struct Estimate: Codable, Sendable, Equatable {
  /// The mean.
  public var mean: Double
  /// Its standard error √((E[x²] − E[x]²)/(n − 1)), as if tokens were independent.
  public var standardError: Double

  init(mean: Double, standardError: Double) {
    self.mean = mean
    self.standardError = standardError
  }

  /// The mean of at least two values.
  init(of values: some Collection<Double>) {
    let count = Double(values.count)
    mean = values.reduce(0, +) / count
    // E[x²] − E[x]² as E[(x − E[x])²], which does not cancel
    let squares = values.reduce(0) { [mean] in $0 + ($1 - mean) * ($1 - mean) }
    standardError = (squares / count / (count - 1)).squareRoot()
  }

  /// The estimate of exp x, to first order.
  var exponential: Estimate {
    let value = exp(mean)
    return Estimate(mean: value, standardError: value * standardError)
  }

  /// The estimate of √x, to first order; that of 0 is exact.
  var squareRoot: Estimate {
    let value = mean.squareRoot()
    return Estimate(mean: value, standardError: value == 0 ? 0 : standardError / (2 * value))
  }
}

extension Estimate {
  private enum CodingKeys: String, CodingKey {
    case mean
    case standardError = "standard_error"
  }

  /// An estimate, from its object.
  public init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: CodingKeys.self)
    mean = try object.decodeNumber(forKey: .mean, null: .infinity)
    standardError = try object.decodeNumber(forKey: .standardError, null: .infinity)
  }

  /// Writes the object of an estimate; what overflows, such as a ratio of perplexities, is `null`.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: CodingKeys.self)
    try object.encodeNumber(mean, forKey: .mean)
    try object.encodeNumber(standardError, forKey: .standardError)
  }
}

extension Estimate {
  /// The share of the gap between a control and a teacher that a student closes: E[c − s] / E[c − t], from the nats of
  /// the same tokens. 0 is the control, 1 the teacher; above 1 the student is better than its teacher.
  ///
  /// The standard error is that of a ratio of paired means, to first order: that of the mean of
  /// (c − s) − share · (c − t), divided by the gap (Cochran 1977, §2.11; the denominators are one and the same text).
  /// `nil` where the gap is not above two of its own standard errors, for a share of nothing has no meaning.
  static func gapClosed(teacher: [Double], control: [Double], student: [Double]) -> Estimate? {
    let gaps = zip(control, teacher).map { $0 - $1 }
    let gains = zip(control, student).map { $0 - $1 }
    let gap = Estimate(of: gaps)
    guard gap.mean > 2 * gap.standardError else { return nil }
    let share = Estimate(of: gains).mean / gap.mean
    let residual = Estimate(of: zip(gains, gaps).map { $0 - share * $1 })
    return Estimate(mean: share, standardError: residual.standardError / gap.mean)
  }
}

/// How values are spread.
///
/// The percentile f of n sorted values is at place f·(n − 1), counted from 0, interpolated linearly between neighbours:
/// as in llama.cpp and NumPy.
public struct Percentiles: Codable, Sendable, Equatable {
  /// The largest value.
  public var maximum: Double
  /// What 99.9 % of the values are not above.
  public var p999: Double
  /// What 99 % of the values are not above.
  public var p99: Double
  /// What 95 % of the values are not above.
  public var p95: Double
  /// What 90 % of the values are not above.
  public var p90: Double
  /// What half of the values are not above.
  public var median: Double
  /// What 10 % of the values are not above.
  public var p10: Double
  /// What 5 % of the values are not above.
  public var p5: Double
  /// What 1 % of the values are not above.
  public var p1: Double
  /// The smallest value.
  public var minimum: Double

  private enum CodingKeys: String, CodingKey {
    case maximum
    case p999 = "p99_9"
    case p99
    case p95
    case p90
    case median
    case p10
    case p5
    case p1
    case minimum
  }

  /// The percentiles of at least one value.
  init(of values: [Double]) {
    let sorted = values.sorted()
    func at(_ fraction: Double) -> Double {
      let place = fraction * Double(sorted.count - 1)
      let index = Int(place)
      let share = place - Double(index)
      return (1 - share) * sorted[index] + share * sorted[min(index + 1, sorted.count - 1)]
    }
    maximum = at(1)
    p999 = at(0.999)
    p99 = at(0.99)
    p95 = at(0.95)
    p90 = at(0.9)
    median = at(0.5)
    p10 = at(0.1)
    p5 = at(0.05)
    p1 = at(0.01)
    minimum = at(0)
  }
}
