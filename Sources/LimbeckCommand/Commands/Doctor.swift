import ArgumentParser
import DurableFiles
import Foundation
import TensorCore
import Tokenization

/// `limbeck doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Shows what this machine computes with, and warns of what slows it down.",
    discussion: """
      Lists processor, vector units, backends for matrix products, the
      SentencePiece library, memory and disk.

      Example:
        limbeck doctor
      """)

  @OptionGroup var device: DeviceOptions

  func run() throws {
    let machine = Machine()
    var facts = FactList()
    facts.add("processor", machine.processor ?? "unknown")
    facts.add("vector units", machine.vectorUnits.map(\.rawValue).joined(separator: ", "))
    facts.add("threads", "\(device.threads ?? ProcessInfo.processInfo.activeProcessorCount)")
    let chosen = device.backend ?? .best
    for backend in MatrixBackendKind.allCases {
      facts.add("backend \(backend.rawValue)", Self.state(of: backend) + (backend == chosen ? " (chosen)" : ""))
    }
    facts.add("SentencePiece", Machine.sentencePieceLibrary ?? "unknown")
    facts.add(
      "memory",
      "\(Format.bytes(machine.memory)), \(machine.availableMemory.map(Format.bytes) ?? "?") available"
        + (ControlGroup.spareMemory.map { ", \(Format.bytes($0)) left of what the control group allows" } ?? ""))
    let here = FileManager.default.currentDirectoryPath
    let free = freeBytes(at: URL(fileURLWithPath: here)).map { Format.bytes(Int($0)) }
    facts.add("disk", "\(free ?? "?") free in \(here)")
    try StandardOutput.write(facts.text)

    var warnings: [String] = chosen.unavailability.map { ["\($0)"] } ?? []
    if chosen == .openblas, warnings.isEmpty {
      warnings = MatrixKernelAdvice.warnings(
        kernel: try chosen.kernel(), vectorUnits: machine.vectorUnits,
        environment: ProcessInfo.processInfo.environment)
    }
    for warning in warnings { try StandardOutput.write("warning: \(warning)\n") }
    if warnings.isEmpty { try StandardOutput.write("No problems found.\n") }
  }

  private static func state(of backend: MatrixBackendKind) -> String {
    do throws(MatrixBackendError) { return try backend.kernel() } catch {
      return switch error {
      case .value: "not on this CPU"
      case .missingOpenBLAS: "not installed"
      }
    }
  }
}

/// What the system says of itself.
struct Machine {
  let processor: String?
  let vectorUnits: [VectorUnit]
  let memory = Int(clamping: ProcessInfo.processInfo.physicalMemory)

  init(processorInformation: String? = Self.text("/proc/cpuinfo")) {
    func field(_ name: String) -> String? {
      let line = processorInformation?.split(separator: "\n").first { $0.hasPrefix(name) }
      return line?.split(separator: ":", maxSplits: 1).last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
    processor = field("model name")
    let flags = Set((field("flags") ?? "").split(separator: " ").map(String.init))
    vectorUnits = VectorUnit.allCases.filter { flags.contains($0.flag) }
  }

  /// Bytes that a new process can have without swapping.
  var availableMemory: Int? {
    let line = Self.text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// The version of the SentencePiece library in use, where Debian's package manager knows it, and its file.
  static var sentencePieceLibrary: String? {
    guard let file = TokenizerFormat.all[0].libraryFile() else { return nil }
    let packages = text("/var/lib/dpkg/status")?.components(separatedBy: "\n\n") ?? []
    let package = packages.first { $0.hasPrefix("Package: libsentencepiece0\n") }
    let version = package?.split(separator: "\n").first { $0.hasPrefix("Version: ") }?.dropFirst("Version: ".count)
    return [version.map(String.init) ?? "version unknown", file].joined(separator: ", ")
  }

  static func text(_ path: String) -> String? {
    // files of the kernel's have no size, and more than one read may bring
    let data = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd()
    return data.map { String(decoding: $0, as: UTF8.self) }
  }
}

/// The vector instructions that OpenBLAS has kernels for, oldest first.
enum VectorUnit: String, CaseIterable {
  case avx = "AVX"
  case avx2 = "AVX2"
  case avx512 = "AVX-512"

  /// As the kernel names it in /proc/cpuinfo. AVX-512's kernels need byte and word instructions (Skylake-X and later).
  var flag: String {
    switch self {
    case .avx: "avx"
    case .avx2: "avx2"
    case .avx512: "avx512bw"
    }
  }
}

/// Finds out why matrix products are slower than they could be.
enum MatrixKernelAdvice {
  /// `kernel` is the one that OpenBLAS chose for this CPU.
  static func warnings(kernel: String, vectorUnits: [VectorUnit], environment: [String: String]) -> [String] {
    var warnings = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"].compactMap { name in
      environment[name].map { "\(name)=\($0) overrides what OpenBLAS finds out about this processor; unset \(name)" }
    }
    let best = vectorUnits.last
    if let best, let used = vectorUnit(ofKernel: kernel), used.rank < best.rank {
      warnings.append(
        "OpenBLAS chose the kernel \(kernel) (\(used.rawValue)), but this processor has \(best.rawValue): matrix "
          + "products are slower than they could be; unset OPENBLAS_CORETYPE, or install a newer libopenblas0-pthread")
    }
    return warnings
  }

  /// What OpenBLAS' kernels for x86 use; nil for names that say nothing of it.
  private static func vectorUnit(ofKernel name: String) -> VectorUnit? {
    switch name.lowercased() {
    case "skylakex", "cooperlake", "sapphirerapids": .avx512
    case "haswell", "zen", "excavator": .avx2
    case "sandybridge", "bulldozer", "piledriver", "steamroller": .avx
    default: nil
    }
  }
}

extension VectorUnit {
  fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
