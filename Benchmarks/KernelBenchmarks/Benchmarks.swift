import Benchmark
import Foundation

/// Registers every case of the list.
let benchmarks: @Sendable () -> Void = {
  // the framework's own counts in ticks of 10 ms
  // what CI does: whether each case runs, not how fast
  let once = ProcessInfo.processInfo.environment["LIMBECK_BENCHMARK_ONCE"] != nil
  let processorTime = BenchmarkMetric.custom("CPU time of all threads (μs)", useScalingFactor: false)
  for kernel in KernelCase.all {
    let rate = BenchmarkMetric.custom(kernel.work.unit, polarity: .prefersLarger, useScalingFactor: false)
    Benchmark(
      kernel.name,
      configuration: .init(
        metrics: [.wallClock, processorTime, rate], warmupIterations: once ? 0 : 2, maxDuration: .seconds(2),
        maxIterations: once ? 1 : 1_000),
      closure: { benchmark, run in
        let processorStart = clock()
        let duration = ContinuousClock().measure { run() }
        benchmark.measurement(processorTime, (clock() - processorStart) * 1_000_000 / CLOCKS_PER_SEC)
        benchmark.measurement(rate, Int((kernel.work.amount / (duration / .seconds(1))).rounded()))
      },
      setup: { kernel.prepare() })
  }
}

/// How much one call does, in the unit in which its rate is told.
enum Work: Sendable {
  /// Multiply-adds of matrix products, counted as two operations each.
  case multiplyAdds(Int)
  /// Elements that a kernel goes through.
  case elements(Int)
  /// Tokens of text or of a batch.
  case tokens(Int)

  /// The amount that, divided by seconds, gives a rate in `unit`.
  var amount: Double {
    switch self {
    case .multiplyAdds(let count): 2e-6 * Double(count)
    case .elements(let count): 1e-6 * Double(count)
    case .tokens(let count): Double(count)
    }
  }

  /// Whole numbers only: hence millions, not billions.
  var unit: String {
    switch self {
    case .multiplyAdds: "MFLOP/s"
    case .elements: "M elements/s"
    case .tokens: "tokens/s"
    }
  }
}

/// One thing to time: what `prepare` returns is called again and again; what `prepare` itself does is not timed.
struct KernelCase: Sendable {
  let name: String
  let work: Work
  let prepare: @Sendable () -> () -> Void

  /// Every case, in the order in which they run.
  static let all: [KernelCase] = matrixProducts + rowOperations + attentions + objectives + heads + [adamW, tokenizer]
}
