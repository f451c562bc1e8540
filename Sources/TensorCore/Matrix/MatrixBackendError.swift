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
  public var description: String { invalidValue.description }

  /// The same of a value called `backend`.
  public var invalidValue: InvalidValue {
    switch self {
    case .value(let value): value
    case .missingOpenBLAS(let reason):
      InvalidValue(
        "backend", expected: "a library that can be loaded", found: "openblas, which cannot: \(reason)",
        advice: "install it: apt-get install libopenblas0")
    }
  }
}
