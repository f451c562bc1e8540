import Foundation
import Testing

extension CommandTests {
  /// In which steps of `distill` there is a teacher, and which one.
  @Suite struct TeacherSteps {
    private func distil(
      _ desk: Desk, _ output: String, teachers: [String]? = nil, text: [String]? = nil, _ flags: [String]
    ) throws -> Outcome {
      try Command.run(
        [
          "distill", "--student", desk.workspace.smallConfiguration, "--output", output, "--steps", "6",
          "--batch-size", "4", "--sequence-length", "16", "--threads", "2", "--text",
        ] + (text ?? [desk.workspace.text])
          + (teachers ?? [desk.workspace.teacher]).flatMap { ["--teacher", $0] } + flags, in: desk.folder)
    }

    /// Which lines of the steps have a divergence.
    private func distilled(_ desk: Desk, _ run: String) throws -> [Bool] {
      try desk.text("\(run)/metrics.jsonl").split(separator: "\n").filter { $0.contains("\"kind\":\"step\"") }
        .map { $0.contains("\"divergence\"") }
    }

    @Test func aTeacherForTheFirstStepsAndItsOpposite() throws {
      let desk = try Desk()
      let first = try distil(
        desk, "first", ["--distil-first", "50%", "--validation-text", desk.workspace.heldOut, "--tensorboard"])
      try #require(first.code == 0, "\(first.errors)")
      #expect(first.errors.contains("hard-label-weight 0, distil-first 50%"), "\(first.errors)")
      #expect(first.errors.contains("wrote first: 6 steps, cross-entropy "), "\(first.errors)")
      #expect(try distilled(desk, "first") == [true, true, true, false, false, false])
      #expect(try desk.text("first/recipe.yaml").contains("distil-first: 50%"))
      #expect(try desk.text("first/run.json").contains("distil-first 50%"))
      let evaluation = try #require(
        try desk.text("first/metrics.jsonl").split(separator: "\n").last { $0.contains("evaluation") })
      for key in ["\"kl_divergence\":", "\"entropy\":", "\"teacher_entropy\":", "\"divergence\":"] {
        #expect(evaluation.contains(key), "\(evaluation)")
      }
      let events = try #require(
        try FileManager.default.contentsOfDirectory(atPath: desk.path("first")).first { $0.hasPrefix("events.") })
      let scalars = String(decoding: try desk.data("first/\(events)"), as: UTF8.self)
      #expect(scalars.contains("validation/kl_divergence") && scalars.contains("validation/teacher_entropy"))

