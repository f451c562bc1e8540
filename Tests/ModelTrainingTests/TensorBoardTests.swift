import Foundation
import TestSupport
import Testing

@testable import ModelTraining

@Suite struct TensorBoardTests {
  /// The scalars of a file of events, read here by their own reader, and where TensorBoard is told to forget some.
  private struct Events {
    var scalars: [(step: Int, tag: String, value: Float)] = []
    var restarts: [Int] = []

    init(_ data: Data) throws {
      var rest = Array(data)[...]
      while !rest.isEmpty {
        let length = rest.prefix(8).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        try read(Fields(rest.dropFirst(12).prefix(length)))
        rest = rest.dropFirst(12 + length + 4)
      }
    }

    private mutating func read(_ event: Fields) throws {
      let step = event.integers[2] ?? 0
      if event.messages[7] != nil { restarts.append(step) }
      for value in try event.messages[5].map({ try Fields($0[0]).messages[1] ?? [] }) ?? [] {
        let scalar = try Fields(value)
        let tag = String(decoding: try #require(scalar.messages[1]?.first), as: UTF8.self)
        scalars.append((step, tag, Float(bitPattern: UInt32(try #require(scalar.integers[2])))))
      }
    }
  }

  /// The fields of a protobuf message by number; fixed numbers as their bits.
  private struct Fields {
    var integers: [Int: Int] = [:]
    var messages: [Int: [ArraySlice<UInt8>]] = [:]

    init(_ bytes: ArraySlice<UInt8>) throws {
      var rest = bytes
      func varint() throws -> Int {
        var (value, shift) = (0, 0)
        while true {
          let next = rest.popFirst()
          let byte = try #require(next)
          value |= Int(byte & 0x7F) << shift
          if byte < 0x80 { return value }
          shift += 7
        }
      }
      while !rest.isEmpty {
        let key = try varint()
        switch key & 7 {
        case 0: integers[key >> 3] = try varint()
        case 2:
          let length = try varint()
          messages[key >> 3, default: []].append(rest.prefix(length))
          rest = rest.dropFirst(length)
        case let kind:
          let size = kind == 1 ? 8 : 4
          integers[key >> 3] = Int(
            truncatingIfNeeded: rest.prefix(size).enumerated().reduce(UInt64(0)) {
              $0 | UInt64($1.element) << (8 * UInt64($1.offset))
            })
          rest = rest.dropFirst(size)
        }
      }
    }
  }

  private func files(_ run: URL) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(atPath: run.path).filter { $0.hasPrefix("events.out.tfevents.") }
      .sorted().map { run.appendingPathComponent($0) }
  }

  private func run(_ folder: RunFolder, stopping stop: Int? = nil) throws {
    var recipe = Small.recipe(steps: 6)
    (recipe.evaluateEvery, recipe.checkpointEvery) = (3, 2)
    _ = try Trainer(
      model: Small.model(), objective: CrossEntropyObjective(), data: Small.text(),
      validation: Small.validation(100, seed: 6), recipe: recipe, folder: folder
    ).run { event in
      if case .step(let step) = event, step.number == stop { return .stop }
      return .continue
    }
  }

  /// Made by the EventFileWriter of pip's tensorboard: see the fixture's README.
  @Test func recordsAreThoseOfTensorBoard() throws {
    let events = [
      TensorBoardEvent(time: 1_700_000_000.25, step: 0, content: .fileVersion),
      TensorBoardEvent(time: 1_700_000_001, step: 300, content: .sessionStart),
      TensorBoardEvent(
        time: 1_700_000_002.5, step: 301,
        content: .scalars([("train/loss", 2.5), ("train/learning_rate", 1e-3), ("validation/perplexity", .nan)])),
    ]
    let expected = try Data(contentsOf: ModelFixture.root.appendingPathComponent("tensorboard.tfevents"))
    #expect(events.reduce(Data()) { $0 + $1.record } == expected)
  }

  @Test func aRunWritesTheNumbersOfItsMetrics() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try run(RunFolder(small: url, writesTensorBoard: true))
    let file = try #require(try files(url).first)
    let events = try Events(Data(contentsOf: file))
    let lines = try MetricsLine.lines(of: url.appendingPathComponent("metrics.jsonl"))
    #expect(events.restarts.isEmpty)
    for line in lines {
      let group = line.kind == .step ? "train" : "validation"
      #expect(events.scalars.contains { $0 == (line.step, "\(group)/loss", Float(line.loss)) })
      #expect(events.scalars.contains { $0 == (line.step, "\(group)/tokens", Float(line.tokens)) })
    }
    #expect(Set(events.scalars.map(\.tag)).isSuperset(of: ["train/learning_rate", "validation/perplexity"]))
    #expect(!events.scalars.contains { $0.tag.hasSuffix("/step") || $0.tag.hasSuffix("/seconds") })
  }

  @Test func aRunWithoutItHasNoSuchFile() throws {
    let folder = try TemporaryFolder()
    try run(RunFolder(small: folder.file("run")))
    #expect(try files(folder.file("run")).isEmpty)
  }

  @Test func aResumedRunTellsFromWhichStepOnItGoesOn() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try run(RunFolder(small: url, writesTensorBoard: true), stopping: 3)
    try run(RunFolder(small: url, resuming: true, writesTensorBoard: true))
    let files = try files(url)
    #expect(files.count == 2)
    let events = try Events(Data(contentsOf: files[1]))
    #expect(events.restarts == [4])
    #expect(Set(events.scalars.filter { $0.tag == "train/loss" }.map(\.step)) == [4, 5, 6])
  }

  @Test func aRunThatIsResumedWithItWritesItsBeginningToo() throws {
    let folder = try TemporaryFolder()
    let url = folder.file("run")
    try run(RunFolder(small: url), stopping: 3)
    try run(RunFolder(small: url, resuming: true, writesTensorBoard: true))
    let events = try Events(Data(contentsOf: try #require(try files(url).first)))
    #expect(events.scalars.filter { $0.tag == "train/loss" }.map(\.step) == [1, 2, 3, 4, 5, 6])
  }
}
