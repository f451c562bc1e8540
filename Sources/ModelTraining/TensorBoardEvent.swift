import Foundation

/// An event of TensorBoard's: the message `Event` of tensorflow/core/util/event.proto.
struct TensorBoardEvent {
  /// What it says.
  enum Content {
    /// The first event of a file.
    case fileVersion
    /// A run goes on here: TensorBoard forgets what it read of this step and later ones.
    case sessionStart
    /// Numbers by tag. A slash in a tag makes groups of charts.
    case scalars([(tag: String, value: Double)])
  }

  /// When, in seconds since 1970.
  var time: Double
  var step: Int
  var content: Content

  /// The message.
  var message: [UInt8] {
    var message = ProtobufMessage()
    message.append(1, double: time)
    // protobuf leaves out what is 0
    if step != 0 { message.append(2, integer: step) }
    switch content {
    case .fileVersion: message.append(3, bytes: Array("brain.Event:2".utf8))
    case .sessionStart:
      var session = ProtobufMessage()
      // SessionLog.status: START
      session.append(1, integer: 1)
      message.append(7, bytes: session.bytes)
    case .scalars(let scalars):
      var summary = ProtobufMessage()
      for (tag, value) in scalars {
        var scalar = ProtobufMessage()
        scalar.append(1, bytes: Array(tag.utf8))
        scalar.append(2, float: Float(value))
        summary.append(1, bytes: scalar.bytes)
      }
      message.append(5, bytes: summary.bytes)
    }
    return message.bytes
  }

  /// The record of a file: the message's length [8 bytes], the length's checksum [4], the message, its checksum [4],
  /// as in tensorflow/core/lib/io/record_writer.h. Numbers are written from the low byte on.
  var record: Data {
    let message = message
    let length = littleEndianBytes(UInt64(message.count))
    return Data(length + littleEndianBytes(Self.checksum(length)) + message + littleEndianBytes(Self.checksum(message)))
  }

  /// CRC-32C, rotated and shifted so that a checksum of bytes with checksums in them is none of the usual ones
  /// (tensorflow/core/lib/hash/crc32c.h).
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var remainder: UInt32 = ~0
    for byte in bytes {
      remainder ^= UInt32(byte)
      // the polynomial of Castagnoli, from the low bit on
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0x82F6_3B78 : 0) }
    }
    let sum = ~remainder
    return (sum >> 15 | sum << 17) &+ 0xA282_EAD8
  }
}

/// The bytes of a protobuf message, field by field.
private struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ field: Int, integer value: Int) {
    appendVarint(UInt64(field << 3))
    appendVarint(UInt64(bitPattern: Int64(value)))
  }

  mutating func append(_ field: Int, double value: Double) {
    appendVarint(UInt64(field << 3 | 1))
    bytes += littleEndianBytes(value.bitPattern)
  }

  mutating func append(_ field: Int, float value: Float) {
    appendVarint(UInt64(field << 3 | 5))
    bytes += littleEndianBytes(value.bitPattern)
  }

  mutating func append(_ field: Int, bytes content: [UInt8]) {
    appendVarint(UInt64(field << 3 | 2))
    appendVarint(UInt64(content.count))
    bytes += content
  }

  private mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// The bytes of an integer, from the low one on.
private func littleEndianBytes<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
  stride(from: 0, to: Integer.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: value >> Integer($0)) }
}
