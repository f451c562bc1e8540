import Foundation

/// The cosines and sines of rotary position embeddings (Su et al. 2021), for every position of a context.
///
/// Angle of pair i at position t: t · frequency i. Tables are computed in Double and rounded once, a block of positions
/// at a time, when one of them is first asked for: contexts may be far longer than any text.
///
/// `@unchecked Sendable`: `blocks` is touched only inside `lock`; a block is never written to again.
public final class RotaryEmbedding: @unchecked Sendable {
  /// D
  let headSize: Int
  private let frequencies: [Double]
  private let amplitude: Double
  private let contextLength: Int
  private let device: Device
  private let lock = NSLock()
  /// Of each `blockLength` positions [positions, 2 · pairs]: a position's cosines, then its sines.
  private var blocks: [Tensor] = []

  /// Positions whose angles are computed together.
  private static let blockLength = 512

  /// - Parameters:
  ///   - frequencies: the angle of each pair from one position to the next; θ^(−2i/D) in Llama 2, with θ = 10,000.
  ///   - headSize: D, at least as many as the pairs have elements; channels beyond these are not turned. By default
  ///     there are none.
  ///   - amplitude: what turned channels are multiplied by, too.
  ///   - contextLength: T, the number of positions.
  ///   - device: where it is used.
  public init(
    frequencies: [Double], headSize: Int? = nil, amplitude: Double = 1, contextLength: Int, on device: Device
  ) {
    self.frequencies = frequencies
    self.headSize = headSize ?? 2 * frequencies.count
    self.amplitude = amplitude
    self.contextLength = contextLength
    self.device = device
    precondition(
      !frequencies.isEmpty && 2 * frequencies.count <= self.headSize,
      "\(frequencies.count) frequencies for heads of \(self.headSize)")
  }

  /// The pairs of a head that are turned.
  var pairs: Int { frequencies.count }

  /// The positions whose angles have been computed so far.
  var computedLength: Int {
    lock.withLock { min(contextLength, blocks.count * Self.blockLength) }
  }

  /// Appends the address of the cosines of each of some positions, with the sines behind them.
  func appendRows(at positions: Range<Int>, to rows: inout [UnsafePointer<Float>]) {
    precondition(
      positions.lowerBound >= 0 && positions.upperBound <= contextLength,
      "positions \(positions) in a context of \(contextLength)")
    lock.withLock {
      // on the calling thread alone, which may be a worker's: one that holds a lock must not wait for others
      while blocks.count * Self.blockLength < positions.upperBound { blocks.append(block(blocks.count)) }
      for position in positions {
        let (block, row) = position.quotientAndRemainder(dividingBy: Self.blockLength)
        rows.append(blocks[block].pointer + row * 2 * pairs)
      }
    }
  }

  private func block(_ index: Int) -> Tensor {
    let start = index * Self.blockLength
    let positions = start..<min(contextLength, start + Self.blockLength)
    let table = Tensor(uninitialized: [positions.count, 2 * pairs], on: device)
    for position in positions {
      let row = table.pointer + (position - start) * 2 * pairs
      for (pair, frequency) in frequencies.enumerated() {
        let angle = Double(position) * frequency
        row[pair] = Float(amplitude * cos(angle))
        row[pairs + pair] = Float(amplitude * sin(angle))
      }
    }
    return table
  }
}
