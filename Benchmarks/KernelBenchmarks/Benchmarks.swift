import Benchmark
import Foundation
import TensorCore

/// Registers every case of the list.
let benchmarks: @Sendable () -> Void = {
  // what CI does: whether each case runs, not how fast
  let once = ProcessInfo.processInfo.environment["LIMBECK_BENCHMARK_ONCE"] != nil
  // the framework's own counts in ticks of 10 ms
  let processorTime = BenchmarkMetric.custom("CPU time of all threads (μs)", useScalingFactor: false)
  for kernel in KernelCase.all {
    let rate = BenchmarkMetric.custom(kernel.work.unit, polarity: .prefersLarger, useScalingFactor: false)
    let share = BenchmarkMetric.custom(
      "% of \(kernel.work.limit?.name ?? "")", polarity: .prefersLarger, useScalingFactor: false)
    Benchmark(
      kernel.name,
      configuration: .init(
        metrics: [.wallClock, processorTime, rate] + (kernel.work.limit == nil ? [] : [share]),
        warmupIterations: once ? 0 : 2, maxDuration: .seconds(2), maxIterations: once ? 1 : 1_000),
      closure: { benchmark, prepared in
        let (run, limit) = prepared
        let processorStart = clock()
        let duration = ContinuousClock().measure { run() }
        benchmark.measurement(processorTime, (clock() - processorStart) * 1_000_000 / CLOCKS_PER_SEC)
        let seconds = duration / .seconds(1)
        benchmark.measurement(rate, Int((kernel.work.amount / seconds).rounded()))
        if let limit {
          benchmark.measurement(share, Int((100 * limit.amount / seconds / limit.perSecond).rounded()))
        }
      },
      setup: { (kernel.prepare(), kernel.work.limit.map { (amount: $0.amount, perSecond: $0.rate) }) })
  }
}

/// How much one call does, in the unit in which its rate is told, and what it is limited by.
struct Work: Sendable {
  let amount: Double
  /// Whole numbers only: hence millions, not billions.
  let unit: String
  let limit: WorkLimit?

  /// Multiply-adds of matrix products, counted as two operations each.
  static func multiplyAdds(_ count: Int, _ precision: ProductPrecision = .float32) -> Work {
    let operations = 2 * Double(count)
    return Work(
      amount: 1e-6 * operations, unit: "MFLOP/s", limit: WorkLimit(amount: operations, limit: .products(precision)))
  }

  /// Elements that a kernel goes through; `bytesEach` of memory, read or written, belong to one, where memory is its
  /// limit.
  static func elements(_ count: Int, bytesEach: Int? = nil) -> Work {
    Work(
      amount: 1e-6 * Double(count), unit: "M elements/s",
      limit: bytesEach.map { WorkLimit(amount: Double(count * $0), limit: .memory) })
  }
}

/// One thing to time: what `prepare` returns is called again and again; what `prepare` itself does is not timed.
struct KernelCase: Sendable {
  let name: String
  let work: Work
  let prepare: @Sendable () -> () -> Void

  /// Every case, in the order in which they run.
  static let all: [KernelCase] =
    operations + objectives + heads + [adamW, tokenizer]
}
