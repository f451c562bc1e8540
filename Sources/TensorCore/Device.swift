import CKernels
import Foundation

/// Where tensors live and are computed: a pool of worker threads, a pool of buffers, and a backend for matrix products.
///
/// Results do not depend on the number of threads: work is cut into tasks by shape alone, and sums are taken in a fixed
/// order. They do depend on the backend, in the last bits.
public final class Device: Sendable {
  /// One thread per core and the best backend, for callers who do not say otherwise.
  public static let shared = Device()

  let workers: WorkerPool
  let storagePool: StoragePool
  /// Where memory is counted in place of computing; see `counting()`.
  let memoryCount: MemoryCount?
  /// What matrix products are computed with.
  let backend: any MatrixBackend
  /// A device for what each of the threads computes by itself, with buffers of its own, which stay in its core's cache.
  let workerDevices: [Device]
  /// Whether work is cut into tasks for several threads, also where there is only one: not on the devices of workers.
  var cutsWork: Bool { !workerDevices.isEmpty }

  /// The number of threads, the calling one included.
  public let threads: Int

  /// The most bytes that tensors on this device have held at once; mapped weights are not among them.
  public var peakBytes: Int { workerDevices.reduce(storagePool.peak) { $0 + $1.peakBytes } }

  /// Gives buffers that no tensor has back to the system. They are kept for tensors of the same sizes, and are in the
  /// way where other sizes come.
  public func releaseFreeMemory() {
    storagePool.releaseFree()
    for device in workerDevices { device.releaseFreeMemory() }
  }

  /// A device with the best backend of this CPU, `MatrixBackendKind.best`.
  ///
  /// A CPU without AVX2 needs OpenBLAS. Where that may be missing, use `init(threads:backend:)`, which throws then;
  /// this one ends the program with the same words.
  /// - Parameter threads: the number of threads to compute with, at least 1; one per active core by default.
  public convenience init(threads: Int? = nil) {
    do throws(MatrixBackendError) {
      self.init(threads: threads, try MatrixBackendKind.best.backend())
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// A device with a chosen backend.
  /// - Parameters:
  ///   - threads: the number of threads to compute with, at least 1; nil stands for one per active core.
  ///   - backend: what matrix products are computed with.
  /// - Throws: where this machine cannot compute with the backend.
  public convenience init(threads: Int? = nil, backend: MatrixBackendKind) throws(MatrixBackendError) {
    self.init(threads: threads, try backend.backend())
  }

  private convenience init(threads: Int?, _ backend: any MatrixBackend) {
    let workers = WorkerPool(threads: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
    self.init(
      workers, backend,
      workerDevices: (0..<workers.threads).map { _ in Device(WorkerPool(threads: 1), backend, workerDevices: []) })
  }

  private init(_ workers: WorkerPool, _ backend: any MatrixBackend, workerDevices: [Device]) {
    self.workers = workers
    threads = workers.threads
    self.backend = backend
    self.workerDevices = workerDevices
    storagePool = StoragePool()
    memoryCount = nil
  }

  /// A device that counts; it needs no threads.
  init(counting memoryCount: MemoryCount, like device: Device) {
    workers = WorkerPool(threads: 1)
    threads = device.threads
    backend = device.backend
    workerDevices = device.workerDevices.map { Device(counting: memoryCount, like: $0) }
    storagePool = StoragePool(counting: memoryCount)
    self.memoryCount = memoryCount
  }

  /// `shared`. Throws where this CPU needs OpenBLAS and it is missing, of which `shared` would end the program.
  public static func standard() throws(MatrixBackendError) -> Device {
    _ = try MatrixBackendKind.best.backend()
    return shared
  }

  /// What matrix products are computed with.
  public var backendKind: MatrixBackendKind { backend.kind }

  /// The kernels of it, for people, such as "AVX2", or "SkylakeX" of OpenBLAS.
  public var kernelName: String { backend.kernel }

  /// The most rows of which float32 products are summed in the order of one row, on every backend, so that each row has
  /// the same bits alone and beside others.
  public static let uniformRows = Int(LIMBECK_FEW_ROWS)

  /// Whether each row of a product of more than 48 rows has the same bits however many they are: only then may
  /// sequences be shared out among threads, or rows be computed once and looked up.
  public var rowsAreIndependent: Bool { backend.rowsAreIndependent }

  /// What `body` makes of each number in 0..<count, in their order. Several threads call `body` at the same time.
  public func map<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
    guard computes else { return (0..<count).map(body) }
    return [Result](unsafeUninitializedCapacity: count) { results, initializedCount in
      // every task initialises its own element
      nonisolated(unsafe) let results = results
      parallel(count) { task, _ in results.initializeElement(at: task, to: body(task)) }
      initializedCount = count
    }
  }

  func parallel(_ tasks: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
    if computes { workers.run(tasks: tasks, body) }
  }

  /// Runs `body` on consecutive ranges of 0..<count, each of `grain` elements but the last.
  func parallelRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    parallel((count + grain - 1) / grain) { task, _ in
      let start = task * grain
      body(start..<min(count, start + grain))
    }
  }
}
