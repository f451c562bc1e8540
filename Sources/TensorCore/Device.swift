import COpenBLAS
import Foundation

/// Where tensors live and are computed: a pool of worker threads and a pool of buffers on the CPU.
///
/// Results do not depend on the number of threads: work is cut into pieces by shape alone, and sums are taken in a
/// fixed order.
public final class Device: Sendable {
  /// One thread per core, for callers who do not say otherwise.
  public static let shared = Device()

  let workers: WorkerPool
  let storagePool = StoragePool()

  /// The number of threads, the calling one included.
  public var threads: Int { workers.threads }

  /// The most bytes that tensors on this device have held at once; mapped weights are not among them.
  public var peakBytes: Int { storagePool.peak }

  /// - Parameter threads: the number of threads to compute with, at least 1; one per active core by default.
  public init(threads: Int? = nil) {
    workers = WorkerPool(threads: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
    // Each worker calls BLAS on its own piece; threads inside BLAS would fight with them.
    openblas_set_num_threads(1)
  }

  /// The name of the kernel OpenBLAS chose for this CPU, such as `SkylakeX` or `Haswell`.
  public static var matrixKernelName: String { String(cString: openblas_get_corename()) }

  /// The version and build options of OpenBLAS.
  public static var matrixLibraryDescription: String { String(cString: openblas_get_config()) }

  func parallel(_ tasks: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
    workers.run(tasks: tasks, body)
  }

  /// Runs `body` on consecutive ranges of 0..<count, each of `grain` elements but the last.
  func parallelRanges(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    let pieces = (count + grain - 1) / grain
    workers.run(tasks: pieces) { piece, _ in
      let start = piece * grain
      body(start..<min(count, start + grain))
    }
  }
}
