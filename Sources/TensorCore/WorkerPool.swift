import CKernels
import Foundation
import Synchronization

/// A persistent set of threads that share out the tasks of one job at a time.
///
/// Tasks are fixed parts of the work: which thread runs which one never shows in a result, so any number of threads
/// gives the same bits. The calling thread works too. Between jobs the others spin for a while and then sleep.
final class WorkerPool: Sendable {
  /// What the threads share; outlives the pool until the last thread has left.
  ///
  /// A job is open to workers between `open` and `close`. A worker that comes too late, because it slept or another
  /// process has its core, is not waited for: the calling thread does the tasks itself.
  ///
  /// `@unchecked Sendable`: `body` and `taskCount` are written only while the gate is closed and nobody is inside, by
  /// the one caller that holds the pool's `turn`; they are read only by threads inside the gate, and by that caller.
  private final class Board: @unchecked Sendable {
    /// Twice the number of workers inside, plus 1 while a job is open.
    let gate = Atomic<Int>(0)
    /// Advances with each job, so that an idle worker sees that there is a new one.
    let generation = Atomic<Int>(0)
    let nextTask = Atomic<Int>(0)
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
        awaitJob(after: seen)
        seen = generation.load(ordering: .acquiring)
        if isStopping.load(ordering: .acquiring) { return }
        if enter() {
          work(as: worker)
          gate.subtract(2, ordering: .acquiringAndReleasing)
        }
      }
    }

    /// Whether a job was open, in which case this worker is now inside.
    private func enter() -> Bool {
      var current = gate.load(ordering: .relaxed)
      while current & 1 == 1 {
        let (exchanged, original) = gate.weakCompareExchange(
          expected: current, desired: current + 2, ordering: .acquiringAndReleasing)
        if exchanged { return true }
        current = original
      }
      return false
    }

    /// Spins for 200 microseconds, longer than what lies between two jobs of one task, then sleeps, until there is a
    /// job after `seen`.
    private func awaitJob(after seen: Int) {
      let start = ContinuousClock.now
      repeat {
        for _ in 0..<64 {
          if generation.load(ordering: .acquiring) != seen { return }
          limbeck_pause()
        }
      } while start.duration(to: .now) < .microseconds(200)
      condition.lock()
      sleepers.add(1, ordering: .sequentiallyConsistent)
      while generation.load(ordering: .sequentiallyConsistent) == seen { condition.wait() }
      sleepers.subtract(1, ordering: .sequentiallyConsistent)
      condition.unlock()
    }

    func open(tasks: Int, _ body: @escaping (_ task: Int, _ worker: Int) -> Void) {
      self.body = body
      taskCount = tasks
      nextTask.store(0, ordering: .relaxed)
      gate.add(1, ordering: .acquiringAndReleasing)
      advance()
    }

    /// Lets no further worker in and returns when those inside have left.
    func close() {
      gate.subtract(1, ordering: .acquiringAndReleasing)
      var spins = 0
      while gate.load(ordering: .acquiring) != 0 {
        limbeck_pause()
        spins += 1
        if spins > 4_000 { sched_yield() }
      }
      body = nil
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
      board.open(tasks: tasks, body)
      board.work(as: 0)
      board.close()
    }
  }
}
