import CKernels
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
  /// A device for what each of the threads computes by itself, with buffers of its own, which stay in its core's cache.
  let workerDevices: [Device]
  /// Whether work is cut into pieces for several threads, also where there is only one: not on the devices of workers.
  var cutsWork: Bool { !workerDevices.isEmpty }

  /// The number of threads, the calling one included.
  public var threads: Int { workers.threads }

  /// The most bytes that tensors on this device have held at once; mapped weights are not among them.
  public var peakBytes: Int { workerDevices.reduce(storagePool.peak) { $0 + $1.peakBytes } }

  /// - Parameter threads: the number of threads to compute with, at least 1; one per active core by default.
  public convenience init(threads: Int? = nil) {
    let workers = WorkerPool(threads: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
    self.init(
      workers, workerDevices: (0..<workers.threads).map { _ in Device(WorkerPool(threads: 1), workerDevices: []) })
  }

  private init(_ workers: WorkerPool, workerDevices: [Device]) {
    self.workers = workers
    self.workerDevices = workerDevices
  }

  /// What matrix products are computed with on this CPU: the project's own kernels, or those of OpenBLAS.
  public static var matrixKernelName: String {
    if BFloat16Product.isAvailable { return "Limbeck's, AVX-512 with bfloat16" }
    return switch SerialProduct.vectors {
    case LIMBECK_AVX512: "Limbeck's, AVX-512"
    case LIMBECK_AVX2: "Limbeck's, AVX2"
    default: "OpenBLAS, \(OpenBLAS.shared?.kernelName ?? "not installed")"
    }
  }

  /// The most rows of which float32 products are summed in the order of one row, so that each row has the same bits alone
  /// and beside others.
  public static var uniformRows: Int { SerialProduct.fewRows }

  /// Whether this CPU runs the project's own matrix products, so that OpenBLAS is never loaded.
  public static var hasOwnMatrixKernels: Bool { SerialProduct.hasFloat32 }

  /// The kernel that OpenBLAS chooses for this CPU, such as `SkylakeX`; nil where OpenBLAS is not installed. Loads it.
  public static var openBLASKernelName: String? { OpenBLAS.shared?.kernelName }

  /// What is wrong where this CPU needs OpenBLAS and it is not installed, else nil.
  public static var missingLibrary: String? {
    hasOwnMatrixKernels || OpenBLAS.shared != nil
      ? nil : "this CPU has no AVX2, and libopenblas.so.0 cannot be loaded; install it: apt-get install libopenblas0"
  }

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
