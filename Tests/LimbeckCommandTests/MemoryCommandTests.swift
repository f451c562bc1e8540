import Foundation
import ModelTraining
import Testing

@testable import LimbeckCommand

extension CommandTests {
  /// `--plan`, `--memory-limit` and `--recompute`.
  @Suite struct Memory {
    private let desk: Desk

    init() throws { desk = try Desk() }

    /// A model that takes more than the program itself.
    private func configuration(layers: Int = 6) throws -> String {
      try Workspace.configuration(hiddenSize: 256, changing: ["num_hidden_layers": "\(layers)"])
        .write(toFile: "\(desk.folder)/model.json", atomically: false, encoding: .utf8)
      return "model.json"
    }

    private func train(_ output: String, _ flags: [String]) throws -> Outcome {
      try Command.run(
        [
          "train", "--model", try configuration(), "--tokenizer", desk.workspace.tokenizer, "--text",
          desk.workspace.text, "--output", output, "--steps", "2", "--batch-size", "16", "--sequence-length", "64",
        ] + flags, in: desk.folder)
    }

    /// In MiB.
    private func sum(_ plan: Outcome) throws -> Double {
      #expect(plan.code == 0, "\(plan.errors)")
      let line = try #require(plan.output.split(separator: "\n").first { $0.hasPrefix("together ") })
      #expect(line.hasSuffix(" MiB"))
      return try #require(line.split(separator: " ").dropFirst().first.flatMap { Double($0) })
    }

    private func held(_ output: String) throws -> Double {
      let run = try #require(try RunManifest(ofRun: URL(fileURLWithPath: "\(desk.folder)/\(output)")))
      return Double(try #require(run.result?.peakMemoryBytes)) / 0x1p20
    }

    @Test func aRunHoldsWhatWasPlannedAndRecomputingHoldsLessOfTheSameBits() throws {
      var sums: [Double] = []
      for (output, flags) in [("kept", []), ("recomputed", ["--recompute"])] {
        let arguments = ["--validation-text", desk.workspace.heldOut] + flags
        let plan = try sum(train(output, arguments + ["--plan"]))
        #expect(!FileManager.default.fileExists(atPath: "\(desk.folder)/\(output)"))
        let run = try train(output, arguments)
        try #require(run.code == 0, "\(run.errors)")
        let held = try held(output)
        #expect(abs(plan / held - 1) < 0.05, "\(output): planned \(plan) MiB, held \(held)")
        sums.append(plan)
      }
      #expect(sums[1] < sums[0] - 10)
      let weights = try ["kept", "recomputed"].map {
        try Data(contentsOf: URL(fileURLWithPath: "\(desk.folder)/\($0)/model.safetensors"))
      }
      #expect(weights[0] == weights[1])
    }

    @Test func aTeacherIsPlannedWithItsFile() throws {
      let plan = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--text",
        desk.workspace.text, "--output", "run", "--steps", "2", "--sequence-length", "16", "--plan", in: desk.folder)
      #expect(try sum(plan) > 1)
      for part in ["weights", "gradients", "moments of AdamW", "activations", "output head", "file of the teacher"] {
        #expect(plan.output.contains("\n\(part)") || plan.output.hasPrefix(part), "\(part): \(plan.output)")
      }
    }

    @Test func aCacheThatARunMakesIsPlanned() throws {
      let arguments = [
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--text",
        desk.workspace.text, "--output", "cached", "--epochs", "2", "--batch-size", "4", "--sequence-length", "32",
        "--cache-while-distilling", "--cache-method", "dense16", "--threads", "1",
      ]
      let plan = try Command.run(arguments + ["--plan"], in: desk.folder)
      #expect(plan.output.contains("\na file of the cache, while it is made"), "\(plan.output)")
      let run = try Command.run(arguments, in: desk.folder)
      try #require(run.code == 0, "\(run.errors)")
      let (planned, held) = (try sum(plan), try held("cached"))
      #expect(abs(planned / held - 1) < 0.05, "planned \(planned) MiB, held \(held)")
    }

