import Foundation
import ModelFiles
import Testing

/// A folder with a text, a tokenizer, configurations and a small trained model, made once for all tests by the command
/// itself. Every test works in a folder of its own below.
struct Workspace: Sendable {
  /// The workspace of the running test.
  @TaskLocal static var current: Workspace?

  static let vocabularySize = 300

  let root: URL
  var text: String { path("text.txt") }
  var heldOut: String { path("held-out.txt") }
  var tokenizer: String { path("tokenizer.model") }
  /// A decoder with a context of 64 tokens.
  var largeConfiguration: String { path("large.json") }
  var smallConfiguration: String { path("small.json") }
  var teacher: String { path("teacher") }

  func path(_ name: String) -> String { root.appendingPathComponent(name).path }

  init() throws {
    root = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-command-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    try Self.story(sentences: 600, seed: 1).write(to: URL(fileURLWithPath: text), atomically: false, encoding: .utf8)
    try Self.story(sentences: 60, seed: 2).write(to: URL(fileURLWithPath: heldOut), atomically: false, encoding: .utf8)
    try Self.configuration(hiddenSize: 32).write(toFile: largeConfiguration, atomically: false, encoding: .utf8)
    try Self.configuration(hiddenSize: 16).write(toFile: smallConfiguration, atomically: false, encoding: .utf8)
    let made = [
      try Command.run(
        "tokenizer", "train", "--text", text, "--output", tokenizer, "--vocabulary-size", "\(Self.vocabularySize)"),
      try Command.run(
        "train", "--model", largeConfiguration, "--tokenizer", tokenizer, "--text", text, "--output", teacher,
        "--steps", "30", "--batch-size", "8", "--sequence-length", "16", "--learning-rate", "1e-2"),
    ]
    for outcome in made { try #require(outcome.code == 0, "\(outcome.errors)") }
  }

  func remove() { try? FileManager.default.removeItem(at: root) }

  /// A config.json.
  static func configuration(
    hiddenSize: Int, vocabularySize: Int = vocabularySize, changing changes: [String: String] = [:]
  ) -> String {
    var values = [
      "model_type": "\"llama\"", "vocab_size": "\(vocabularySize)", "hidden_size": "\(hiddenSize)",
      "intermediate_size": "\(2 * hiddenSize)", "num_hidden_layers": "1", "num_attention_heads": "2",
      "num_key_value_heads": "1", "max_position_embeddings": "64", "tie_word_embeddings": "true",
    ]
    values.merge(changes) { $1 }
    return "{" + values.map { "\"\($0)\": \($1)" }.sorted().joined(separator: ", ") + "}"
  }

  /// Text with something to learn in it.
  private static func story(sentences: Int, seed: UInt64) -> String {
    var state = seed
    func pick(_ words: [String]) -> String {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return words[Int((state >> 33) % UInt64(words.count))]
    }
    return (0..<sentences).map { _ in
      "The \(pick(["old", "young", "grey", "quiet"])) \(pick(["fox", "queen", "sailor", "owl"])) "
        + "\(pick(["found", "lost", "carried", "sang of"])) a \(pick(["lamp", "map", "boat", "crown"])) "
        + "\(pick(["by the river", "at night", "in the wood", "before dawn"])).\n"
    }.joined()
  }
}

/// What a call of the command came to.
struct Outcome {
  let code: Int32
  let output: String
  let errors: String
}

/// The executable that was built beside these tests.
struct Command {
  private let process = Process()
  private let folder: URL

  private static var executable: URL {
    get throws {
      let tests = try #require(Bundle.main.executableURL)
      return tests.deletingLastPathComponent().appendingPathComponent("limbeck")
    }
  }

  /// Calls `limbeck` and waits for its end.
  static func run(
    _ arguments: String..., in folder: String? = nil, input: Data = Data(), environment: [String: String] = [:]
  ) throws -> Outcome {
    try run(arguments, in: folder, input: input, environment: environment)
  }

  static func run(
    _ arguments: [String], in folder: String? = nil, input: Data = Data(), environment: [String: String] = [:]
  ) throws -> Outcome {
    try Command(arguments, in: folder, input: input, environment: environment).outcome()
  }

  /// Calls a shell script in which `$limbeck` is the executable.
  static func shell(_ script: String, in folder: String? = nil) throws -> Outcome {
    try Command(
      ["-c", script], of: URL(fileURLWithPath: "/bin/bash"), in: folder,
      environment: ["limbeck": executable.path]
    ).outcome()
  }

