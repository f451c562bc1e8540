import DurableFiles

/// The strings of an array one after another, without an allocation for each: a vocabulary has hundreds of thousands.
public struct GGUFStrings: Sendable {
  /// Their bytes, which are UTF-8 unless the file is odd.
  public let bytes: [UInt8]
  /// Where each of them ends in `bytes`.
  public let ends: [Int]
}

extension GGUFArray {
  /// The elements as strings, one after another; nil where they are none.
  public var joinedStrings: GGUFStrings? {
    guard elementType == .string else { return nil }
    var (joined, ends) = ([UInt8](), [Int]())
    joined.reserveCapacity(bytes.count)
    ends.reserveCapacity(count)
    file.withBytes { all in
      all.extracting(bytes).withUnsafeBytes { raw in
        var place = 0
        for _ in 0..<count {
          // the file was checked when it was opened
          let start = place + MemoryLayout<UInt64>.size
          place = start + Int(raw.loadUnaligned(fromByteOffset: place, as: UInt64.self))
          joined.append(contentsOf: UnsafeRawBufferPointer(rebasing: raw[start..<place]))
          ends.append(joined.count)
        }
      }
    }
    return GGUFStrings(bytes: joined, ends: ends)
  }
}
