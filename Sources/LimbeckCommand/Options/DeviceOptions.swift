import ArgumentParser
import TensorCore

/// What to compute with.
struct DeviceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Threads to compute with (default: one per core).", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1, but is \(threads).") }
  }

  var device: Device { threads.map { Device(threads: $0) } ?? .shared }
}
