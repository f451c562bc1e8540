import Foundation
import Testing

extension CommandTests {
  /// `distill --cache-while-distilling`, and caches of hidden states.
  @Suite struct Caching {
    private func distil(_ desk: Desk, _ output: String, steps: Int = 400, _ flags: [String]) throws -> Outcome {
      try Command.run(arguments(desk, output, steps: steps) + flags, in: desk.folder)
    }

    /// The text has 1,189 sequences of 16 tokens, which 298 steps of 4 read.
    private func arguments(_ desk: Desk, _ output: String, steps: Int = 400) -> [String] {
      [
        "distill", "--student", desk.workspace.smallConfiguration, "--output", output, "--steps", "\(steps)",
        "--batch-size", "4", "--sequence-length", "16", "--threads", "2", "--text", desk.workspace.text,
      ]
    }

    private func teacher(_ desk: Desk) -> [String] { ["--teacher", desk.workspace.teacher] }

    @Test func theCacheOfARunServesTheNextStudentAndItsControl() throws {
      let desk = try Desk()
      let outcome = try distil(
        desk, "run",
        teacher(desk) + ["--cache-while-distilling", "--validation-text", desk.workspace.heldOut, "--seed", "3"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("cache: sampled, 50 draws, at most "), "\(outcome.errors)")
      // validation is by the teacher itself
      #expect(try desk.text("run/metrics.jsonl").contains("\"teacher_entropy\":"))
      let recipe = try desk.text("run/recipe.yaml")
      #expect(recipe.contains("cache-while-distilling: true") && recipe.contains("packing: fixed"), "\(recipe)")
      #expect(try desk.text("run/run.json").contains("\"cache_while_distilling\" : \"sampled, 50 draws\""))

      // the very bytes of a cache that is made beforehand
      let made = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "made",
        "--sequence-length", "16", "--seed", "3", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      let names = try FileManager.default.contentsOfDirectory(atPath: desk.path("made"))
      let found = try FileManager.default.contentsOfDirectory(atPath: desk.path("run/teacher-cache"))
      #expect(found.sorted() == names.sorted())
      for name in names { #expect(try desk.data("run/teacher-cache/\(name)") == desk.data("made/\(name)"), "\(name)") }

      let second = try distil(desk, "second", steps: 5, ["--teacher-cache", "run/teacher-cache"])
      #expect(second.code == 0, "\(second.errors)")
      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      #expect(control.code == 0 && control.errors.contains("cache-while-distilling"), "\(control.errors)")
      // the recipe makes the run again, with a cache of its own
      let again = try Command.run("distill", "--recipe", "run/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("again/model.safetensors") == desk.data("run/model.safetensors"))
      #expect(desk.exists("again/teacher-cache/cache.json"))
      // and a run that goes on with it has the teacher again, unless the cache is named
      let live = try Command.run(
        "distill", "--continue", "run", "--steps", "2", "--output", "longer", in: desk.folder)
      #expect(live.code == 0 && !desk.exists("longer/teacher-cache"), "\(live.errors)")
      let cached = try Command.run(
        "distill", "--continue", "run", "--steps", "2", "--output", "cached", "--teacher-cache", "run/teacher-cache",
        in: desk.folder)
      #expect(cached.code == 0, "\(cached.errors)")
    }

    @Test(arguments: ["sampled", "hidden"]) func killedRunsEndInTheSameBytes(_ method: String) throws {
      let desk = try Desk()
      let flags = teacher(desk) + ["--cache-while-distilling", "--cache-method", method, "--checkpoint-every", "10"]
      let whole = try distil(desk, "whole", flags)
      try #require(whole.code == 0, "\(whole.errors)")
      for (name, signal, place) in [
        ("early", SIGKILL, "checkpoints/step-00000020"), ("late", SIGKILL, "teacher-cache/shard-000000.rows"),
        ("stopped", SIGINT, "checkpoints/step-00000030"),
      ] {
        let call = try Command(arguments(desk, name) + flags, in: desk.folder)
        try call.send(signal, when: desk.path("\(name)/\(place)"))
        #expect(try call.outcome().code == (signal == SIGKILL ? SIGKILL : 130))
        if name == "early" {
          let unfinished = try distil(
            desk, "other", steps: 2, teacher(desk) + ["--teacher-cache", "early/teacher-cache"])
          #expect(unfinished.code == 1 && !desk.exists("other"))
          #expect(unfinished.errors.contains("limbeck distill … --resume"), "\(unfinished.errors)")
        }
        let resumed = try Command.run("distill", "--output", name, "--resume", in: desk.folder)
        #expect(resumed.code == 0, "\(resumed.errors)")
        #expect(try desk.data("\(name)/model.safetensors") == desk.data("whole/model.safetensors"), "\(name)")
        for file in try FileManager.default.contentsOfDirectory(atPath: desk.path("whole/teacher-cache")) {
          #expect(
            try desk.data("\(name)/teacher-cache/\(file)") == desk.data("whole/teacher-cache/\(file)"), "\(file)")
        }
      }
    }

    /// A disk that takes no more stops the run with a word on the file, and with room it goes on to the same end.
    @Test func aFullDiskLosesNothing() throws {
      let desk = try Desk()
      let flags =
        teacher(desk) + [
          "--cache-while-distilling", "--cache-method", "hidden", "--checkpoint-every", "10", "--cache-output", "kept",
        ]
      let call = (arguments(desk, "run") + flags).map { "'\($0)'" }.joined(separator: " ")
      let full = try Command.shell("trap '' XFSZ; ulimit -f 200; \"$limbeck\" \(call)", in: desk.folder)
      #expect(full.code == 1)
      #expect(full.errors.contains("kept/sequences.journal: cannot be written: "), "\(full.errors)")
      #expect(full.errors.contains("  limbeck distill --output run --resume\n"), "\(full.errors)")
      #expect(desk.exists("run/checkpoints") && !desk.exists("run/model.safetensors"))
      let resumed = try Command.run("distill", "--output", "run", "--resume", in: desk.folder)
      try #require(resumed.code == 0, "\(resumed.errors)")
      let whole = try distil(desk, "whole", flags.dropLast(2))
      try #require(whole.code == 0, "\(whole.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("whole/model.safetensors"))
      #expect(!desk.exists("run/teacher-cache") && desk.exists("kept/cache.json"))
      #expect(!desk.exists("kept/sequences.journal"))
    }

    @Test func hiddenStatesServeAnyObjectiveWithTheTeachersHead() throws {
      let desk = try Desk()
      let made = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "states",
        "--sequence-length", "16", "--max-size", "2MB", in: desk.folder)
      try #require(made.code == 0, "\(made.errors)")
      #expect(made.errors.contains("hidden, 32 channels; ") && made.output.contains("method"), "\(made.errors)")
      let small = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "draws",
        "--sequence-length", "16", "--max-size", "1200KB", "--draws", "5", in: desk.folder)
      try #require(small.code == 0, "\(small.errors)")
      #expect(small.errors.contains("sampled, 5 draws: hidden states would take "), "\(small.errors)")
      #expect(small.errors.contains(", above 1200KB; "), "\(small.errors)")

      let objective = ["--divergence", "reverse-kl", "--temperature", "cosine:4..1", "--align-layers", "last"]
      let outcome = try distil(desk, "run", steps: 5, teacher(desk) + objective + ["--teacher-cache", "states"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("teacher: the cache states and the head of "), "\(outcome.errors)")
      #expect(try desk.text("run/metrics.jsonl").contains("\"alignment\":"))
      #expect(try desk.text("run/run.json").contains("\"hidden_states\""))

      let other = try desk.copyOfTeacher("other")
      let weights = URL(fileURLWithPath: "\(other)/model.safetensors")
      var bytes = try Data(contentsOf: weights)
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: weights)
      for (flags, code, message) in [
        ([], 1, "give the teacher, too: --teacher MODEL"),
        (["--teacher", other], 1, "states: teacher digest: "),
        (teacher(desk) + ["--align-layers", "0:0,embedding:0"], 1, "the teacher's last layer alone"),
        (teacher(desk) + ["--relation-weight", "1"], 1, "the teacher's last layer alone"),
        (teacher(desk) + ["--cache-while-distilling"], 64, "expected nothing with --teacher-cache"),
      ] {
        let refused = try distil(desk, "refused", steps: 5, flags + ["--teacher-cache", "states"])
        #expect(refused.code == Int32(code) && refused.errors.contains(message), "\(flags): \(refused.errors)")
        #expect(!desk.exists("refused"))
      }
    }

