import TensorCore

/// A sequence of a pass: where its rows stand, and how long it is, or will be, as far as anyone knows.
struct PositionedSequence {
  let positions: Range<Int>
  let length: Int
}

/// The rotations of a decoder's layers. Layers whose positions are told apart in the same way share a table.
struct RotaryTables {
  private struct Table {
    let short: RotaryEmbedding
    /// What turns sequences of more than `switchingLength` tokens.
    let long: RotaryEmbedding
    let switchingLength: Int
  }

  private let tables: [Table]
  /// The index of each layer's table [L]; nil where nothing is turned.
  private let ofLayers: [Int?]

  init(_ configuration: DecoderConfiguration, on device: Device) {
    let (headSize, contextLength) = (configuration.headSize, configuration.contextLength)
    var kinds: [RotaryPositions] = []
    ofLayers = configuration.attention.map { layer in
      guard let rotary = layer.rotary, rotary.rotatedSize(headSize: headSize) > 1 else { return nil }
      if let index = kinds.firstIndex(of: rotary) { return index }
      kinds.append(rotary)
      return kinds.count - 1
    }
    tables = kinds.map { rotary in
      func embedding(length: Int) -> RotaryEmbedding {
        RotaryEmbedding(
          frequencies: rotary.frequencies(headSize: headSize, length: length), headSize: headSize,
          amplitude: rotary.scaling.amplitude, contextLength: contextLength, on: device)
      }
      let short = embedding(length: 0)
      guard let switching = rotary.scaling.switchingLength, switching < contextLength else {
        return Table(short: short, long: short, switchingLength: .max)
      }
      return Table(short: short, long: embedding(length: contextLength), switchingLength: switching)
    }
  }

  /// Whether the keys of a sequence depend on how long it becomes.
  var dependOnLength: Bool { tables.contains { $0.switchingLength < .max } }

  /// Whether sequences of both lengths are turned by the same angles.
  func areEqual(forLengths one: Int, _ other: Int) -> Bool {
    tables.allSatisfy { (one > $0.switchingLength) == (other > $0.switchingLength) }
  }

  /// The rotations of each layer for the rows of some sequences, one after another [L]; nil where nothing is turned.
  func rotations(of sequences: [PositionedSequence]) -> [TokenRotations?] {
    let ofTables = tables.map { table in
      var rotations = TokenRotations(of: table.short)
      for sequence in sequences {
        rotations.append(sequence.positions, by: sequence.length > table.switchingLength ? table.long : table.short)
      }
      return rotations
    }
    return ofLayers.map { $0.map { ofTables[$0] } }
  }
}
