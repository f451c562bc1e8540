public import Diagnostics

/// Why a device cannot be made with a backend.
public enum MatrixBackendError: Error, Equatable {
  /// The CPU has not the instructions of these kernels.
  case value(InvalidValue)
  /// OpenBLAS cannot be loaded, for what the system says.
  case missingOpenBLAS(reason: String)
}

extension MatrixBackendError: CustomStringConvertible {
  /// One sentence for the user.
  public var description: String {
    switch self {
    case .value(let value): "\(value)"
    case .missingOpenBLAS(let reason):
      "backend: openblas cannot be loaded: \(reason); install it: apt-get install libopenblas0"
    }
  }
}
