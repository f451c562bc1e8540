import Foundation
import Glibc

/// What a buffer is for.
public enum MemoryUse: String, CaseIterable, Sendable {
  /// The weights of a model that is trained, and the copy that rounding them needs.
  case weights
  /// Their gradients.
  case gradients
  /// The optimiser's running means.
  case moments
  /// Constant weights, and those of a head, as factors of products in bfloat16.
  case packedWeights
  /// Logits, and what is computed from them, of a block of tokens.
  case head
  /// What layers compute, of student and teacher, with its gradients.
  case activations
}

/// The buffers of a device that only counts them, by use. They have addresses, but no memory until somebody writes
/// there: so what little is computed outside of tasks needs no care.
///
/// `@unchecked Sendable`: everything is touched only inside `lock`.
final class MemoryCount: @unchecked Sendable {
  private struct Buffer {
    let use: MemoryUse
    let reserved: Int
    var touched: Int
  }

  private let lock = NSLock()
  private var buffers: [UnsafeMutablePointer<Float>: Buffer] = [:]
  private var current: [MemoryUse: Int] = [:]
  private var largest: [MemoryUse: Int] = [:]
  private var use = MemoryUse.activations
  private var released = 0

  /// The bytes of each use when there were the most in all.
  var peak: [MemoryUse: Int] { lock.withLock { largest } }

  /// Bytes of mapped files that packed factors have taken the place of.
  var releasedBytes: Int { lock.withLock { released } }

  func release(_ bytes: Int) { lock.withLock { released += bytes } }

  /// Sets what new buffers are for; returns what they were for before.
  func begin(_ next: MemoryUse) -> MemoryUse {
    lock.withLock {
      defer { use = next }
      return use
    }
  }

  /// Addresses for so many bytes.
  func reserve(_ bytes: Int) -> UnsafeMutablePointer<Float>? {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), start != MAP_FAILED else { return nil }
    let buffer = start.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
    lock.withLock { buffers[buffer] = Buffer(use: use, reserved: bytes, touched: 0) }
    return buffer
  }

  /// Counts a buffer of which so many bytes will be written to: the memory of the others is never there.
  func touch(_ buffer: UnsafeMutablePointer<Float>, _ bytes: Int) {
    lock.withLock {
      guard var found = buffers[buffer], found.touched < bytes else { return }
      current[found.use, default: 0] += bytes - found.touched
      found.touched = bytes
      buffers[buffer] = found
      if current.values.reduce(0, +) > largest.values.reduce(0, +) { largest = current }
    }
  }

  /// Gives the addresses back.
  func free(_ buffer: UnsafeMutablePointer<Float>) {
    lock.withLock {
      guard let found = buffers.removeValue(forKey: buffer) else { return }
      current[found.use, default: 0] -= found.touched
      munmap(buffer, found.reserved)
    }
  }
}

extension Device {
  /// A device like this one that computes nothing: what runs on it takes the buffers that it would take, of which only
  /// the addresses exist, and leaves their contents unspecified. `countedMemory` then says what was taken.
  ///
  /// What lies outside of tensors is not counted, such as the copies that libraries make.
  public func counting() -> Device { Device(counting: MemoryCount(), like: self) }

  /// The bytes of each use when there were the most in all, on a device that is `counting`; else nothing.
  public var countedMemory: [MemoryUse: Int] { memoryCount?.peak ?? [:] }

  /// The bytes of mapped weights that were packed, on a device that is `counting`: their pages are then given up.
  public var countedReleasedBytes: Int { memoryCount?.releasedBytes ?? 0 }

  /// Whether tasks are run: not on a device that is `counting`.
  var computes: Bool { memoryCount == nil }

  /// What `body` returns; buffers that it takes first are for `use`.
  public func counting<Result, Failure: Error>(
    as use: MemoryUse, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let before = memoryCount?.begin(use)
    defer { if let before { _ = memoryCount?.begin(before) } }
    return try body()
  }
}

extension WeightMatrix {
  /// The same weights, or only so many rows of them, for a device that is `counting`: what products make of them there
  /// is theirs alone.
  public func counted(on device: Device, rows: Int? = nil) -> WeightMatrix {
    let rows = rows ?? shape[0]
    precondition(rows > 0 && rows <= shape[0], "\(rows) rows of \(shape)")
    let bytes = byteCount / shape[0] * rows
    let released = PackedFactorCache { device.memoryCount?.release(bytes) }
    switch self {
    case .dense(let tensor):
      let shape = [rows] + tensor.shape.dropFirst()
      let storage = Storage(
        viewing: tensor.pointer, count: shape.reduce(1, *), owner: tensor.storage, packedFactors: released)
      return .dense(Tensor(shape: shape, storage: storage, device: device))
    case .encoded(let matrix): return .encoded(EncodedMatrix(matrix, rows: rows, packed: released))
    }
  }
}
