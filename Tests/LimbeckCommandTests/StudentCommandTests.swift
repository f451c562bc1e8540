import Foundation
import Testing

extension CommandTests {
  @Suite struct Students {
    /// A trained teacher of three layers, with four heads of which two share keys and values.
    private func teacher(_ desk: Desk) throws -> String {
      let sizes = ["num_hidden_layers": "3", "num_attention_heads": "4", "num_key_value_heads": "2"]
      let file = try desk.write(Workspace.configuration(hiddenSize: 32, changing: sizes), to: "deep.json")
      let outcome = try Command.run(
        "train", "--model", file, "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text,
        "--output", desk.path("deep"), "--steps", "30", "--batch-size", "8", "--sequence-length", "16",
        "--learning-rate", "1e-2")
      try #require(outcome.code == 0, "\(outcome.errors)")
      return desk.path("deep")
    }

    private func nats(_ folder: String) throws -> Double {
      let text = try Desk().workspace.heldOut
      let outcome = try Command.run("perplexity", "--model", folder, "--text", text, "--window", "32", "--json")
      let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double]
      return try #require(object?["nats_per_token"])
    }

    @Test func allOfATeacherIsTheTeacher() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let outcome = try Command.run(
        "student", "--from", workspace.teacher, "--every", "1", "--hidden-size", "32", "--calibration-text",
        workspace.heldOut, "--output", desk.path("new/copy"))
      #expect(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.hasPrefix("wrote \(desk.path("new/copy")): ") && outcome.errors.hasSuffix(" parameters\n"))
      #expect(outcome.output.contains("hidden size") && outcome.output.contains("32 of 32"))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: desk.path("new/copy")).sorted()
          == [
            "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer.model",
            "tokenizer_config.json",
          ])
      #expect(try nats(desk.path("new/copy")) == nats(workspace.teacher))
      let weights = try Data(contentsOf: URL(fileURLWithPath: "\(workspace.teacher)/model.safetensors"))
      #expect(try desk.data("new/copy/model.safetensors") == weights)
    }

    /// Cut in depth and width, then distilled: better from the start than random weights, and for all its training.
    @Test func aStudentIsDistilledFromWhatWasCut() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let teacher = try teacher(desk)
      let cut = try Command.run(
        "student", "--from", teacher, "--layers", "0,2", "--hidden-size", "24", "--feed-forward-size", "40", "--heads",
        "2", "--calibration-text", workspace.text, "--calibration-tokens", "2048", "--output", desk.path("cut"))
      try #require(cut.code == 0, "\(cut.errors)")
      for fact in ["0, 2 of 0 to 2", "24 of 32", "40 of 64", "2 of 4", "2 of 2"] {
        #expect(cut.output.contains(fact), "\(cut.output)")
      }
      let inspected = try Command.run("inspect", desk.path("cut"), "--json").output
      for size in ["\"layers\":2", "\"hidden_size\":24", "\"heads\":2", "\"key_value_heads\":2", "\"head_size\":8"] {
        #expect(inspected.contains(size), "\(inspected)")
      }
      func distill(_ student: String, _ output: String) throws -> [Double] {
        let outcome = try Command.run(
          "distill", "--teacher", teacher, "--student", student, "--text", workspace.text, "--output",
          desk.path(output), "--steps", "15", "--batch-size", "8", "--sequence-length", "16", "--learning-rate", "5e-3")
        try #require(outcome.code == 0, "\(outcome.errors)")
        return try desk.text("\(output)/metrics.jsonl").split(separator: "\n").compactMap {
          (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["loss"] as? Double
        }
      }
      let fromCut = try distill(desk.path("cut"), "from-cut")
      let fresh = try distill(desk.path("cut/config.json"), "fresh")
      #expect(fromCut.count >= 15 && fromCut.count == fresh.count)
      #expect(try #require(fromCut.first) < fresh[0] && #require(fromCut.last) < fresh[fresh.count - 1])
      #expect(try nats(desk.path("from-cut")) < nats(desk.path("cut")))
    }

    /// Layers and neurons are cut, channels projected: closer to the teacher than as many channels that were chosen.
    @Test func channelsAreProjected() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      func student(_ method: String) throws -> Double {
        let outcome = try Command.run(
          "student", "--from", workspace.teacher, "--hidden-size", "24", "--feed-forward-size", "60",
          "--method", method, "--calibration-text", workspace.text, "--calibration-tokens", "2048", "--output",
          desk.path(method))
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("24 of 32"), "\(outcome.output)")
        let inspected = try Command.run("inspect", desk.path(method), "--json").output
        #expect(inspected.contains("\"hidden_size\":24"), "\(inspected)")
        return try nats(desk.path(method))
      }
      #expect(try student("pca") < student("importance"))
    }

    @Test(arguments: [
      (["--count", "1"], "method: expected --hidden-size beside it, found none"),
      (["--parameters", "20K", "--calibration-text", "x"], "method: expected --hidden-size beside it, found none"),
    ])
    func aMethodWithoutAHiddenSize(flags: [String], description: String) throws {
      let desk = try Desk()
      let outcome = try Command.run(
        ["student", "--from", desk.workspace.teacher, "--output", desk.path("cut"), "--method", "pca"] + flags)
      #expect(outcome.code == 64 && !desk.exists("cut"))
      #expect(outcome.errors.contains(description), "\(outcome.errors)")
    }

    @Test(arguments: [
      (
        ["--layers", "0,1"], "layers: expected layers from 0 to the teacher's last, 0, ascending, each once, found 0,1"
      ),
      (["--count", "2"], "count: expected from 1 to the teacher's 1 layer, found 2"),
      (["--hidden-size", "33"], "hidden-size: expected from 1 to the teacher's 32, found 33"),
      (["--heads", "3"], "heads: expected from 1 to the teacher's 2, found 3"),
      (["--heads", "0"], "heads: expected from 1 to the teacher's 2, found 0"),
      (["--heads", "1", "--key-value-heads", "2"], "key-value-heads: expected from 1 to the teacher's 1, found 2"),
    ])
    func whatTheTeacherDoesNotHaveIsAnError(flags: [String], description: String) throws {
      let desk = try Desk()
      let needsText = flags[0] != "--layers" && flags[0] != "--count"
      let outcome = try Command.run(
        ["student", "--from", desk.workspace.teacher, "--output", desk.path("cut")] + flags
          + (needsText ? ["--calibration-text", "/nowhere"] : []))
      #expect(outcome.code == 1 && outcome.output.isEmpty)
      #expect(outcome.errors == "error: --\(description)\n")
      #expect(!desk.exists("cut"))
    }

    @Test func nothingIsOverwritten() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "student", "--from", desk.workspace.teacher, "--count", "1", "--output", desk.folder)
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("\(desk.folder): exists already"))
    }

    @Test func calibrationTextThatIsNotThere() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "student", "--from", desk.workspace.teacher, "--hidden-size", "16", "--output", desk.path("cut"),
        "--calibration-text", desk.path("none.txt"))
      #expect(outcome.code == 1 && !desk.exists("cut"))
      #expect(outcome.errors.contains(desk.path("none.txt")))
    }
  }
}