  /// Starts a call.
  init(
    _ arguments: [String], of program: URL? = nil, in directory: String? = nil, input: Data = Data(),
    environment: [String: String] = [:]
  ) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-call-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // Files, unlike pipes, never fill up.
    for (name, content) in [("input", input), ("output", Data()), ("errors", Data())] {
      try content.write(to: folder.appendingPathComponent(name))
    }
    process.executableURL = try program ?? Self.executable
    process.arguments = arguments
    // Never the user's own cache.
    let cache = ["LIMBECK_CACHE": directory.map { "\($0)/tokens" } ?? folder.appendingPathComponent("tokens").path]
    process.environment = ProcessInfo.processInfo.environment.merging(cache) { $1 }.merging(environment) { $1 }
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory, isDirectory: true) }
    process.standardInput = try FileHandle(forReadingFrom: folder.appendingPathComponent("input"))
    process.standardOutput = try FileHandle(forWritingTo: folder.appendingPathComponent("output"))
    process.standardError = try FileHandle(forWritingTo: folder.appendingPathComponent("errors"))
    try process.run()
  }

  /// Waits for the end.
  func outcome() throws -> Outcome {
    process.waitUntilExit()
    defer { try? FileManager.default.removeItem(at: folder) }
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
    }
    return Outcome(code: process.terminationStatus, output: try text("output"), errors: try text("errors"))
  }

  /// Sends a signal as soon as `path` exists.
  func send(_ signal: Int32, when path: String) throws {
    try send(signal) { FileManager.default.fileExists(atPath: path) }
  }

  /// Sends a signal as soon as standard error contains `text`.
  func send(_ signal: Int32, whenErrorsContain text: String) throws {
    let file = folder.appendingPathComponent("errors")
    try send(signal) { String(decoding: (try? Data(contentsOf: file)) ?? Data(), as: UTF8.self).contains(text) }
  }

  /// Sends a signal as soon as it is due.
  func send(_ signal: Int32, when isDue: () -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while !isDue() {
      try #require(process.isRunning && .now < deadline, "what was waited for did not happen")
      usleep(2_000)
    }
    kill(process.processIdentifier, signal)
  }
}

/// Makes the workspace before the first test of a suite, and removes it after the last.
struct WorkspaceTrait: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let workspace = try Workspace()
    defer { workspace.remove() }
    try await Workspace.$current.withValue(workspace) { try await function() }
  }
}

/// All tests that call the command.
@Suite(WorkspaceTrait()) struct CommandTests {}

/// The workspace and a new folder in it.
struct Desk {
  let workspace: Workspace
  let folder: String

  init() throws {
    workspace = try #require(Workspace.current)
    folder = workspace.path("desk-\(UUID().uuidString)")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func write(_ text: String, to name: String) throws -> String {
    try write(Data(text.utf8), to: name)
  }

  func write(_ data: Data, to name: String) throws -> String {
    try data.write(to: URL(fileURLWithPath: path(name)))
    return path(name)
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

  func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  /// A trained teacher of several layers in `name`.
  func makeTeacher(_ name: String, layers: Int, tokenizer: String? = nil) throws {
    let sizes = ["num_hidden_layers": "\(layers)", "num_attention_heads": "4", "num_key_value_heads": "2"]
    let file = try write(Workspace.configuration(hiddenSize: 32, changing: sizes), to: "\(name).json")
    let made = try Command.run(
      "train", "--model", file, "--tokenizer", tokenizer ?? workspace.tokenizer, "--text", workspace.text, "--output",
      name, "--steps", "30", "--batch-size", "8", "--sequence-length", "16", "--learning-rate", "1e-2", in: folder)
    try #require(made.code == 0, "\(made.errors)")
  }

  /// A copy of the teacher's folder.
  func copyOfTeacher(_ name: String) throws -> String {
    try FileManager.default.copyItem(atPath: workspace.teacher, toPath: path(name))
    return path(name)
  }

  /// Short training into `output`.
  func train(_ output: String, _ flags: String...) throws -> Outcome { try train(output, flags) }

  func train(_ output: String, _ flags: [String]) throws -> Outcome {
    try Command.run(
      [
        "train", "--model", workspace.smallConfiguration, "--tokenizer", workspace.tokenizer, "--text", workspace.text,
        "--output", output, "--steps", "4", "--batch-size", "4", "--sequence-length", "16",
      ] + flags, in: folder)
  }
}
