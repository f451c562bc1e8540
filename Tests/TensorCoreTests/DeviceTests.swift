import Diagnostics
import Testing

@testable import TensorCore

/// What a device says of its backend, and the backends of each other.
@Suite struct DeviceTests {
  @Test func everyMachineHasOpenBLASAndTheReference() {
    let available = MatrixBackendKind.available
    #expect(available.contains(.openblas) && available.contains(.reference) && available.contains(.best))
    #expect(available.allSatisfy { $0.unavailability == nil })
  }

  @Test func theDefaultIsTheBest() {
    #expect(Device(threads: 1).backendKind == .best)
    #expect(Device.shared.backendKind == .best)
  }

  @Test(arguments: MatrixBackendKind.allCases) func aDeviceHasTheBackendThatWasChosen(kind: MatrixBackendKind) throws {
    guard MatrixBackendKind.available.contains(kind) else {
      #expect(throws: MatrixBackendError.self) { try Device(threads: 2, backend: kind) }
      #expect("\(try #require(kind.unavailability))".contains("openblas, "))
      return
    }
    let device = try Device(threads: 3, backend: kind)
    #expect(device.backendKind == kind && device.threads == 3)
    #expect(device.workerDevices.count == 3 && device.workerDevices.allSatisfy { $0.backendKind == kind })
    #expect(try device.kernelName == kind.kernel())
  }

  @Test func whatIsMissingIsSaid() {
    let library = MatrixBackendError.missingOpenBLAS(reason: "no such file")
    #expect(
      library.invalidValue
        == InvalidValue(
          "backend", expected: "a library that can be loaded", found: "openblas, which cannot: no such file",
          advice: "install it: apt-get install libopenblas0"))
    #expect("\(library)" == "\(library.invalidValue)")
  }
}
