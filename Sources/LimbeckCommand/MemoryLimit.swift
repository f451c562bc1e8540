import Foundation

/// What a process may hold: what the machine has to spare, what its control group allows it, or what the user says.
struct MemoryLimit: CustomStringConvertible {
  let bytes: Int
  let description: String

  /// The least of them; nil where the system says nothing.
  init?(_ flag: ByteCount?, machine: Machine = Machine()) {
    if let flag {
      (bytes, description) = (flag.bytes, "\(Format.bytes(flag.bytes)), as --memory-limit says")
      return
    }
    let own = ProcessMemory.now?.unmapped ?? 0
    let available = [
      machine.availableMemory.map { ($0 + own, "which the machine has to spare") },
      ControlGroup.spareMemory.map { ($0 + own, "which the control group of this process allows") },
    ].compactMap(\.self).min { $0.0 < $1.0 }
    guard let (bytes, name) = available else { return nil }
    (self.bytes, description) = (bytes, "\(Format.bytes(bytes)), \(name)")
  }
}

/// What this process holds, as the system counts it.
struct ProcessMemory {
  /// Memory of its own.
  let unmapped: Int
  /// Pages of files: the program, its libraries, and what it has mapped.
  let mapped: Int

  /// Both together.
  var bytes: Int { unmapped + mapped }

  /// nil where the system has no /proc.
  static var now: ProcessMemory? {
    guard let status = Machine.text("/proc/self/status") else { return nil }
    func bytes(_ name: String) -> Int? {
      let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return line?.split(separator: "\t").last?.split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    guard let own = bytes("RssAnon"), let files = bytes("RssFile"), let shared = bytes("RssShmem") else { return nil }
    return ProcessMemory(unmapped: own, mapped: files + shared)
  }
}

/// The control group (cgroup) of this process, which containers limit memory by.
enum ControlGroup {
  /// Bytes that its processes can still have; nil where nothing limits them.
  static var spareMemory: Int? {
    let groups = Machine.text("/proc/self/cgroup")?.split(separator: "\n") ?? []
    var spare: [Int] = []
    for group in groups {
      let parts = group.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("memory") else { continue }
      let root = isUnified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      // a container may see its own group as the root
      for folder in [root + parts[2], root] { spare += Self.spareMemory(in: folder, isUnified: isUnified) }
    }
    return spare.min()
  }

  private static func spareMemory(in folder: String, isUnified: Bool) -> [Int] {
    func number(_ file: String) -> Int? {
      Machine.text("\(folder)/\(file)").flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    let limit = number(isUnified ? "memory.max" : "memory.limit_in_bytes")
    // pages of files are given up where memory is short
    let used = Machine.text("\(folder)/memory.stat")?.split(separator: "\n").lazy.compactMap { line -> Int? in
      let words = line.split(separator: " ")
      return words.count == 2 && words[0] == (isUnified ? "anon" : "rss") ? Int(words[1]) : nil
    }.first
    guard let limit, let used, limit < 1 << 60 else { return [] }
    return [max(0, limit - used)]
  }
}
