import CKernels

/// Where a contribution to a gradient is written: over unspecified contents, or added to what came before.
struct GradientDestination {
  let pointer: UnsafeMutablePointer<Float>
  let adds: Bool

  /// What the old contents are multiplied by: 0 or 1.
  var beta: Float { adds ? 1 : 0 }

  /// The part that begins `offset` elements further on.
  func from(_ offset: Int) -> GradientDestination { GradientDestination(pointer: pointer + offset, adds: adds) }

  /// The first `columns` elements of rows that begin `stride` apart become 0, unless they are to be added to.
  func clear(rows: Int, stride: Int, columns: Int) {
    if adds { return }
    for row in 0..<rows { (pointer + row * stride).update(repeating: 0, count: columns) }
  }
}

/// One step of the recorded computation: which steps it read, and how its gradient becomes theirs.
///
/// A node holds no gradient until something below it adds one. Leaves (parameters) keep theirs in the store's arena.
final class Node {
  /// The steps whose tensors this one read and which want a gradient.
  let inputs: [Node]
  private let shape: [Int]
  private let device: Device
  private var gradient: Storage?
  private let isLeaf: Bool
  /// Of a leaf: whether nothing was added since its gradient was last set to zero, so that the memory may hold
  /// anything.
  private var isCleared: Bool
  private var backward: ((_ gradient: Tensor) -> Void)?

  /// A computed tensor. `backward` receives the complete gradient of its output and adds to that of its inputs.
  init(shape: [Int], on device: Device, inputs: [Node?], backward: @escaping (_ gradient: Tensor) -> Void) {
    self.shape = shape
    self.device = device
    self.inputs = inputs.compactMap { $0 }
    self.backward = backward
    isLeaf = false
    isCleared = false
  }

  /// A parameter, whose gradient is added up in the memory of `gradient`; it is zero, whatever that holds.
  init(leaf gradient: Tensor) {
    shape = gradient.shape
    device = gradient.device
    inputs = []
    isLeaf = true
    isCleared = true
    self.gradient = gradient.storage
  }

  /// Sets the gradient of a leaf to zero; its memory is first written when something is added, or by `settle`.
  func clear() { isCleared = isLeaf }

  /// Writes the zeros of a leaf to which nothing was added.
  func settle() {
    if isCleared { _ = accumulator() }
  }

  private var count: Int { shape.reduce(1, *) }

  /// Where to write a contribution.
  func destination() -> GradientDestination {
    guard gradient != nil else {
      let fresh = Storage(count: count, pool: device.storagePool)
      gradient = fresh
      return GradientDestination(pointer: fresh.pointer, adds: false)
    }
    defer { isCleared = false }
    return GradientDestination(pointer: writableGradient(), adds: !isCleared)
  }

  /// Where to add a contribution: zeros, if nothing came before.
  func accumulator() -> UnsafeMutablePointer<Float> {
    let destination = destination()
    if !destination.adds {
      device.parallelRanges(count, grain: 1 << 18) { range in
        (destination.pointer + range.lowerBound).update(repeating: 0, count: range.count)
      }
    }
    return destination.pointer
  }

  /// Makes the gradient zero if nothing came before: the backward step of a node without one is left out.
  func requireGradient() {
    if gradient == nil { _ = accumulator() }
  }

  /// Where to write the contributions to several nodes in any order, into `unwanted` where there is no node: of nodes
  /// that are one and the same, all add.
  static func destinations(_ nodes: [Node?], discarding unwanted: Tensor) -> [GradientDestination] {
    nodes.map { node in
      guard let node else { return GradientDestination(pointer: unwanted.pointer, adds: false) }
      return nodes.count { $0 === node } == 1
        ? node.destination() : GradientDestination(pointer: node.accumulator(), adds: true)
    }
  }

  /// Adds a whole tensor as a contribution; shares it without copying if it is the first.
  func add(_ contribution: Tensor) {
    guard gradient != nil else {
      gradient = contribution.storage
      return
    }
    let sum = accumulator()
    device.parallelRanges(contribution.count, grain: 1 << 16) { range in
      limbeck_accumulate(sum + range.lowerBound, contribution.pointer + range.lowerBound, 1, range.count)
    }
  }

  /// The gradient's memory, copied first if another tensor still shares it.
  private func writableGradient() -> UnsafeMutablePointer<Float> {
    if !isLeaf, !isKnownUniquelyReferenced(&gradient), let shared = gradient {
      let copy = Storage(count: count, pool: device.storagePool)
      copy.pointer.update(from: shared.pointer, count: count)
      gradient = copy
    }
    guard let gradient else { preconditionFailure("a gradient is written before it exists") }
    return gradient.pointer
  }

  /// Memory for gradients that a kernel computes beside the wanted ones; empty if every node wants its own.
  static func discarding(_ count: Int, for nodes: ArraySlice<Node?>, on device: Device) -> Tensor {
    Tensor(uninitialized: [nodes.contains { $0 == nil } ? count : 0], on: device)
  }

  /// Runs the backward step once, then lets go of everything it held.
  func propagate() {
    guard !isLeaf, let gradient, let backward else { return }
    backward(Tensor(shape: shape, storage: gradient, device: device))
    self.gradient = nil
    self.backward = nil
  }
}
