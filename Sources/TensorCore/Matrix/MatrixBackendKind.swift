import CKernels
import Diagnostics

/// What matrix products are computed with: the backends by name.
public enum MatrixBackendKind: String, Sendable, Codable, CaseIterable {
  /// OpenBLAS, on every CPU where libopenblas is installed.
  case openblas
  /// Limbeck's kernels for CPUs with AVX2 and fused multiply-add.
  case avx2
  /// Limbeck's kernels for CPUs with AVX-512.
  case avx512
  /// The same, with products in bfloat16 by the instructions of AVX512_BF16.
  case avx512BFloat16 = "avx512-bf16"
  /// Plain loops with sums in double: slow, on every CPU.
  case reference

  /// The fastest that this CPU has kernels for: Limbeck's own, or OpenBLAS where there are none, installed or not.
  public static let best: MatrixBackendKind =
    [.avx512BFloat16, .avx512, .avx2].first { $0.isRunByCPU } ?? .openblas

  /// Those that this machine can compute with. Loads OpenBLAS.
  public static var available: [MatrixBackendKind] { allCases.filter { $0.unavailability == nil } }

  /// Why this machine cannot compute with it; nil where it can. Loads OpenBLAS if it is asked about that.
  public var unavailability: MatrixBackendError? {
    do throws(MatrixBackendError) { _ = try backend() } catch { return error }
    return nil
  }

  /// The kernels that it computes with on this machine, such as "AVX2", or "SkylakeX" of OpenBLAS.
  /// - Throws: where this machine cannot compute with it.
  public func kernel() throws(MatrixBackendError) -> String { try backend().kernel }

  /// The backend itself.
  func backend() throws(MatrixBackendError) -> any MatrixBackend {
    guard isRunByCPU else {
      // only of those that the CPU runs, for this is what `unavailability` of the others asks
      let known = Self.allCases.filter { $0.isRunByCPU && $0.unavailability == nil }.map(\.rawValue)
        .joined(separator: ", ")
      throw .value(InvalidValue("backend", expected: "one that this machine has (\(known))", found: rawValue))
    }
    return switch self {
    case .openblas: try OpenBLASBackend()
    case .avx2: AVX2Backend()
    case .avx512: AVX512Backend()
    case .avx512BFloat16: AVX512BFloat16Backend()
    case .reference: ReferenceBackend()
    }
  }

  private var isRunByCPU: Bool {
    switch self {
    case .openblas, .reference: true
    case .avx2: limbeck_best_vectors().rawValue >= LIMBECK_AVX2.rawValue
    case .avx512: limbeck_best_vectors().rawValue >= LIMBECK_AVX512.rawValue
    case .avx512BFloat16: limbeck_has_product_bf16() != 0
    }
  }
}
