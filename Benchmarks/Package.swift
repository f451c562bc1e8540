// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let program: [Target.Dependency] = [
  "ProgramSupport",
  .product(name: "Limbeck", package: "limbeck"),
  .product(name: "ArgumentParser", package: "swift-argument-parser"),
]

let package = Package(
  name: "limbeck-benchmarks",
  dependencies: [
    // named, because a package by path is otherwise called like its folder, whatever the clone is called
    .package(name: "limbeck", path: ".."),
    // without traits: its interposers of malloc and of the Swift runtime would slow what is measured
    .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .executableTarget(
      name: "KernelBenchmarks",
      dependencies: [
        .product(name: "Limbeck", package: "limbeck"), .product(name: "TestSupport", package: "limbeck"),
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "KernelBenchmarks", swiftSettings: strict,
      plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
    // not beside KernelBenchmarks: the plugin takes every executable directly in Benchmarks/ for one of its own
    .executableTarget(
      name: "StepTimer", dependencies: program, path: "Programs/StepTimer",
      swiftSettings: strict + [.strictMemorySafety()]),
    .executableTarget(
      name: "GenerationTimer", dependencies: program, path: "Programs/GenerationTimer",
      swiftSettings: strict + [.strictMemorySafety()]),
    .executableTarget(
      name: "RandomInputs", dependencies: program, path: "Programs/RandomInputs",
      swiftSettings: strict + [.strictMemorySafety()]),
    .executableTarget(name: "RegisterRate", path: "Programs/RegisterRate"),
    .target(
      name: "ProgramSupport", dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Programs/ProgramSupport", swiftSettings: strict + [.strictMemorySafety()]),
  ]
)
