import CKernels
import Foundation
import Synchronization

/// A persistent set of threads that share out the tasks of one job at a time.
///
/// Tasks are fixed pieces of work: which thread runs which one never shows in a result, so any number of threads gives
/// the same bits. The calling thread works too. Between jobs the others spin for some microseconds and then sleep.
final class WorkerPool: Sendable {
  /// What the threads share; outlives the pool until the last thread has left.
  ///
  /// `@unchecked Sendable`: `body` and `taskCount` are written only under `turn` by the one caller whose job it is,
  /// before `generation` is advanced (release) and after every worker has reported `finished` (acquire).
  private final class Board: @unchecked Sendable {
    let generation = Atomic<Int>(0)
    let nextTask = Atomic<Int>(0)
    let finished = Atomic<Int>(0)
    let isStopping = Atomic<Bool>(false)
    let sleepers = Atomic<Int>(0)
    let condition = NSCondition()
    var body: ((_ task: Int, _ worker: Int) -> Void)?
    var taskCount = 0

    func work(as worker: Int) {
      guard let body else { return }
      while true {
        let task = nextTask.add(1, ordering: .relaxed).oldValue
        if task >= taskCount { return }
        body(task, worker)
      }
    }

    func serve(as worker: Int) {
      var seen = 0
      while true {
        var spins = 0
        while generation.load(ordering: .acquiring) == seen {
          if spins < 2_000 {
            limbeck_pause()
            spins += 1
          } else {
            sleep(after: seen)
          }
        }
        seen = generation.load(ordering: .acquiring)
        if isStopping.load(ordering: .acquiring) { return }
        work(as: worker)
        finished.add(1, ordering: .acquiringAndReleasing)
      }
    }

    private func sleep(after seen: Int) {
      condition.lock()
      sleepers.add(1, ordering: .sequentiallyConsistent)
      while generation.load(ordering: .sequentiallyConsistent) == seen { condition.wait() }
      sleepers.subtract(1, ordering: .sequentiallyConsistent)
      condition.unlock()
    }

    func advance() {
      generation.add(1, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
        condition.lock()
        condition.broadcast()
        condition.unlock()
      }
    }
  }

  let threads: Int
  private let board = Board()
  private let turn = NSLock()

  init(threads: Int) {
    precondition(threads >= 1, "a worker pool needs at least one thread, not \(threads)")
    self.threads = threads
    for worker in 1..<threads {
      let thread = Thread { [board] in board.serve(as: worker) }
      thread.name = "limbeck worker \(worker)"
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  deinit {
    board.isStopping.store(true, ordering: .releasing)
    board.advance()
  }

  /// Runs `body(task, worker)` for each task in 0..<tasks, worker in 0..<threads; returns when all are done.
  ///
  /// The body may be run by several threads at once: it must write only what its task owns.
  func run(tasks: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
    if threads == 1 || tasks <= 1 {
      for task in 0..<tasks { body(task, 0) }
      return
    }
    turn.lock()
    defer { turn.unlock() }
    withoutActuallyEscaping(body) { body in
      board.body = body
      board.taskCount = tasks
      board.nextTask.store(0, ordering: .relaxed)
      board.finished.store(0, ordering: .relaxed)
      board.advance()
      board.work(as: 0)
      var spins = 0
      while board.finished.load(ordering: .acquiring) < threads - 1 {
        limbeck_pause()
        spins += 1
        if spins > 4_000 { sched_yield() }
      }
      board.body = nil
    }
  }
}
