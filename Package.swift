// swift-tools-version: 6.2
import PackageDescription

/// Every room: Swift 6 language mode (from the tools version), warnings are errors.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]
/// Rooms without unsafe code, which the compiler verifies.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
  name: "limbeck",
  products: [
    .executable(name: "limbeck", targets: ["LimbeckCommand"]),
    .library(
      name: "Limbeck",
      targets: [
        "TensorCore", "Tokenization", "Checkpoints", "LanguageModels", "ModelTraining", "Distillation",
        "ModelEvaluation", "TextGeneration",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CSentencePieceLibrary", pkgConfig: "sentencepiece", providers: [.apt(["libsentencepiece-dev"])]),
    .target(name: "CSentencePiece", dependencies: ["CSentencePieceLibrary"]),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKernels"),
    .target(name: "TensorCore", dependencies: ["CKernels"], swiftSettings: strict),
    .target(
      name: "Checkpoints", dependencies: ["TensorCore", "CLibCrypto"],
      swiftSettings: strict),
    .target(
      name: "Tokenization",
      dependencies: ["CSentencePiece", "Checkpoints"],
      swiftSettings: strict),
    .target(name: "LanguageModels", dependencies: ["TensorCore", "Checkpoints"], swiftSettings: safe),
    .target(
      name: "ModelTraining", dependencies: ["TensorCore", "Checkpoints", "Tokenization", "LanguageModels"],
      swiftSettings: safe),
    .target(
      name: "Distillation",
      dependencies: [
        "TensorCore", "Checkpoints", "Tokenization", "LanguageModels", "ModelTraining", "TextGeneration",
      ],
      swiftSettings: safe),
    .target(
      name: "ModelEvaluation",
      dependencies: ["TensorCore", "Checkpoints", "Tokenization", "LanguageModels", "ModelTraining", "Distillation"],
      swiftSettings: safe),
    .target(
      name: "TextGeneration", dependencies: ["TensorCore", "Checkpoints", "Tokenization", "LanguageModels"],
      swiftSettings: safe),
    .executableTarget(
      name: "LimbeckCommand",
      dependencies: [
        "TensorCore", "Tokenization", "Checkpoints", "LanguageModels", "ModelTraining", "Distillation",
        "ModelEvaluation", "TextGeneration", "Yams",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: safe),
    .target(
      name: "TestSupport", dependencies: ["TensorCore", "Checkpoints", "LanguageModels"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(
      name: "TensorCoreTests", dependencies: ["TensorCore", "CKernels", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "TensorCore", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "TokenizationTests", dependencies: ["Tokenization", "Checkpoints", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "LanguageModelsTests", dependencies: ["LanguageModels", "Checkpoints", "TensorCore", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ModelTrainingTests",
      dependencies: ["ModelTraining", "LanguageModels", "Tokenization", "Checkpoints", "TensorCore", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "DistillationTests",
      dependencies: [
        "Distillation", "ModelTraining", "TextGeneration", "LanguageModels", "Tokenization", "Checkpoints",
        "TensorCore", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ModelEvaluationTests",
      dependencies: [
        "ModelEvaluation", "ModelTraining", "LanguageModels", "Tokenization", "Checkpoints", "TensorCore",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TextGenerationTests",
      dependencies: ["TextGeneration", "LanguageModels", "Tokenization", "Checkpoints", "TensorCore", "TestSupport"],
      swiftSettings: strict),
    .testTarget(name: "LimbeckCommandTests", dependencies: ["LimbeckCommand", "TestSupport"], swiftSettings: strict),
  ],
  cLanguageStandard: .c17,
  cxxLanguageStandard: .cxx17
)
