import Testing

@testable import TensorCore

/// Devices that count memory in place of computing.
@Suite struct MemoryCountTests {
  @Test func buffersAreCountedByUseAndAsFarAsTheyAreWritten() {
    let device = Device(threads: 2).counting()
    #expect(device.threads == 2 && device.countedMemory.isEmpty)
    let weights = device.counting(as: .weights) { Tensor.zeros([1_000], on: device) }
    do {
      _ = Tensor(uninitialized: [1_030], on: device)
      _ = Tensor(uninitialized: [1_040], on: device)
    }
    // both have the capacity of 1,152 floats, and were one buffer
    #expect(device.countedMemory == [.weights: 4_000, .activations: 4_160])
    let more = Tensor(uninitialized: [1_100], on: device)
    #expect(device.countedMemory == [.weights: 4_000, .activations: 4_400])
    let others = Tensor(uninitialized: [1_100], on: device)
    #expect(device.countedMemory == [.weights: 4_000, .activations: 8_800])
    withExtendedLifetime((weights, more, others)) {}
  }

  @Test func usesAreNested() {
    let device = Device(threads: 1).counting()
    let tensors = device.counting(as: .head) {
      let inner = device.counting(as: .packedWeights) { Tensor.zeros([100], on: device) }
      return [inner, Tensor.zeros([200], on: device)]
    }
    let last = Tensor.zeros([300], on: device)
    #expect(device.countedMemory == [.packedWeights: 400, .head: 800, .activations: 1_200])
    withExtendedLifetime((tensors, last)) {}
  }

  @Test func otherDevicesCountNothing() {
    let device = Device(threads: 1)
    let tensor = device.counting(as: .weights) { Tensor.zeros([100], on: device) }
    #expect(device.countedMemory.isEmpty && device.countedReleasedBytes == 0 && tensor.count == 100)
  }

  /// More than any machine has: only addresses are taken, and nothing is computed.
  @Test func nothingIsThere() {
    let device = Device(threads: 2).counting()
    let (rows, columns) = (1 << 18, 1 << 16)
    let x = Tensor.zeros([rows, columns], on: device)
    let sum = x.adding(x, scaledBy: 1).linear(.zeros([columns, columns], on: device))
    #expect(sum.shape == [rows, columns])
    #expect((device.countedMemory[.activations] ?? 0) >= 3 * 4 * rows * columns)
  }

  @Test func freeBuffersAreNotInTheWayOnceTheyAreGivenBack() {
    for (releases, expected) in [(false, 4 * (1 << 20) + 4 * (1 << 21)), (true, 4 * (1 << 21))] {
      let device = Device(threads: 2).counting()
      _ = Tensor.zeros([1 << 10, 1 << 10], on: device)
      if releases { device.releaseFreeMemory() }
      _ = Tensor.zeros([1 << 10, 1 << 11], on: device)
      #expect(device.countedMemory[.activations] == expected)
    }
  }

  @Test func weightsAreCountedWithFewerRows() throws {
    let real = Device(threads: 1)
    let counting = real.counting()
    let counted = WeightMatrix.dense(Tensor.zeros([64, 256], on: real).constant).counted(on: counting, rows: 16)
    #expect(counted.shape == [16, 256])
    _ = counted.packedTransposed(on: counting)
    #expect(counting.countedReleasedBytes == 4 * 16 * 256)
  }

  @Test func whatProductsMakeOfWeightsIsNotLeftToTheRealDevice() throws {
    let real = Device(threads: 1)
    let weight = Tensor.zeros([64, 256], on: real).constant
    let counting = real.counting()
    let counted = WeightMatrix.dense(weight).counted(on: counting)
    _ = counted.packedTransposed(on: counting)
    #expect(counting.countedReleasedBytes == 4 * 64 * 256)
    #expect(counting.countedMemory[.packedWeights] == 4 * RightFactor.packedCount(k: 256, n: 64))
    // packed anew, of the real values
    #expect(real.peakBytes == 4 * 64 * 256)
    _ = WeightMatrix.dense(weight).packedTransposed(on: real)
    #expect(real.peakBytes > 4 * 64 * 256)
  }
}
