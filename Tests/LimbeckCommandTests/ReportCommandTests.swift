import Foundation
import Testing

extension CommandTests {
  @Suite struct Report {
    /// A control and a student in the desk's folder, validated on the held-out text.
    private func makeRuns(_ desk: Desk, control: String = "control", student: String = "student") throws {
      let workspace = desk.workspace
      let common = ["--validation-text", workspace.heldOut, "--evaluate-every", "10", "--learning-rate", "1e-2"]
      let made = [
        try desk.train(control, common + ["--steps", "20"]),
        try Command.run(
          [
            "distill", "--teacher", workspace.teacher, "--student", workspace.smallConfiguration, "--text",
            workspace.text, "--output", student, "--steps", "20", "--batch-size", "4", "--sequence-length", "16",
          ] + common, in: desk.folder),
      ]
      for outcome in made { try #require(outcome.code == 0, "\(outcome.errors)") }
    }

    private func report(_ desk: Desk, _ arguments: String...) throws -> Outcome {
      try Command.run(["report"] + arguments, in: desk.folder)
    }

    private func expectRefusal(
      _ outcome: Outcome, _ desk: Desk, naming texts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(outcome.code == 1 && outcome.output.isEmpty, sourceLocation: sourceLocation)
      #expect(!desk.exists("new.html"), sourceLocation: sourceLocation)
      for text in ["error: "] + texts {
        #expect(outcome.errors.contains(text), "\(outcome.errors)", sourceLocation: sourceLocation)
      }
    }

    @Test func aPageShowsTeacherControlAndStudents() throws {
      let desk = try Desk()
      // a name that would be markup
      let student = "<script>alert(1)<b>"
      try makeRuns(desk, student: student)
      let outcome = try report(desk, student, "control", "--output", "new.html", "--sample-tokens", "12")
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(outcome.output.isEmpty && outcome.errors.contains("wrote new.html: 3 models"))
      let page = try desk.text("new.html")
      #expect(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)&lt;b&gt;, distilled from teacher"))
      for text in [
        "closed of the gap", "KL divergence, mean", "bits per byte", "Cross-entropy, validation text",
        "Divergence from the teacher", "A passage, token by token", "the held-out text itself", "hard-label-weight",
      ] {
        #expect(page.contains(text), "\(text)")
      }
      // the numbers are those of the command that measures alone
      let compared = try Command.run(
        "compare", "--teacher", desk.workspace.teacher, "--student", student, "--text", desk.workspace.heldOut,
        "--json",
        in: desk.folder)
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(compared.output.utf8)) as? [String: Any])
      let students = try #require(object["students"] as? [[String: Any]])
      let statistics = try #require(students[0]["statistics"] as? [String: Any])
      let perplexity = try #require((statistics["perplexity"] as? [String: Any])?["perplexity"] as? Double)
      #expect(page.contains("<p>perplexity</p><p class=\"value\">\(String(format: "%.2f", perplexity))</p>"))
    }