      // the recipe makes the run again, to the byte, and a control of it is any control
      let again = try Command.run(
        "distill", "--recipe", "first/recipe.yaml", "--output", "again", in: desk.folder)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("first/model.safetensors") == desk.data("again/model.safetensors"))
      let control = try Command.run("train", "--control-of", "first", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(control.errors.contains("distil-first"), "\(control.errors)")

      let last = try distil(desk, "last", ["--distil-last", "2"])
      try #require(last.code == 0, "\(last.errors)")
      #expect(try distilled(desk, "last") == [false, false, false, false, true, true])
    }

    /// Without anything asked of the teacher the run is its control's, to the byte.
    @Test func aRunWithoutATeachersWordIsItsControls() throws {
      let desk = try Desk()
      let hard = try distil(desk, "hard", ["--hard-label-weight", "1"])
      try #require(hard.code == 0, "\(hard.errors)")
      let control = try Command.run("train", "--control-of", "hard", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(try desk.data("hard/model.safetensors") == desk.data("control/model.safetensors"))
    }

    @Test func aCacheIsReadInTheFirstStepsOnly() throws {
      let desk = try Desk()
      let cached = try Command.run(
        "cache-teacher", "--teacher", desk.workspace.teacher, "--text", desk.workspace.text, "--output", "cache",
        "--sequence-length", "16", in: desk.folder)
      try #require(cached.code == 0, "\(cached.errors)")
      let outcome = try distil(desk, "run", teachers: [], ["--teacher-cache", "cache", "--distil-first", "2"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try distilled(desk, "run") == [true, true, false, false, false, false])
      let refused = try distil(desk, "other", teachers: [], ["--teacher-cache", "cache", "--one-teacher-per-step"])
      #expect(refused.code == 64 && !desk.exists("other"))
      #expect(
        refused.errors.contains("--one-teacher-per-step: expected nothing with --teacher-cache"), "\(refused.errors)")
      let routed = try distil(
        desk, "other", teachers: ["\(desk.workspace.teacher):*"], ["--teacher-cache", "cache"])
      #expect(routed.code == 64 && !desk.exists("other"))
      #expect(routed.errors.contains("--teacher: expected no pattern of files with --teacher-cache"))
    }

    @Test func oneTeacherPerStep() throws {
      let desk = try Desk()
      let teachers = [desk.workspace.teacher, try desk.copyOfTeacher("other")]
      let outcome = try distil(
        desk, "run", teachers: teachers, ["--one-teacher-per-step", "--teacher-weights", "3,1"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("; one of them at each step"), "\(outcome.errors)")
      #expect(try desk.text("run/recipe.yaml").contains("one-teacher-per-step: true"))
      #expect(try desk.text("run/run.json").contains("\"teacher_choice\" : \"one per step\""))
      // both are one model here: whichever is asked, it is that one alone
      let alone = try distil(desk, "alone", [])
      try #require(alone.code == 0, "\(alone.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("alone/model.safetensors"))
    }

    // MARK: - Patterns

    /// Two texts, whose names a pattern tells apart.
    private func texts(_ desk: Desk) throws -> [String] {
      let lines = try String(contentsOfFile: desk.workspace.text, encoding: .utf8).split(separator: "\n")
      try FileManager.default.createDirectory(
        atPath: desk.path("books/notes"), withIntermediateDirectories: true)
      return [
        try desk.write(lines[..<200].joined(separator: "\n"), to: "books/a.txt"),
        try desk.write(lines[200..<400].joined(separator: "\n"), to: "books/notes/b.md"),
      ]
    }

    @Test func filesLearnFromTheTeacherOfTheirPattern() throws {
      let desk = try Desk()
      let texts = try texts(desk)
      let odd = try desk.copyOfTeacher("odd:name")
      let outcome = try distil(
        desk, "run", teachers: ["\(desk.workspace.teacher):*.md", "odd:name:*"], text: ["books"],
        ["--validation-text", desk.workspace.heldOut, texts[1], "--evaluation-sequences", "4"])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("books, of it *.md: ") && outcome.errors.contains("books, of it *: "))
      let manifest = try desk.text("run/run.json")
      #expect(manifest.contains("\"teacher_choice\" : \"0 1\"") && manifest.contains("\"text_parts\" : \"*.md\\n*\""))
      #expect(manifest.contains("\"teacher\"") && FileManager.default.fileExists(atPath: odd))

      // seen from elsewhere, the recipe finds models and patterns again
      let away = desk.path("away")
      try FileManager.default.createDirectory(atPath: away, withIntermediateDirectories: true)
      let again = try Command.run("distill", "--recipe", "../run/recipe.yaml", "--output", "again", in: away)
      try #require(again.code == 0, "\(again.errors)")
      #expect(try desk.data("run/model.safetensors") == desk.data("away/again/model.safetensors"))
      // and the control has the same sequences
      let narrow = try distil(desk, "narrow", teachers: ["\(desk.workspace.teacher):*.md"], text: ["books/notes"], [])
      try #require(narrow.code == 0, "\(narrow.errors)")
      let control = try Command.run("train", "--control-of", "run", "--output", "control", in: desk.folder)
      try #require(control.code == 0, "\(control.errors)")
      #expect(control.errors.contains("books, of it *.md: "), "\(control.errors)")
      // a control that is measured on another text needs no pattern for it, nor one that learns another text
      let measured = try Command.run(
        "train", "--control-of", "narrow", "--output", "measured", "--validation-text", desk.workspace.heldOut,
        in: desk.folder)
      #expect(measured.code == 0 && measured.errors.contains("notes, of it *.md: "), "\(measured.errors)")
      let other = try Command.run(
        "train", "--control-of", "narrow", "--output", "other", "--text", desk.workspace.text, in: desk.folder)
      #expect(other.code == 0, "\(other.errors)")
    }

    /// One model for all parts is one teacher, of the same sequences.
    @Test func onePathForSeveralPatternsIsOneTeacher() throws {
      let desk = try Desk()
      let texts = try texts(desk)
      let teacher = desk.workspace.teacher
      let outcome = try distil(desk, "run", teachers: ["\(teacher):a.*", "\(teacher):notes/*"], text: texts, [])
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try desk.text("run/run.json").contains("\"teacher_choice\" : \"0 0\""))
      #expect(outcome.errors.ranges(of: "teacher: \(teacher), ").count == 1)
    }

    @Test(arguments: [
      (["T:*.md"], [], "--teacher: expected a teacher for every file of --text, found none for "),
      (["T:*.md", "T:*.txt", "T:*.rst"], [], "--teacher: expected files of --text for *.rst, found none among "),
      (["T:*", "T:*.md"], [], "expected files of --text for *.md, found none that the patterns before it left"),
      (["T:*", "T"], [], "--teacher: expected a pattern of files for every teacher, or for none, found "),
      (["T:*", "nowhere:*.md"], [], "found nowhere:*.md, in front of whose colons there is none"),
      (["T:"], [], "--teacher: expected a pattern of files behind the colon, found nothing"),
      (["T:*"], ["--teacher-weights", "1"], "--teacher-weights: expected nothing with patterns of --teacher"),
      (["T:*"], ["--validation-share", "0.1"], "--validation-share: expected nothing with patterns of --teacher"),
      (["T:*.txt", "T:*.md"], ["--one-teacher-per-step"], "--one-teacher-per-step: expected several teachers without"),
      (["T"], ["--one-teacher-per-step"], "expected several teachers without patterns, found one"),
      (["T"], ["--distil-first", "7"], "--distil-first: expected at most the 6 steps of the run, found 7"),
      (["T"], ["--distil-last", "0"], "--distil-last: expected a number of steps from 1, or a share above 0%"),
      (["T"], ["--distil-first", "130%"], "--distil-first: expected a number of steps from 1, or a share above 0%"),
      (["T"], ["--distil-first", "0.3"], "--distil-first: expected a number of steps or a share of them such as 30%"),
      (["T"], ["--distil-first", "2", "--distil-last", "2"], "--distil-last: expected nothing with --distil-first"),
    ])
    func mistakesAreNamedBeforeAnyWork(teachers: [String], flags: [String], message: String) throws {
      let desk = try Desk()
      _ = try texts(desk)
      let outcome = try distil(
        desk, "run", teachers: teachers.map { $0.replacing("T", with: desk.workspace.teacher) }, text: ["books"], flags)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run") && !desk.exists("tokens"))
    }

    @Test func validationFilesNeedATeacherToo() throws {
      let desk = try Desk()
      let texts = try texts(desk)
      let outcome = try distil(
        desk, "run", teachers: ["\(desk.workspace.teacher):*.md"], text: [texts[1]],
        ["--validation-text", desk.workspace.heldOut])
      #expect(outcome.code == 64 && !desk.exists("run") && !desk.exists("tokens"))
      let message = "--teacher: expected a teacher for every file of --validation-text, found none for "
      #expect(outcome.errors.contains(message + desk.workspace.heldOut), "\(outcome.errors)")
    }

    /// What is learnt without a teacher is a text: a run of samples alone has none.
    @Test func samplesAloneNeedATeacherInEveryStep() throws {
      let desk = try Desk()
      let prompts = try desk.write("The old\nThe young\n", to: "prompts.txt")
      func run(_ flags: String...) throws -> Outcome {
        try Command.run(
          [
            "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--output",
            "run", "--steps", "2", "--batch-size", "2", "--sequence-length", "16", "--on-policy", "1", "--prompts",
            prompts,
          ] + flags, in: desk.folder)
      }
      for flags in [("--distil-first", "1"), ("--hard-label-weight", "linear:0..1"), ("--soft-label-weight", "0")] {
        let outcome = try run(flags.0, flags.1)
        #expect(outcome.code == 64 && outcome.errors.contains("--text is missing"), "\(outcome.errors)")
      }
      #expect(try run("--hard-label-weight", "0.5").code == 0)
    }

    @Test func hiddenStatesNeedOneTeacher() throws {
      let desk = try Desk()
      let outcome = try distil(
        desk, "run", teachers: [desk.workspace.teacher, try desk.copyOfTeacher("other")],
        ["--one-teacher-per-step", "--align-layers", "last"])
      #expect(outcome.code == 1 && !desk.exists("run"))
      #expect(outcome.errors.contains("align-layers: expected nothing with one teacher per step"), "\(outcome.errors)")
    }
  }
}
