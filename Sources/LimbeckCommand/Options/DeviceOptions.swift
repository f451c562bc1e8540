import ArgumentParser
import TensorCore

/// What to compute with.
struct DeviceOptions: ParsableArguments {
  /// More threads than any machine has cores would only exhaust it.
  static let allowedThreads = 1...1024

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Threads to compute with (default: one per core).", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !Self.allowedThreads.contains(threads) {
      throw ValidationError("--threads must be from 1 to \(Self.allowedThreads.upperBound), but is \(threads).")
    }
  }

  var device: Device {
    get throws(CommandError) { try Self.device(threads: threads) }
  }

  /// A device with so many threads, or one per core. Throws where a library to compute with is missing.
  static func device(threads: Int?) throws(CommandError) -> Device {
    if let missing = Device.missingLibrary { throw .missingLibrary(missing) }
    return threads.map { Device(threads: $0) } ?? .shared
  }
}
