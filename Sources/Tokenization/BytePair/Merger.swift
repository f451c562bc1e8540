/// Merges the bytes of one part of a text: again and again the two neighbours of the lowest rank, of several the first
/// from the left, until no two of them have a merge.
struct Merger {
  /// The tokens, `count` of them when `merge` is done.
  private(set) var ids: UnsafeMutablePointer<Int32>
  private(set) var count = 0
  /// The merge of each token with the next one.
  private var entries: UnsafeMutablePointer<MergeTable.Entry>
  private var capacity: Int
  private var long = LongMerge()

  /// Up to here the lowest rank is looked for from the left each time; beyond, by a heap.
  private static let shortest = 48

  init() {
    capacity = 256
    ids = .allocate(capacity: capacity)
    entries = .allocate(capacity: capacity)
  }

  func deallocate() {
    ids.deallocate()
    entries.deallocate()
  }

  /// Merges `length` bytes, at least 1.
  mutating func merge(
    _ text: UnsafePointer<UInt8>, _ length: Int, byteIDs: UnsafePointer<Int32>, _ model: BytePairModel,
    _ merges: MergeTable.Lookup
  ) {
    if length > capacity {
      deallocate()
      capacity = length * 2
      ids = .allocate(capacity: capacity)
      entries = .allocate(capacity: capacity)
    }
    count = 0
    var hasAllBytes = true
    for place in 0..<length {
      let id = byteIDs[Int(text[place])]
      ids[place] = id
      if id < 0 { hasAllBytes = false }
    }
    if hasAllBytes {
      count = length
      for place in 0..<count - 1 { entries[place] = merges.entry(ofBytes: text[place], text[place + 1]) }
    } else {
      takeKnown(text, length, model)
      guard count > 0 else { return }
      for place in 0..<count - 1 { entries[place] = merges.entry(ids[place], ids[place + 1]) }
    }
    entries[count - 1] = MergeTable.none
    if count > Self.shortest {
      count = long.merge(ids, entries, count, merges)
    } else {
      mergeShort(merges)
    }
  }

  /// Puts what the model has for bytes without a token in their place.
  private mutating func takeKnown(_ text: UnsafePointer<UInt8>, _ length: Int, _ model: BytePairModel) {
    var followsUnknown = false
    for place in 0..<length {
      let id = ids[place]
      if id >= 0 {
        ids[count] = id
        count += 1
        followsUnknown = false
      } else if let unknown = model.unknownID {
        if !(followsUnknown && model.fusesUnknown) {
          ids[count] = unknown
          count += 1
        }
        followsUnknown = true
      }
    }
  }

  private mutating func mergeShort(_ merges: MergeTable.Lookup) {
    while count > 1 {
      var (best, place) = (entries[0], 0)
      for candidate in 1..<count - 1 where entries[candidate] < best { (best, place) = (entries[candidate], candidate) }
      if best == MergeTable.none { return }
      let id = Int32(truncatingIfNeeded: best)
      ids[place] = id
      count -= 1
      for next in place + 1..<count {
        ids[next] = ids[next + 1]
        entries[next] = entries[next + 1]
      }
      entries[place] = place + 1 < count ? merges.entry(id, ids[place + 1]) : MergeTable.none
      if place > 0 { entries[place - 1] = merges.entry(ids[place - 1], id) }
    }
  }
}

/// Merges many tokens in time that grows little faster than their number: the pairs wait in a heap by rank and place.
private struct LongMerge {
  private var heap: [UInt64] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []

  /// Merges `count` tokens in place, and returns how many are left.
  mutating func merge(
    _ ids: UnsafeMutablePointer<Int32>, _ entries: UnsafeMutablePointer<MergeTable.Entry>, _ count: Int,
    _ merges: MergeTable.Lookup
  ) -> Int {
    precondition(count < Int(Int32.max), "\(count) bytes without a place to cut")
    next = (0..<Int32(count)).map { $0 + 1 }
    previous = (0..<Int32(count)).map { $0 - 1 }
    heap.removeAll(keepingCapacity: true)
    for place in 0..<count where entries[place] != MergeTable.none { heap.append(Self.key(entries[place], place)) }
    for place in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(place) }
    while let top = pop() {
      let place = Int(top & 0xFFFF_FFFF)
      // an entry that another merge has changed since
      guard entries[place] != MergeTable.none, entries[place] >> 32 == top >> 32 else { continue }
      let id = Int32(truncatingIfNeeded: entries[place])
      let gone = Int(next[place])
      ids[place] = id
      ids[gone] = -1
      entries[gone] = MergeTable.none
      let after = Int(next[gone])
      next[place] = Int32(after)
      entries[place] = MergeTable.none
      if after < count {
        previous[after] = Int32(place)
        push(merges.entry(id, ids[after]), place, entries)
      }
      let before = Int(previous[place])
      if before >= 0 { push(merges.entry(ids[before], id), before, entries) }
    }
    var left = 0
    var place = 0
    while place < count {
      ids[left] = ids[place]
      left += 1
      place = Int(next[place])
    }
    return left
  }

  private static func key(_ entry: MergeTable.Entry, _ place: Int) -> UInt64 {
    entry & 0xFFFF_FFFF_0000_0000 | UInt64(place)
  }

  private mutating func push(
    _ entry: MergeTable.Entry, _ place: Int, _ entries: UnsafeMutablePointer<MergeTable.Entry>
  ) {
    entries[place] = entry
    guard entry != MergeTable.none else { return }
    heap.append(Self.key(entry, place))
    heap.withUnsafeMutableBufferPointer { heap in
      var index = heap.count - 1
      let key = heap[index]
      while index > 0 {
        let parent = (index - 1) / 2
        guard heap[parent] > key else { break }
        heap[index] = heap[parent]
        index = parent
      }
      heap[index] = key
    }
  }

  private mutating func pop() -> UInt64? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      sink(0)
    }
    return first
  }

  private mutating func sink(_ start: Int) {
    heap.withUnsafeMutableBufferPointer { heap in
      var index = start
      let key = heap[index]
      while true {
        var child = 2 * index + 1
        guard child < heap.count else { break }
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < key else { break }
        heap[index] = heap[child]
        index = child
      }
      heap[index] = key
    }
  }
}