    @Test(arguments: [
      (["--cache-output", "c"], 64, "--cache-output: expected nothing without --cache-while-distilling"),
      (["--cache-method", "hidden"], 64, "--cache-method: expected nothing without --cache-while-distilling"),
      (["--cache-max-size", "1GB"], 64, "--cache-max-size: expected nothing without --cache-while-distilling"),
      (["W", "--cache-max-size", "1GB", "--cache-method", "hidden"], 64, "nothing with --cache-method hidden"),
      (["W", "--cache-max-size", "lots"], 64, "a size above 0 such as 500MB or 4GB"),
      (["W", "--cache-max-size", "0GB"], 64, "a size above 0 such as 500MB or 4GB"),
      (["W", "--packing", "shifted"], 64, "--packing: expected fixed with --cache-while-distilling, found shifted"),
      (["W", "--teacher", "T"], 64, "--cache-while-distilling: expected one teacher, found several"),
      (["W", "--on-policy", "0.5"], 64, "--cache-while-distilling: expected nothing with --on-policy"),
      (["W", "--distil-first", "50%"], 1, "in every step, found steps without"),
      (["W", "--divergence", "reverse-kl"], 1, "forward KL divergence alone"),
      (["W", "--temperature", "linear:4..1"], 1, "use --cache-method hidden, whose states are of any temperature"),
      (["W", "--align-layers", "last"], 1, "a cache made with hidden has the states of the last layer"),
      (["W", "--steps", "20"], 1, "cache-while-distilling: expected more than the 298 steps that read"),
      (["W", "--cache-output", "standing"], 1, "standing: exists already"),
      (["W", "--cache-max-size", "10KB"], 1, "cache-max-size: expected at least "),
      (["W", "--cache-output", "run"], 64, "--cache-output: expected a folder of its own, beside --output run"),
      (["W", "--cache-output", "./standing/../run/"], 64, "--cache-output: expected a folder of its own"),
      (["W", "--cache-output", "run/checkpoints"], 64, "leave it out for run/teacher-cache"),
      (["W", "--cache-output", "."], 64, "--cache-output: expected a folder of its own"),
      (["W:*"], 64, "expected a teacher of all of the text, found a pattern of files"),
    ])
    func mistakesAreNamedBeforeAnythingIsWritten(flags: [String], code: Int32, message: String) throws {
      let desk = try Desk()
      try FileManager.default.createDirectory(atPath: desk.path("standing"), withIntermediateDirectories: true)
      let outcome = try distil(
        desk, "run",
        flags == ["W:*"]
          ? ["--cache-while-distilling", "--teacher", "\(desk.workspace.teacher):*"]
          : teacher(desk)
            + flags.map { $0 == "W" ? "--cache-while-distilling" : $0 == "T" ? desk.workspace.teacher : $0 })
      #expect(outcome.code == code && outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run"))
    }

    @Test(arguments: [
      (["--max-size", "1GB", "--method", "hidden"], 64, "--max-size: expected nothing with hidden"),
      (["--method", "hidden", "--temperature", "2"], 64, "whose states are of any temperature"),
      (["--max-size", "-1GB"], 64, "a size above 0"),
      (["--max-size", "10KB"], 1, "--max-size: expected at least "),
      (["--max-size", "1GB", "--draws", "10"], 1, "--draws: expected nothing with hidden states, which 1GB"),
      (["--max-size", "1GB", "--k", "10"], 64, "--k: expected the method top-k"),
    ])
    func sizesAndMethodsOfCacheTeacher(flags: [String], code: Int32, message: String) throws {
      let desk = try Desk()
      let outcome = try Command.run(
        [
          "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "c",
          "--sequence-length", "16",
        ] + flags, in: desk.folder)
      #expect(outcome.code == code && outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("c"))
    }
  }
}