    @Test func theTeacherWhoseHeadGoesWithACacheIsPlanned() throws {
      let made = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--sequence-length", "32",
        "--method", "hidden", "--output", "cache", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let arguments = [
        "distill", "--teacher-cache", "cache", "--teacher", desk.workspace.teacher, "--student",
        desk.workspace.smallConfiguration, "--text", desk.workspace.text, "--output", "run", "--steps", "2",
        "--batch-size", "4", "--threads", "1", "--sequence-length", "32",
      ]
      let plan = try Command.run(arguments + ["--plan"], in: desk.folder)
      #expect(plan.output.contains("\nfile of the teacher, mapped"), "\(plan.output)")
      let run = try Command.run(arguments, in: desk.folder)
      try #require(run.code == 0, "\(run.errors)")
      let (planned, held) = (try sum(plan), try held("run"))
      #expect(abs(planned / held - 1) < 0.05, "planned \(planned) MiB, held \(held)")
    }

    @Test func aPlanIsOneObject() throws {
      let plan = try train("run", ["--plan", "--json"])
      let object = try #require(try JSONSerialization.jsonObject(with: Data(plan.output.utf8)) as? [String: Any])
      #expect(object["unmapped_bytes"] is Int && object["parts"] is [[String: Any]], "\(plan.output)")
      let alone = try train("run", ["--json"])
      #expect(alone.code != 0 && alone.errors.contains("json: expected --plan beside it"), "\(alone.errors)")
    }

    @Test func whatDoesNotFitIsRefusedWithWhatWould() throws {
      let whole = try sum(train("run", ["--plan"]))
      let recomputed = try sum(train("run", ["--plan", "--recompute"]))
      let refused = try train("run", ["--memory-limit", "\(Int((whole + recomputed) / 2))MiB"])
      #expect(refused.code == 1 && refused.errors.contains("memory: expected at most "), "\(refused.errors)")
      #expect(refused.errors.contains("--recompute: ") && refused.errors.contains("--micro-batch-size "))
      #expect(!FileManager.default.fileExists(atPath: "\(desk.folder)/run"))

      let hopeless = try train("run", ["--memory-limit", "20MB"])
      #expect(hopeless.code == 1 && hopeless.errors.contains("the least is --recompute --micro-batch-size 1: "))
      #expect(hopeless.errors.contains("limbeck vocabulary"), "\(hopeless.errors)")
      // the plan is shown, and then refused, too
      let planned = try train("run", ["--memory-limit", "20MB", "--plan"])
      #expect(planned.code == 1 && planned.output.contains("together ") && planned.errors.contains("memory: "))
    }

    @Test(arguments: ["0", "-1", "3 apples", "12XB", "1e3", "", "99999999999G"])
    func limitsThatAreNoSizesAreRefused(_ limit: String) throws {
      let outcome = try train("run", ["--memory-limit=\(limit)"])
      #expect(outcome.code != 0 && outcome.errors.contains("memory-limit"), "\(outcome.errors)")
    }

    @Test func aModelIsPlannedByInspect() throws {
      let name = try configuration()
      let plan = try Command.run(
        "inspect", name, "--plan", "--batch-size", "16", "--sequence-length", "64", in: desk.folder)
      #expect(try sum(plan) > 10)
      let less = try Command.run(
        "inspect", name, "--plan", "--batch-size", "16", "--sequence-length", "64", "--recompute", in: desk.folder)
      #expect(try sum(less) < sum(plan))
      let report = try Command.run("inspect", name, "--plan", "--sequence-length", "64", "--json", in: desk.folder)
      #expect(report.output.contains("\"unmapped_bytes\"") && report.output.contains("\"gradients\""))
      let without = try Command.run("inspect", name, "--batch-size", "16", in: desk.folder)
      #expect(without.code != 0 && without.errors.contains("without --plan"), "\(without.errors)")
      let beyond = try Command.run("inspect", name, "--plan", "--sequence-length", "65", in: desk.folder)
      #expect(beyond.code == 1 && beyond.errors.contains("65"), "\(beyond.errors)")
    }

    @Test(arguments: [
      ("800MB", 800_000_000), ("4GiB", 4 << 30), ("1.5k", 1_500), ("12", 12), ("2 ti", 2 << 40), ("7 B", 7),
    ])
    func sizesAreRead(_ text: String, bytes: Int) {
      #expect(ByteCount(argument: text)?.bytes == bytes)
    }
  }
}
