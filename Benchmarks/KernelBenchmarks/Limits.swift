import Foundation
import TensorCore

/// What the work of a case is bound by.
enum Limit: Sendable {
  /// The rate of one large product in that precision.
  case products(ProductPrecision)
  /// The rate at which two cores copy large memory; a case whose data stay in cache exceeds it.
  case memory
}

/// An amount of what is limited: operations, or bytes.
struct WorkLimit: Sendable {
  let amount: Double
  let limit: Limit

  var name: String {
    switch limit {
    case .products(let precision): "a product of 2,048³ in \(precision.rawValue)"
    case .memory: "the rate of copying memory"
    }
  }

  /// The amount that this machine can do in a second.
  var rate: Double {
    switch limit {
    case .products(let precision): MachineLimits.productRate(precision)
    case .memory: MachineLimits.memoryRate
    }
  }
}

/// What this machine can do at best, measured in this process when a case first asks for it.
enum MachineLimits {
  /// FLOP/s of a product of 2,048 × 2,048 matrices.
  static func productRate(_ precision: ProductPrecision) -> Double {
    switch precision {
    case .float32: float32Rate
    case .bfloat16: bfloat16Rate
    }
  }

  /// Bytes/s, those read and those written.
  static let memoryRate: Double = {
    let count = 64 << 20
    let halves = (0..<2).map { _ in (source: [UInt8](repeating: 1, count: count), target: Copy(count: count)) }
    return rate(of: Double(2 * 2 * count)) {
      DispatchQueue.concurrentPerform(iterations: halves.count) { index in
        halves[index].target.fill(from: halves[index].source)
      }
    }
  }()

  private static let float32Rate = measuredProductRate(.float32)
  private static let bfloat16Rate = measuredProductRate(.bfloat16)

  private static func measuredProductRate(_ precision: ProductPrecision) -> Double {
    let size = 2_048
    var random = Inputs()
    let (x, weight) = (random.tensor([size, size]), random.tensor([size, size]))
    return rate(of: 2 * Double(size * size * size)) { _ = x.linear(weight, precision: precision) }
  }

  /// The best of a few calls.
  private static func rate(of amount: Double, _ work: () -> Void) -> Double {
    let calls = ProcessInfo.processInfo.environment["LIMBECK_BENCHMARK_ONCE"] != nil ? 1 : 8
    let seconds = (0..<calls).map { _ in ContinuousClock().measure(work) / .seconds(1) }
    return amount / (seconds.min() ?? .infinity)
  }
}

/// Memory to copy into. `@unchecked Sendable`: each is written by one thread at a time.
private final class Copy: @unchecked Sendable {
  private var bytes: [UInt8]

  init(count: Int) { bytes = [UInt8](repeating: 0, count: count) }

  func fill(from source: [UInt8]) {
    bytes.withUnsafeMutableBytes { target in source.withUnsafeBytes { target.copyMemory(from: $0) } }
  }
}
