import Foundation
import TensorCore
import Testing

extension CommandTests {
  /// Every bad input gives one line that names file and cause, exit code 1, and leaves nothing behind.
  @Suite struct BadInput {
    /// Checks a refused call: code, one line of error, and nothing on standard output.
    private func expectRefusal(
      _ outcome: Outcome, naming texts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(outcome.code == 1, sourceLocation: sourceLocation)
      #expect(outcome.output.isEmpty, sourceLocation: sourceLocation)
      let errors = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
      #expect(
        errors.count == 1 && outcome.errors.hasSuffix("\(errors.first ?? "")\n"), "\(outcome.errors)",
        sourceLocation: sourceLocation)
      for text in texts {
        #expect(outcome.errors.contains(text), "\(outcome.errors)", sourceLocation: sourceLocation)
      }
    }

    /// Calls of every subcommand that reads text.
    private func calls(_ desk: Desk, text: String) -> [[String]] {
      let workspace = desk.workspace
      return [
        ["tokenizer", "train", "--text", text, "--output", desk.path("new.model")],
        [
          "train", "--model", workspace.smallConfiguration, "--tokenizer", workspace.tokenizer, "--text", text,
          "--output", desk.path("run"), "--steps", "1", "--sequence-length", "16",
        ],
        [
          "distill", "--teacher", workspace.teacher, "--student", workspace.smallConfiguration, "--text", text,
          "--output", desk.path("run"), "--steps", "1", "--sequence-length", "16",
        ],
        ["perplexity", "--model", workspace.teacher, "--text", text, "--window", "32"],
        ["compare", "--teacher", workspace.teacher, "--student", workspace.teacher, "--text", text, "--window", "32"],
      ]
    }

    @Test func textThatIsNotUTF8() throws {
      let desk = try Desk()
      let file = try desk.write(Data("fine\nso far\n".utf8) + [0xFF, 0x0A], to: "text.txt")
      for call in calls(desk, text: file) {
        expectRefusal(try Command.run(call), naming: file, "UTF-8", "line 3")
        #expect(!desk.exists("run") && !desk.exists("new.model"))
      }
    }

    @Test func emptyText() throws {
      let desk = try Desk()
      let file = try desk.write("", to: "text.txt")
      for call in calls(desk, text: file) {
        expectRefusal(try Command.run(call), naming: file, "expected some text")
        #expect(!desk.exists("run") && !desk.exists("new.model"))
      }
    }

    @Test func missingText() throws {
      let desk = try Desk()
      for call in calls(desk, text: desk.path("none.txt")) {
        expectRefusal(try Command.run(call), naming: desk.path("none.txt"))
      }
    }

    @Test func textShorterThanOneSequence() throws {
      let desk = try Desk()
      let file = try desk.write("The fox.", to: "text.txt")
      for call in calls(desk, text: file)[1...2] {
        expectRefusal(try Command.run(call), naming: file, "tokens: expected at least 16", "more text")
        #expect(!desk.exists("run"))
      }
    }

