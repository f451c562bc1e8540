import Foundation
import Synchronization

/// Buffers of floats that come back when the last tensor on them goes, so that the steady state allocates nothing.
///
/// `@unchecked Sendable`: the free lists are touched only inside `lock`; a buffer is owned by one `Storage` at a time.
final class StoragePool: @unchecked Sendable {
  private let lock = NSLock()
  private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
  private var freeBytes = 0
  private var allocatedBytes = 0
  private var peakBytes = 0
  /// Free buffers beyond this many bytes go back to the system.
  private let keptBytes: Int
  /// Where buffers are only counted; nil where they have memory.
  private let memoryCount: MemoryCount?

  init(keptBytes: Int = 4 << 30, counting memoryCount: MemoryCount? = nil) {
    self.keptBytes = keptBytes
    self.memoryCount = memoryCount
  }

  deinit {
    releaseFree()
  }

  /// Sizes are rounded up to one eighth of their power of two, so that nearly equal sizes share buffers.
  static func capacity(for count: Int) -> Int {
    let least = max(count, 64)
    let step = max(16, (1 << (Int.bitWidth - 1 - least.leadingZeroBitCount)) / 8)
    return (least + step - 1) / step * step
  }

  /// A buffer for `count` floats, of which the first `written` will be written to.
  func take(_ count: Int, written: Int) -> UnsafeMutablePointer<Float> {
    let capacity = Self.capacity(for: count)
    let buffer = buffer(ofCapacity: capacity)
    memoryCount?.touch(buffer, written * MemoryLayout<Float>.stride)
    return buffer
  }

  private func buffer(ofCapacity capacity: Int) -> UnsafeMutablePointer<Float> {
    lock.lock()
    if let buffer = free[capacity]?.popLast() {
      freeBytes -= capacity * 4
      lock.unlock()
      return buffer
    }
    allocatedBytes += capacity * 4
    peakBytes = max(peakBytes, allocatedBytes)
    lock.unlock()
    if let memoryCount {
      guard let buffer = memoryCount.reserve(capacity * MemoryLayout<Float>.stride) else {
        preconditionFailure("out of addresses: \(capacity * 4) bytes for a tensor")
      }
      return buffer
    }
    var raw: UnsafeMutableRawPointer?
    let status = posix_memalign(&raw, 64, capacity * MemoryLayout<Float>.stride)
    guard status == 0, let raw else {
      preconditionFailure("out of memory: \(capacity * 4) bytes for a tensor")
    }
    return raw.bindMemory(to: Float.self, capacity: capacity)
  }

  /// The most bytes that were allocated at once, those in the free lists included.
  var peak: Int {
    lock.lock()
    defer { lock.unlock() }
    return peakBytes
  }

  /// Gives the free buffers back to the system.
  func releaseFree() {
    lock.lock()
    defer { lock.unlock() }
    for buffers in free.values { for buffer in buffers { discard(buffer) } }
    allocatedBytes -= freeBytes
    (free, freeBytes) = ([:], 0)
  }

  private func discard(_ buffer: UnsafeMutablePointer<Float>) {
    if let memoryCount { memoryCount.free(buffer) } else { Foundation.free(buffer) }
  }

  /// Takes back a buffer for `count` floats.
  func give(_ buffer: UnsafeMutablePointer<Float>, _ count: Int) {
    let capacity = Self.capacity(for: count)
    lock.lock()
    defer { lock.unlock() }
    if freeBytes + capacity * 4 > keptBytes {
      discard(buffer)
      allocatedBytes -= capacity * 4
    } else {
      free[capacity, default: []].append(buffer)
      freeBytes += capacity * 4
    }
  }
}

/// The memory of a tensor: pooled, a view into an arena, or read-only mapped memory.
///
/// Invariant: `pointer` is valid for `count` floats as long as this object lives: a pooled buffer is returned in
/// `deinit`, a view retains its `owner`. Mapped memory is never written: only frozen parameters are built on it.
final class Storage {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int
  /// What products have made of it; nil where it may be written to.
  let packedFactors: PackedFactorCache?
  private let pool: StoragePool?
  private let owner: AnyObject?

  /// Memory of its own; the first `written` elements will be written to, by default all.
  init(count: Int, written: Int? = nil, pool: StoragePool) {
    self.count = count
    self.pool = pool
    owner = nil
    packedFactors = nil
    pointer = pool.take(count, written: written ?? count)
  }

  /// Memory of `owner`; with `packedFactors` where nobody writes to it any more.
  init(
    viewing pointer: UnsafeMutablePointer<Float>, count: Int, owner: AnyObject, packedFactors: PackedFactorCache? = nil
  ) {
    self.pointer = pointer
    self.count = count
    self.owner = owner
    self.packedFactors = packedFactors
    pool = nil
  }

  /// Whether the memory is a buffer of this object's own, not a view of something else.
  var isPooled: Bool { pool != nil }

  /// Whether nobody writes to the memory while this object lives.
  var isConstant: Bool { packedFactors != nil }

  deinit {
    pool?.give(pointer, count)
  }
}
