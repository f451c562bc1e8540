import ArgumentParser
import Diagnostics
import TensorCore

/// What to compute with.
struct DeviceOptions: ParsableArguments {
  /// More threads than any machine has cores would only exhaust it.
  static let allowedThreads = 1...1024
  static let threadsHelp = ArgumentHelp("Threads (default: one per core).", valueName: "n")
  static let backendHelp = ArgumentHelp(
    "Library or kernels for matrix products (default: the fastest on this CPU, "
      + "\(MatrixBackendKind.best.rawValue)).",
    valueName: "name")

  @Option(parsing: .unconditional, help: threadsHelp)
  var threads: Int?
  @Option(help: backendHelp)
  var backend: MatrixBackendKind?

  func validate() throws {
    do { try Self.check(threads: threads, backend: backend) } catch { throw ValidationError(error) }
  }

  /// Checks what a device is to be made of; keys are spelt as on the command line, without the dashes.
  static func check(threads: Int?, backend: MatrixBackendKind?) throws(InvalidValue) {
    if let threads, !allowedThreads.contains(threads) {
      throw InvalidValue(
        "threads", expected: "a whole number from 1 to \(allowedThreads.upperBound)", found: "\(threads)")
    }
    if let missing = backend?.unavailability { throw missing.invalidValue }
  }

  var device: Device {
    get throws(MatrixBackendError) { try Self.device(threads: threads, backend: backend) }
  }

  /// The same options as a call has them.
  var arguments: [String] {
    (threads.map { ["--threads", "\($0)"] } ?? []) + (backend.map { ["--backend", $0.rawValue] } ?? [])
  }

  /// A device with so many threads, or one per core, and that backend, or the best one. Throws where this machine
  /// cannot compute with it.
  static func device(threads: Int?, backend: MatrixBackendKind?) throws(MatrixBackendError) -> Device {
    if threads == nil, backend == nil, MatrixBackendKind.best.unavailability == nil { return .shared }
    return try Device(threads: threads, backend: backend ?? .best)
  }
}