    @Test func windowAndSequencesBeyondTheContext() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let models = [["--model", workspace.teacher], ["--teacher", workspace.teacher, "--student", workspace.teacher]]
      for (name, flags) in zip(["perplexity", "compare"], models) {
        expectRefusal(
          try Command.run([name, "--text", workspace.heldOut, "--window", "65"] + flags), naming: "window", "64", "65")
      }
      expectRefusal(try desk.train("run", "--sequence-length", "65"), naming: "sequence-length", "64", "65")
      #expect(!desk.exists("run"))
    }

    @Test(arguments: [
      ("hidden_size", nil), ("hidden_size", "0"), ("hidden_size", "-8"), ("num_hidden_layers", "9999999999"),
      ("num_attention_heads", "5"), ("model_type", "\"gpt2\""), ("vocab_size", "299"),
    ])
    func configurationThatMakesNoSense(key: String, value: String?) throws {
      let desk = try Desk()
      var text = Workspace.configuration(hiddenSize: 16, changing: [key: value ?? "REMOVED"])
      if value == nil { text = text.replacing("\"\(key)\": REMOVED, ", with: "") }
      let file = try desk.write(text, to: "odd.json")
      expectRefusal(
        try Command.run(
          "train", "--model", file, "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text,
          "--output", desk.path("run"), "--steps", "1"), naming: file, key)
      #expect(!desk.exists("run"))
    }

    @Test func configurationBeyondTheMemory() throws {
      let desk = try Desk()
      let sizes = ["vocab_size": "2147483648", "intermediate_size": "2147483648"]
      let file = try desk.write(Workspace.configuration(hiddenSize: 16, changing: sizes), to: "huge.json")
      expectRefusal(
        try Command.run(
          "train", "--model", file, "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text,
          "--output", desk.path("run"), "--steps", "1"), naming: file, "this machine", "16 bytes per weight")
      #expect(!desk.exists("run"))
    }

    /// Flags with values that are numbers, but make no sense, say what they are.
    @Test func numbersThatMakeNoSense() throws {
      let desk = try Desk()
      let generate = ["generate", "--model", desk.workspace.teacher, "--prompt", "The"]
      for (flag, value, cause) in [
        ("--temperature", "-1", "found -1.0"), ("--top-p", "-1", "found -1.0"),
        ("--max-tokens", "-1", "--max-tokens: expected at least 1, found -1"),
        ("--threads", "1000000", "from 1 to 1024"), ("--backend", "mkl", "openblas"),
      ] {
        let outcome = try Command.run(generate + [flag, value])
        #expect(outcome.code == 64 && outcome.output.isEmpty)
        #expect(outcome.errors.contains(flag) && outcome.errors.contains(cause), "\(outcome.errors)")
      }
      for flag in ["--learning-rate", "--warmup-steps", "--gradient-clip"] {
        let outcome = try desk.train("run", flag, "-1")
        #expect(outcome.code == 64 && !desk.exists("run"))
        #expect(
          outcome.errors.contains(flag.dropFirst(2)) && outcome.errors.contains("found -1"), "\(outcome.errors)")
      }
      for flag in ["--sequence-length", "--batch-size", "--threads"] {
        let outcome = try desk.train("run", flag, "9223372036854775807")
        #expect(outcome.code == 64 && !desk.exists("run"))
        #expect(outcome.errors.contains("9223372036854775807"), "\(outcome.errors)")
      }
    }

    /// The flag of a command without a recipe, that of one with a recipe, and a recipe.
    @Test func aDeviceThatCannotBeIsRefusedInTheSameWordsEverywhere() throws {
      let desk = try Desk()
      var refused = [("threads", "0", "threads: expected a whole number from 1 to 1024, found 0")]
      for kind in MatrixBackendKind.allCases {
        if let missing = kind.unavailability { refused.append(("backend", kind.rawValue, "\(missing)")) }
      }
      for (key, value, words) in refused {
        let recipe = try desk.write("\(key): \(value)\n", to: "device.yaml")
        for outcome in [
          try Command.run("generate", "--model", desk.workspace.teacher, "--prompt", "The", "--\(key)", value),
          try desk.train("run", "--\(key)", value), try desk.train("run", "--recipe", recipe),
        ] {
          #expect(outcome.code != 0 && outcome.output.isEmpty && !desk.exists("run"))
          #expect(outcome.errors.contains(words), "\(outcome.errors)")
        }
      }
    }

    @Test func damagedWeights() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("model")
      let weights = try desk.data("model/model.safetensors")
      var longHeader = weights
      longHeader[6] = 0x7F
      let damaged: [Data] = [
        weights.prefix(weights.count - 4), weights.prefix(100), Data(), longHeader,
        Data(String(decoding: weights.prefix(200), as: UTF8.self).replacing("F32", with: "F99").utf8)
          + weights.dropFirst(200),
      ]
      for bytes in damaged {
        _ = try desk.write(bytes, to: "model/model.safetensors")
        for call in [
          ["inspect", folder], ["perplexity", "--model", folder, "--text", desk.workspace.heldOut],
          ["generate", "--model", folder, "--prompt", "The"],
        ] {
          expectRefusal(try Command.run(call), naming: "\(folder)/model.safetensors")
        }
      }
    }

    @Test func damagedTokenizer() throws {
      let desk = try Desk()
      let folder = try desk.copyOfTeacher("model")
      let model = try desk.data("model/tokenizer.model")
      for bytes in [model.prefix(model.count / 2), Data(), Data("nonsense".utf8)] {
        let file = try desk.write(bytes, to: "model/tokenizer.model")
        expectRefusal(try Command.run("tokenizer", "inspect", file), naming: file)
        expectRefusal(try Command.run("generate", "--model", folder, "--prompt", "The"), naming: file)
      }
      for name in ["tokenizer.model", "tokenizer.json"] {
        try FileManager.default.removeItem(atPath: desk.path("model/\(name)"))
      }
      expectRefusal(
        try Command.run("generate", "--model", folder, "--prompt", "The"), naming: "\(folder)/tokenizer.model")
    }

    @Test func teacherAndStudentWithDifferentTokenizers() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let student = try desk.copyOfTeacher("student")
      for name in ["tokenizer.model", "tokenizer.json"] {
        try FileManager.default.removeItem(atPath: desk.path("student/\(name)"))
      }
      let trained = try Command.run(
        "tokenizer", "train", "--text", workspace.text, "--output", desk.path("student/tokenizer.model"),
        "--vocabulary-size", "\(Workspace.vocabularySize)", "--algorithm", "bpe")
      try #require(trained.code == 0, "\(trained.errors)")
      expectRefusal(
        try Command.run(
          "distill", "--teacher", workspace.teacher, "--student", student, "--text", workspace.text,
          "--output", desk.path("run"), "--steps", "1", "--sequence-length", "16"),
        naming: "error: \(student): ", "as in \(workspace.teacher), found")
      #expect(!desk.exists("run"))
      expectRefusal(
        try Command.run(
          "compare", "--teacher", workspace.teacher, "--student", student, "--text", workspace.heldOut,
          "--window", "32"), naming: "error: \(student): ", "as in \(workspace.teacher), found")
    }

    @Test func studentWithMoreOutputsThanItsTeacher() throws {
      let desk = try Desk()
      let student = try desk.write(
        Workspace.configuration(hiddenSize: 16, vocabularySize: 304), to: "student.json")
      expectRefusal(
        try Command.run(
          "distill", "--teacher", desk.workspace.teacher, "--student", student, "--text", desk.workspace.text,
          "--output", desk.path("run"), "--steps", "1", "--sequence-length", "16"), naming: "vocab_size", "300", "304")
    }

    @Test func outputWhereNothingCanBeWritten() throws {
      let desk = try Desk()
      for place in ["\(desk.workspace.text)/run", "/proc/limbeck/run"] {
        expectRefusal(try desk.train(place), naming: URL(fileURLWithPath: place).deletingLastPathComponent().path)
      }
      expectRefusal(
        try Command.run(
          "tokenizer", "train", "--text", desk.workspace.text, "--output", "/proc/tokenizer.model",
          "--vocabulary-size", "300"),
        naming: "/proc/tokenizer.model: cannot be written")
    }

    /// A limit on the size of files stands in for a full disk: writes fail in the middle.
    @Test(
      .disabled(
        if: dlsym(nil, "__tsan_init") != nil, "ThreadSanitizer needs large files of its own, and dies of the limit"))
    func fullDisk() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let call = """
        "$limbeck" train --model '\(workspace.smallConfiguration)' --tokenizer '\(workspace.tokenizer)' \
        --text '\(workspace.text)' --steps 1 --batch-size 4 --sequence-length 16 --output run
        """
      expectRefusal(try Command.shell("ulimit -f 4; \(call)", in: desk.folder), naming: "/tokens/", "cannot be written")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.path("tokens")).isEmpty)
      // The token file is there now, and the checkpoint is what does not fit.
      #expect(try desk.train("first").code == 0)
      expectRefusal(
        try Command.shell("ulimit -f 16; \(call)", in: desk.folder), naming: "model.safetensors", "cannot be written")
      #expect(try FileManager.default.contentsOfDirectory(atPath: desk.path("run/checkpoints")).isEmpty)
      let resumed = try Command.run("train", "--output", "run", "--resume", in: desk.folder)
      #expect(resumed.code == 0, "\(resumed.errors)")
    }

    @Test func damagedTokenFile() throws {
      let desk = try Desk()
      #expect(try desk.train("first").code == 0)
      let name = try #require(FileManager.default.contentsOfDirectory(atPath: desk.path("tokens")).first)
      var bytes = try desk.data("tokens/\(name)")
      // The last id becomes 2^24 − 1 or so, far outside the vocabulary.
      bytes.replaceSubrange(bytes.count - 4..<bytes.count - 1, with: [0xFF, 0xFF, 0xFF])
      _ = try desk.write(bytes, to: "tokens/\(name)")
      expectRefusal(try desk.train("second"), naming: name, "vocabulary")
      #expect(!desk.exists("second"))
    }
  }
}
