import Foundation
import TensorCore
import Testing

extension CommandTests {
  @Suite struct EndToEnd {
    @Test func textBecomesAStudentThatIsMeasuredAndSpeaks() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let distilled = try Command.run(
        "distill", "--teacher", workspace.teacher, "--student", workspace.smallConfiguration,
        "--text", workspace.text, "--validation-text", workspace.heldOut, "--output", "student", "--steps", "20",
        "--batch-size", "8", "--sequence-length", "16", "--learning-rate", "1e-2", "--divergence", "jensen-shannon:0.3",
        "--temperature", "1.5", "--hard-label-weight", "0.25", "--threads", "2", in: desk.folder)
      try #require(distilled.code == 0, "\(distilled.errors)")
      #expect(distilled.output.isEmpty)
      for name in ["config.json", "model.safetensors", "tokenizer.model", "recipe.yaml", "metrics.jsonl", "run.json"] {
        #expect(desk.exists("student/\(name)"))
      }
      #expect(try desk.text("student/recipe.yaml").contains("divergence: jensen-shannon:0.3\n"))

      let measured = try Command.run(
        "perplexity", "--model", "student", "--text", workspace.heldOut, "--window", "64", "--json", in: desk.folder)
      let perplexity = try #require(
        try JSONSerialization.jsonObject(with: Data(measured.output.utf8)) as? [String: Double])
      #expect(
        Set(perplexity.keys) == [
          "tokens", "nats_per_token", "perplexity", "perplexity_standard_error", "bits_per_byte", "word_perplexity",
          "tokens_per_second",
        ])
      let nats = try #require(perplexity["nats_per_token"])
      #expect(nats < log(Double(Workspace.vocabularySize)))
      #expect(measured.output.filter { $0 == "\n" }.count == 1)

      let compared = try Command.run(
        "compare", "--teacher", workspace.teacher, "--student", "student", workspace.teacher,
        "--text", workspace.heldOut, "--window", "64", "--json", in: desk.folder)
      #expect(compared.code == 0, "\(compared.errors)")
      let comparison = try #require(
        try JSONSerialization.jsonObject(with: Data(compared.output.utf8)) as? [String: Any])
      let students = try #require(comparison["students"] as? [[String: Any]])
      let divergences = students.map { student in
        ((student["statistics"] as? [String: Any])?["kl_divergence"] as? [String: Double])?["mean"] ?? .nan
      }
      #expect(divergences.count == 2 && divergences[0] > 0.001 && divergences[1] < 1e-6)
      let compare = [
        "compare", "--teacher", workspace.teacher, "--student", "student", "--text", workspace.heldOut, "--window",
        "64",
      ]
      let table = try Command.run(compare, in: desk.folder)
      for row in [
        "parameters", "size of the weights", "perplexity", "bits per byte", "KL divergence", "same top token",
      ] {
        #expect(table.output.contains(row))
      }
      #expect(!table.output.contains("99.9 %") && !table.output.contains("tokens/s"))
      let verbose = try Command.run(compare + ["--verbose", "--generate", "4"], in: desk.folder)
      #expect(verbose.output.contains("99.9 %") && verbose.output.contains("generation, tokens/s"))

      let rough = try Command.run(
        "compare", "--teacher", workspace.teacher, "--teacher-precision", "bf16", "--text", workspace.heldOut,
        "--window", "64", "--json", in: desk.folder)
      let entry = try #require(
        (try JSONSerialization.jsonObject(with: Data(rough.output.utf8)) as? [String: Any])?["students"]
          as? [[String: Any]]
      ).first
      let divergence = ((entry?["statistics"] as? [String: Any])?["kl_divergence"] as? [String: Double])?["mean"]
      #expect(try #require(divergence) > 1e-8 && divergence ?? 1 < 1e-2)
      #expect((entry?["model"] as? [String: Any])?["folder"] as? String == "\(workspace.teacher) in bf16")

      let spoken = try Command.run(
        "generate", "--model", "student", "--prompt", "The old", "--max-tokens", "12", "--temperature", "0",
        in: desk.folder)
      #expect(spoken.code == 0)
      #expect(spoken.output.hasPrefix("The old") && spoken.output.hasSuffix("\n"))
      #expect(spoken.errors.isEmpty)
    }

    @Test func studentsMayStartFromAFolder() throws {
      let desk = try Desk()
      let outcome = try Command.run(
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.teacher,
        "--text", desk.workspace.text, "--output", "student", "--steps", "1", "--batch-size", "2",
        "--sequence-length", "16", "--hard-label-weight", "0", "--learning-rate", "1e-9", in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let first = try #require(desk.text("student/metrics.jsonl").split(separator: "\n").first)
      let metrics = try #require(try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any])
      // It is its own teacher.
      #expect(abs(try #require(metrics["divergence"] as? Double)) < 1e-6)
    }

    /// A student in bfloat16 of a teacher in bfloat16 learns; a run goes on only in the precision it began with.
    @Test func precisionBelongsToARun() throws {
      let desk = try Desk()
      let arguments = [
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration,
        "--text", desk.workspace.text, "--output", "student", "--steps", "40", "--batch-size", "8",
        "--sequence-length", "16", "--learning-rate", "1e-2", "--teacher-precision", "bf16", "--precision", "bf16",
        "--checkpoint-every", "10",
      ]
      let outcome = try Command.run(arguments, in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let recipe = try desk.text("student/recipe.yaml")
      #expect(recipe.contains("\nprecision: bf16\n") && recipe.contains("\nteacher-precision: bf16\n"))
      let losses = try desk.text("student/metrics.jsonl").split(separator: "\n").compactMap {
        (try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])?["loss"] as? Double
      }
      #expect(try #require(losses.last) < 0.8 * #require(losses.first))

      // as if it had been killed before the end
      var manifest = try #require(
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: desk.path("student/run.json"))))
          as? [String: Any])
      manifest["result"] = nil
      try JSONSerialization.data(withJSONObject: manifest).write(
        to: URL(fileURLWithPath: desk.path("student/run.json")))
      let other = try Command.run(
        "distill", "--output", "student", "--resume", "--precision", "float32", in: desk.folder)
      #expect(other.code == 1)
      #expect(other.errors.contains("precision"), "\(other.errors)")
    }

    @Test func perplexityIsATableForPeople() throws {
      let workspace = try Desk().workspace
      let outcome = try Command.run(
        "perplexity", "--model", workspace.teacher, "--text", workspace.heldOut, "--window", "32", "--stride", "16")
      #expect(outcome.code == 0)
      for name in ["perplexity", "nats per token", "bits per byte", "word perplexity", "tokens/s"] {
        #expect(outcome.output.contains("\n\(name) ") || outcome.output.hasPrefix("\(name) "))
      }
      #expect(outcome.output.contains(" ± "))
    }

    @Test func windowsFitTheContextUnlessChosen() throws {
      let workspace = try Desk().workspace
      func output(_ model: String, saying reason: String, _ flags: String...) throws -> [String: Double] {
        let outcome = try Command.run(
          ["perplexity", "--model", model, "--text", workspace.heldOut, "--json"] + flags)
        #expect(outcome.errors.contains(reason))
        return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double])
      }
      let desk = try Desk()
      let other = try desk.copyOfTeacher("other")
      try? FileManager.default.removeItem(atPath: "\(other)/recipe.yaml")
      let found = try output(other, saying: "windows of 64 tokens, the context of \(other)")
      let chosen = try output(other, saying: "windows of 64 tokens\n", "--window", "64")
      #expect(found["nats_per_token"] == chosen["nats_per_token"])
      let trained = try output(
        workspace.teacher, saying: "windows of 16 tokens, the sequence length of \(workspace.teacher)")
      #expect(trained["nats_per_token"] != chosen["nats_per_token"])
    }

    @Test func inspectionShowsModelAndRun() throws {
      let workspace = try Desk().workspace
      let outcome = try Command.run("inspect", workspace.teacher, "--json")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      #expect(object["hidden_size"] as? Int == 32)
      #expect(
        object["parameters"] as? Int == Workspace.vocabularySize * 32 + 32 + 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 64
          * 32)
      #expect(object["types"] as? [String] == ["F32"])
      #expect((object["run"] as? [String: Any])?["inputs"] != nil)
      let plain = try Command.run("inspect", workspace.teacher)
      #expect(plain.output.contains("run finished"))
      #expect(plain.output.contains("30 steps"))
    }

    @Test func doctorShowsEveryBackendAndMarksTheChosenOne() throws {
      let outcome = try Command.run("doctor")
      #expect(outcome.code == 0)
      for name in ["processor", "threads", "SentencePiece", "memory", "disk"] { #expect(outcome.output.contains(name)) }
      func chosen(_ output: String) -> [MatrixBackendKind] {
        let lines = output.split(separator: "\n")
        return MatrixBackendKind.allCases.filter { kind in
          let line = lines.first { $0.hasPrefix("backend \(kind.rawValue) ") }
          #expect(line != nil, "\(kind)")
          #expect(line?.contains("not ") == !MatrixBackendKind.available.contains(kind))
          return line?.hasSuffix(" (chosen)") ?? false
        }
      }
      #expect(chosen(outcome.output) == [.best])
      #expect(chosen(try Command.run("doctor", "--backend", "reference").output) == [.reference])
    }

    @Test(arguments: [MatrixBackendKind.openblas, .reference])
    func doctorWarnsOfOverridesWhereOpenBLASComputes(kind: MatrixBackendKind) throws {
      let outcome = try Command.run(
        "doctor", "--backend", kind.rawValue, environment: ["OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512"])
      let concerns = kind == .openblas
      #expect(outcome.output.contains("warning: OPENBLAS_CORETYPE=Haswell") == concerns)
      #expect(outcome.output.contains("warning: OPENBLAS_L2_SIZE=512") == concerns)
    }

    /// Perplexity on each backend is that of the others but for rounding.
    @Test func everyBackendMeasuresTheSame() throws {
      let workspace = try Desk().workspace
      let found = try MatrixBackendKind.available.map { kind in
        let outcome = try Command.run(
          "perplexity", "--model", workspace.teacher, "--text", workspace.heldOut, "--json", "--backend", kind.rawValue)
        let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double]
        return try #require(object?["nats_per_token"])
      }
      #expect(found.allSatisfy { abs($0 / found[0] - 1) < 1e-5 })
    }
  }
}
