import CKernels
import Foundation

/// The cosines and sines of rotary position embeddings (Su et al. 2021), for every position of a context.
///
/// Angle of pair i at position t: t · frequency i. Tables [T, D/2], computed in Double and rounded once.
public struct RotaryEmbedding {
  let cosines: Tensor
  let sines: Tensor
  let headSize: Int

  /// - Parameters:
  ///   - frequencies: the angle of each pair from one position to the next [D/2]; θ^(−2i/D) in Llama 2, with θ =
  ///     10,000.
  ///   - contextLength: T, the number of positions.
  ///   - device: where it is used.
  public init(frequencies: [Double], contextLength: Int, on device: Device) {
    let half = frequencies.count
    headSize = 2 * half
    cosines = Tensor(uninitialized: [contextLength, half], on: device)
    sines = Tensor(uninitialized: [contextLength, half], on: device)
    device.parallelRanges(contextLength, grain: 64) { [cosines, sines] positions in
      for position in positions {
        for (i, frequency) in frequencies.enumerated() {
          let angle = Double(position) * frequency
          cosines.pointer[position * half + i] = Float(cos(angle))
          sines.pointer[position * half + i] = Float(sin(angle))
        }
      }
    }
  }
}

extension Tensor {
  /// Each head of each row rotated by the angles of its position, rotate-half order: self [N, H·D], positions [N].
  public func rotated(by rotary: RotaryEmbedding, positions: [Int32]) -> Tensor {
    precondition(
      columns % rotary.headSize == 0 && positions.count == rows,
      "rotated: shape \(shape) for heads of \(rotary.headSize) and \(positions.count) positions")
    let out = Tensor(uninitialized: shape, on: device)
    rotate(into: out.pointer, beta: 0, direction: 1, rotary, positions)
    return out.recorded(from: [self]) { gradient, nodes in
      guard let destination = nodes[0]?.destination() else { return }
      // in the forward pass: out = R·x with R orthogonal, so d x = Rᵀ·d out, the rotation back
      gradient.rotate(into: destination.pointer, beta: destination.beta, direction: -1, rotary, positions)
    }
  }

  private func rotate(
    into out: UnsafeMutablePointer<Float>, beta: Float, direction: Float, _ rotary: RotaryEmbedding,
    _ positions: [Int32]
  ) {
    let (columns, half) = (columns, rotary.headSize / 2)
    device.parallelRanges(rows, grain: 64) { range in
      for row in range {
        let angle = Int(positions[row]) * half
        precondition(angle >= 0 && angle < rotary.cosines.count, "position \(positions[row]) is outside the context")
        limbeck_rotate_half(
          out + row * columns, pointer + row * columns, rotary.cosines.pointer + angle, rotary.sines.pointer + angle,
          columns / rotary.headSize, half, direction, beta)
      }
    }
  }
}
