import Synchronization
import Testing

@testable import TensorCore

@Suite struct WorkerPoolTests {
  /// Many short jobs, so that workers come late to some, sleep through others and meet the next one's opening.
  @Test(arguments: [1, 2, 3, 8]) func everyTaskOfEveryJobRunsOnceAndBeforeTheJobReturns(_ threads: Int) {
    let pool = WorkerPool(threads: threads)
    let workersOutOfRange = Atomic<Int>(0)
    for job in 0..<4_000 {
      let tasks = job % 23
      let runs = (0..<tasks).map { _ in Counter() }
      pool.run(tasks: tasks) { task, worker in
        runs[task].value.add(1, ordering: .relaxed)
        if !(0..<threads).contains(worker) { workersOutOfRange.add(1, ordering: .relaxed) }
      }
      #expect(runs.allSatisfy { $0.value.load(ordering: .relaxed) == 1 }, "job \(job)")
    }
    #expect(workersOutOfRange.load(ordering: .relaxed) == 0)
  }

  @Test func callersTakeTurns() async {
    let pool = WorkerPool(threads: 3)
    await withTaskGroup(of: Int.self) { group in
      for caller in 0..<4 {
        group.addTask {
          let sum = Counter()
          for _ in 0..<500 { pool.run(tasks: 5) { task, _ in sum.value.add(task + caller, ordering: .relaxed) } }
          return sum.value.load(ordering: .relaxed) - 500 * 5 * caller
        }
      }
      for await sum in group { #expect(sum == 500 * 10) }
    }
  }

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }
}
