import Dispatch
import Foundation
import Synchronization

/// Turns texts into the ids of a byte-level BPE model.
final class BytePairEncoder: Sendable {
  let model: BytePairModel
  let preTokenizer: PreTokenizer
  /// Whether text is normalised to form C first.
  let normalizes: Bool
  /// What one thread works with, kept for the next call.
  private let idle = Mutex<[Worker]>([])

  init(_ model: BytePairModel, _ preTokenizer: PreTokenizer, normalizes: Bool) {
    (self.model, self.preTokenizer, self.normalizes) = (model, preTokenizer, normalizes)
  }

  /// A thread takes about so many bytes at a time.
  private static let blockSize = 1 << 16

  /// As `Tokenizer.encode`.
  func encode(_ batch: TextBatch, threads: Int) -> EncodedBatch {
    let blocks = Self.blocks(of: batch)
    let workers = max(1, min(threads, blocks.count))
    guard workers > 1 else {
      var result = EncodedBatch()
      withWorker { $0.encode(batch, 0..<batch.ends.count, self, &result) }
      return result
    }
    let results = Mutex([EncodedBatch?](repeating: nil, count: blocks.count))
    let next = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      withWorker { worker in
        while true {
          let block = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard block < blocks.count else { return }
          var result = EncodedBatch()
          worker.encode(batch, blocks[block], self, &result)
          results.withLock { $0[block] = result }
        }
      }
    }
    return Self.joined(results.withLock { $0.compactMap(\.self) })
  }

  /// Texts that follow one another, about `blockSize` bytes of them.
  private static func blocks(of batch: TextBatch) -> [Range<Int>] {
    var (blocks, first, start) = ([Range<Int>](), 0, 0)
    for (index, end) in batch.ends.enumerated() where end - start >= blockSize {
      blocks.append(first..<index + 1)
      (first, start) = (index + 1, end)
    }
    if first < batch.ends.count { blocks.append(first..<batch.ends.count) }
    return blocks
  }

  private static func joined(_ parts: [EncodedBatch]) -> EncodedBatch {
    var result = EncodedBatch()
    result.ids.reserveCapacity(parts.reduce(0) { $0 + $1.ids.count })
    result.ends.reserveCapacity(parts.reduce(0) { $0 + $1.ends.count })
    for part in parts {
      let start = result.ids.count
      result.ids += part.ids
      result.ends += part.ends.lazy.map { $0 + start }
    }
    return result
  }

  private func withWorker(_ body: (Worker) -> Void) {
    let worker = idle.withLock { $0.popLast() } ?? Worker()
    body(worker)
    idle.withLock { $0.append(worker) }
  }
}

/// What one thread encodes with. It belongs to one thread at a time, and to one model for good.
private final class Worker: @unchecked Sendable {
  private let cache = PartCache()
  private var merger = Merger()

  deinit {
    cache.deallocate()
    merger.deallocate()
  }

  /// Appends the ids of some texts of a batch.
  func encode(_ batch: TextBatch, _ range: Range<Int>, _ encoder: BytePairEncoder, _ result: inout EncodedBatch) {
    guard let first = range.first, let last = range.last else { return }
    let start = first == 0 ? 0 : batch.ends[first - 1]
    result.ids.reserveCapacity((batch.ends[last] - start) / 3)
    result.ends.reserveCapacity(range.count)
    let (model, preTokenizer) = (encoder.model, encoder.preTokenizer)
    model.merges.withLookup { merges in
      model.byteIDs.withUnsafeBufferPointer { byteIDs in
        batch.bytes.withUnsafeBufferPointer { bytes in
          var start = start
          for index in range {
            let text = UnsafeBufferPointer(rebasing: bytes[start..<batch.ends[index]])
            let readable = bytes.count - start
            start = batch.ends[index]
            var changed = encoder.normalizes ? CanonicalComposition.nfc.normalized(text) : nil
            if preTokenizer.addsPrefixSpace, batch.startsText[index], !text.isEmpty,
              (changed?.first ?? text[0]) != 0x20
            {
              changed = [0x20] + (changed ?? Array(text))
            }
            if let changed {
              changed.withUnsafeBufferPointer { changed in
                append(
                  changed, readable: changed.count, preTokenizer.rules[...], model, byteIDs.baseAddress!, merges,
                  &result)
              }
            } else {
              append(text, readable: readable, preTokenizer.rules[...], model, byteIDs.baseAddress!, merges, &result)
            }
            result.ends.append(result.ids.count)
          }
        }
      }
    }
  }

  /// Appends the ids of a text. From its beginning on `readable` bytes can be read, at least those of the text.
  private func append(
    _ text: UnsafeBufferPointer<UInt8>, readable: Int, _ rules: ArraySlice<SplitRule>, _ model: BytePairModel,
    _ byteIDs: UnsafePointer<Int32>, _ merges: MergeTable.Lookup, _ result: inout EncodedBatch
  ) {
    guard let base = text.baseAddress, let rule = rules.first else { return }
    let source = UTF8Text(base)
    var place = 0
    while place < text.count {
      let end = rule.partEnd(in: source, from: place, text.count)
      if rules.count > 1 {
        append(
          UnsafeBufferPointer(rebasing: text[place..<end]), readable: readable - place, rules.dropFirst(), model,
          byteIDs,
          merges, &result)
      } else {
        append(part: base + place, end - place, readable: readable - place, model, byteIDs, merges, &result.ids)
      }
      place = end
    }
  }

  /// Appends the ids of a part that is merged by itself.
  @inline(__always) private func append(
    part: UnsafePointer<UInt8>, _ length: Int, readable: Int, _ model: BytePairModel, _ byteIDs: UnsafePointer<Int32>,
    _ merges: MergeTable.Lookup, _ ids: inout [Int32]
  ) {
    if length == 1, byteIDs[Int(part[0])] >= 0 { return ids.append(byteIDs[Int(part[0])]) }
    guard length <= PartCache.longestPart else {
      return appendMerged(part, length, model, byteIDs, merges, &ids)
    }
    let key = PartCache.Key(part, length, isInside: readable >= 32)
    if let known = cache.ids(key) {
      for index in 0..<Int(known[7]) { ids.append(known[index]) }
      return
    }
    let start = ids.count
    appendMerged(part, length, model, byteIDs, merges, &ids)
    let count = ids.count - start
    if count <= PartCache.mostIDs {
      ids.withUnsafeBufferPointer { ids in
        if let base = ids.baseAddress { cache.keep(base + start, count, for: key) }
      }
    }
  }

  private func appendMerged(
    _ part: UnsafePointer<UInt8>, _ length: Int, _ model: BytePairModel, _ byteIDs: UnsafePointer<Int32>,
    _ merges: MergeTable.Lookup, _ ids: inout [Int32]
  ) {
    if model.ignoresMerges, let id = model.whole(UnsafeBufferPointer(start: part, count: length)) {
      return ids.append(id)
    }
    merger.merge(part, length, byteIDs: byteIDs, model, merges)
    ids.append(contentsOf: UnsafeBufferPointer(start: merger.ids, count: merger.count))
  }
}
