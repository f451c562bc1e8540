// swift-tools-version: 6.2
import PackageDescription

/// Every module: Swift 6 language mode (from the tools version), warnings are errors.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
/// Modules without unsafe code, which the compiler verifies.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]
/// Tests, whose own code need not be fast: optimised, it takes longer to compile than all modules.
let tests: [SwiftSetting] = strict + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

let package = Package(
  name: "limbeck",
  products: [
    .executable(name: "limbeck", targets: ["LimbeckCommand"]),
    .library(
      name: "Limbeck",
      targets: [
        "Limbeck", "Diagnostics", "DurableFiles", "GGUF", "TensorCore", "Tokenization", "LanguageModels", "ModelFiles",
        "ModelTraining", "Distillation", "ModelEvaluation", "DistillationReport", "TextGeneration",
      ]),
    // the list of cases that the micro-benchmarks share with the tests
    .library(name: "TestSupport", targets: ["TestSupport"]),
  ],
  traits: [.trait(name: "Server", description: "The HTTP server of `limbeck serve`; needs hummingbird.")],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // with the trait alone: hummingbird, and what of its own dependencies is used beside it
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CSentencePieceLibrary", pkgConfig: "sentencepiece", providers: [.apt(["libsentencepiece-dev"])]),
    .target(name: "CSentencePiece", dependencies: ["CSentencePieceLibrary"]),
    .target(name: "CUnicodeTables"),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKernels"),
    .target(name: "COpenBLAS"),
    .target(
      name: "TensorCore", dependencies: ["CKernels", "COpenBLAS", "Diagnostics", "DurableFiles"],
      swiftSettings: strict),
    .target(name: "Diagnostics", swiftSettings: safe),
    .target(name: "DurableFiles", dependencies: ["CLibCrypto"], swiftSettings: strict),
    .target(name: "GGUF", dependencies: ["Diagnostics", "DurableFiles"], swiftSettings: strict),
    .target(
      name: "Tokenization", dependencies: ["CSentencePiece", "CUnicodeTables", "Diagnostics", "DurableFiles", "GGUF"],
      swiftSettings: strict),
    .target(name: "LanguageModels", dependencies: ["TensorCore", "Diagnostics"], swiftSettings: safe),
    .target(
      name: "ModelFiles", dependencies: ["Diagnostics", "DurableFiles", "GGUF", "TensorCore", "LanguageModels"],
      swiftSettings: strict),
    .target(
      name: "ModelTraining",
      dependencies: [
        "Diagnostics", "DurableFiles", "TensorCore", "Tokenization", "LanguageModels", "ModelFiles", "ModelEvaluation",
      ],
      swiftSettings: safe),
    .target(
      name: "TextGeneration",
      dependencies: ["Diagnostics", "DurableFiles", "TensorCore", "Tokenization", "LanguageModels"],
      swiftSettings: safe),
    .target(
      name: "ModelEvaluation",
      dependencies: ["Diagnostics", "DurableFiles", "TensorCore", "Tokenization", "LanguageModels", "TextGeneration"],
      swiftSettings: safe),
    .target(
      name: "Distillation",
      dependencies: [
        "Diagnostics", "DurableFiles", "TensorCore", "Tokenization", "LanguageModels", "ModelFiles", "ModelEvaluation",
        "ModelTraining", "TextGeneration",
      ],
      swiftSettings: safe),
    .target(
      name: "DistillationReport",
      dependencies: [
        "TensorCore", "Tokenization", "LanguageModels", "ModelTraining", "Distillation", "ModelEvaluation",
      ],
      swiftSettings: safe),
    .target(
      name: "Limbeck",
      dependencies: [
        "Diagnostics", "DurableFiles", "GGUF", "TensorCore", "Tokenization", "LanguageModels", "ModelFiles",
        "ModelTraining", "Distillation", "ModelEvaluation", "DistillationReport", "TextGeneration",
      ],
      swiftSettings: safe),
    .target(
      name: "Serving",
      dependencies: [
        "Diagnostics", "DurableFiles", "TensorCore", "TextGeneration", "Tokenization",
        .product(name: "Hummingbird", package: "hummingbird", condition: .when(traits: ["Server"])),
        .product(name: "HTTPTypes", package: "swift-http-types", condition: .when(traits: ["Server"])),
        .product(name: "Logging", package: "swift-log", condition: .when(traits: ["Server"])),
        .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Server"])),
        .product(
          name: "ServiceLifecycle", package: "swift-service-lifecycle", condition: .when(traits: ["Server"])),
      ],
      swiftSettings: safe),
    .executableTarget(
      name: "LimbeckCommand",
      dependencies: [
        "Limbeck", "Serving", "Diagnostics", "DurableFiles", "GGUF", "TensorCore", "Tokenization", "LanguageModels",
        "ModelFiles", "ModelTraining", "Distillation", "ModelEvaluation", "DistillationReport", "TextGeneration",
        "Yams",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: safe),
    .target(
      name: "TestSupport",
      dependencies: ["DurableFiles", "GGUF", "TensorCore", "LanguageModels", "ModelFiles", "Tokenization"],
      path: "Tests/TestSupport", swiftSettings: strict),
    .testTarget(name: "DiagnosticsTests", dependencies: ["Diagnostics"], swiftSettings: tests),
    .testTarget(name: "GGUFTests", dependencies: ["GGUF", "DurableFiles", "TestSupport"], swiftSettings: tests),
    .testTarget(name: "DurableFilesTests", dependencies: ["DurableFiles", "TestSupport"], swiftSettings: tests),
    .testTarget(
      name: "TensorCoreTests", dependencies: ["TensorCore", "CKernels", "Diagnostics", "DurableFiles", "TestSupport"],
      swiftSettings: tests),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "Diagnostics", "DurableFiles", "GGUF", "TestSupport"],
      swiftSettings: tests),
    .testTarget(
      name: "LanguageModelsTests",
      dependencies: ["DurableFiles", "LanguageModels", "ModelFiles", "TensorCore", "TestSupport"],
      swiftSettings: tests),
    .testTarget(
      name: "ModelFilesTests", dependencies: ["GGUF", "ModelFiles", "LanguageModels", "TensorCore", "TestSupport"],
      swiftSettings: tests),
    .testTarget(
      name: "ModelTrainingTests",
      dependencies: [
        "Diagnostics", "DurableFiles", "ModelTraining", "ModelEvaluation", "LanguageModels", "ModelFiles",
        "Tokenization", "TensorCore", "TestSupport",
      ],
      swiftSettings: tests),
    .testTarget(
      name: "DistillationTests",
      dependencies: [
        "Diagnostics", "DurableFiles", "Distillation", "ModelTraining", "ModelEvaluation", "TextGeneration",
        "LanguageModels", "ModelFiles", "Tokenization", "TensorCore", "TestSupport",
      ],
      swiftSettings: tests),
    .testTarget(
      name: "ModelEvaluationTests",
      dependencies: [
        "Diagnostics", "DurableFiles", "ModelEvaluation", "LanguageModels", "ModelFiles", "Tokenization", "TensorCore",
        "TestSupport", "TextGeneration",
      ],
      swiftSettings: tests),
    .testTarget(
      name: "DistillationReportTests",
      dependencies: [
        "DistillationReport", "ModelEvaluation", "ModelTraining", "LanguageModels", "ModelFiles", "Tokenization",
        "TensorCore", "TestSupport",
      ],
      swiftSettings: tests),
    .testTarget(
      name: "TextGenerationTests",
      dependencies: [
        "Diagnostics", "TextGeneration", "LanguageModels", "ModelFiles", "Tokenization", "TensorCore", "TestSupport",
      ],
      swiftSettings: tests),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Serving", "DurableFiles", "LanguageModels", "TensorCore", "TestSupport", "TextGeneration", "Tokenization",
      ],
      swiftSettings: tests),
    .testTarget(name: "LimbeckTests", dependencies: ["Limbeck", "TestSupport"], swiftSettings: tests),
    .testTarget(
      name: "LimbeckCommandTests",
      dependencies: [
        "LimbeckCommand", "GGUF", "LanguageModels", "Limbeck", "ModelFiles", "TensorCore", "TestSupport",
        "Tokenization",
      ],
      swiftSettings: tests),
  ],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