    @Test func runsWithoutTextOrTeacherAreShownAsFarAsTheyGo() throws {
      let desk = try Desk()
      try #require(desk.train("alone").code == 0)
      let outcome = try report(desk, "alone", "--output", "new.html")
      try #require(outcome.code == 0, "\(outcome.errors)")
      #expect(try desk.text("new.html").contains("not measured on any text"))

      let prompts = try desk.write("The old\nThe grey\n", to: "prompts.txt")
      let measured = try report(
        desk, "alone", "--text", desk.workspace.heldOut, "--prompts", prompts, "--output", "measured.html")
      try #require(measured.code == 0, "\(measured.errors)")
      let page = try desk.text("measured.html")
      #expect(
        page.contains("<p class=\"prose\">The grey<span") && page.contains("bits per byte")
          && !page.contains("KL divergence, mean"))
      let asked = try report(
        desk, "alone", "--text", desk.workspace.heldOut, "--prompts", prompts, "--template", "chatml", "--output",
        "asked.html")
      try #require(asked.code == 0, "\(asked.errors)")
      #expect(try desk.text("asked.html") != page)
      #expect(try desk.text("asked.html").contains("<p class=\"prose\">The grey<span"))
    }

    @Test func unfinishedRunsAreShownAsOfTheirCheckpoint() throws {
      let desk = try Desk()
      try makeRuns(desk)
      var manifest = try #require(
        try JSONSerialization.jsonObject(with: desk.data("student/run.json")) as? [String: Any])
      manifest["result"] = nil
      _ = try desk.write(JSONSerialization.data(withJSONObject: manifest), to: "student/run.json")
      try FileManager.default.removeItem(atPath: desk.path("student/model.safetensors"))
      let outcome = try report(desk, "student", "--control", "control", "--output", "new.html")
      try #require(outcome.code == 0, "\(outcome.errors)")
      let page = try desk.text("new.html")
      #expect(page.contains("student is unfinished: it is shown as of its newest checkpoint, after 20 steps."))
      #expect(page.contains("closed of the gap"))

      try FileManager.default.removeItem(atPath: desk.path("student/checkpoints"))
      let begun = try report(desk, "student", "--control", "control", "--output", "begun.html")
      try #require(begun.code == 0, "\(begun.errors)")
      #expect(try desk.text("begun.html").contains("student is unfinished and has no checkpoint yet"))
    }

    @Test func promptsThatCannotBeReadAreNamed() throws {
      let desk = try Desk()
      for (file, cause) in [("nowhere.txt", "no such file"), (try desk.write(" \n", to: "empty.txt"), "prompt")] {
        expectRefusal(
          try report(desk, desk.workspace.teacher, "--prompts", file, "--output", "new.html"), desk, naming: file, cause
        )
      }
    }

    @Test func whatStandsThereIsNotOverwritten() throws {
      let desk = try Desk()
      let file = try desk.write("precious", to: "report.html")
      let outcome = try report(desk, desk.workspace.teacher, "--output", file)
      expectRefusal(outcome, desk, naming: file, "exists already and will not be overwritten")
      #expect(try desk.text("report.html") == "precious")
      expectRefusal(
        try report(desk, desk.workspace.teacher, "--output", "nowhere/report.html"), desk, naming: "nowhere")
    }

    @Test func foldersThatAreNoRunsAreNamed() throws {
      let desk = try Desk()
      for folder in ["nowhere", desk.folder, desk.workspace.text] {
        expectRefusal(try report(desk, folder, "--output", "new.html"), desk, naming: folder, "no run.json")
      }
      try makeRuns(desk)
      expectRefusal(
        try report(desk, "student", "--control", desk.folder, "--output", "new.html"), desk, naming: "no run.json")
      expectRefusal(
        try report(desk, "student", "--control", "student", "--output", "new.html"), desk,
        naming: "--control", "one of limbeck distill, student")
    }

    @Test func whatARecipeNamesMustBeThere() throws {
      let desk = try Desk()
      try makeRuns(desk)
      let recipe = try desk.text("student/recipe.yaml")
      for (key, place, flag) in [
        ("teacher", desk.workspace.teacher, "--teacher"), ("validation-text", desk.workspace.heldOut, "--text"),
      ] {
        _ = try desk.write(recipe.replacing(place, with: "gone"), to: "student/recipe.yaml")
        expectRefusal(
          try report(desk, "student", "--output", "new.html"), desk, naming: "student/recipe.yaml: \(key):", "gone",
          flag)
      }
    }

    @Test func modelsThatDoNotBelongTogetherAreNamed() throws {
      let desk = try Desk()
      try makeRuns(desk)
      let other = try desk.copyOfTeacher("other")
      let trained = try Command.run(
        "tokenizer", "train", "--text", desk.workspace.text, "--output", desk.path("bpe.model"), "--vocabulary-size",
        "\(Workspace.vocabularySize)", "--algorithm", "bpe")
      try #require(trained.code == 0, "\(trained.errors)")
      _ = try desk.write(desk.data("bpe.model"), to: "other/tokenizer.model")
      try FileManager.default.removeItem(atPath: desk.path("other/tokenizer.json"))
      expectRefusal(
        try report(desk, "student", "--teacher", other, "--output", "new.html"), desk,
        naming: "student: ", "as in \(other), found")

      // a teacher that has been trained anew since
      let recipe = try desk.text("student/recipe.yaml").replacing(desk.workspace.teacher, with: desk.path("control"))
      _ = try desk.write(recipe, to: "student/recipe.yaml")
      expectRefusal(
        try report(desk, "student", "--output", "new.html"), desk,
        naming: "student/recipe.yaml: teacher: the weights in", "--teacher")
      let chosen = try report(
        desk, "student", "--teacher", "control", "--text", desk.workspace.heldOut, "--output", "chosen.html")
      try #require(chosen.code == 0, "\(chosen.errors)")
      #expect(try desk.text("chosen.html").contains("student learnt from another teacher than control"))
    }
  }
}
