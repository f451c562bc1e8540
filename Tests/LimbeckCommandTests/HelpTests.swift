import Foundation
import Testing

extension CommandTests {
  @Suite struct Help {
    private static let trainingFlags = [
      "--text", "--output", "--steps", "--epochs", "--batch-size", "--micro-batch-size", "--sequence-length",
      "--learning-rate", "--warmup-steps", "--schedule", "--beta1", "--beta2", "--epsilon", "--weight-decay",
      "--gradient-clip", "--ema-decay", "--seed", "--validation-text", "--evaluate-every", "--checkpoint-every",
      "--weights",
      "--resume", "--threads", "--backend", "--recipe",
    ]

    @Test(arguments: [
      ([], ["--version"]),
      (["tokenizer"], []),
      (["tokenizer", "train"], ["--text", "--output", "--vocabulary-size", "--algorithm", "--user-defined-symbols"]),
      (["tokenizer", "inspect"], ["--json"]),
      (["tokenizer", "encode"], ["--tokenizer", "--json"]),
      (["tokenizer", "decode"], ["--tokenizer"]),
      (["train"], ["--model", "--tokenizer", "--control-of", "--sequences-of"] + trainingFlags),
      (
        ["distill"],
        [
          "--teacher", "--teacher-weights", "--student", "--divergence", "--temperature", "--hard-label-weight",
          "--soft-label-weight", "--logits-mse-weight", "--token-weighting", "--preset", "--align-layers",
          "--hidden-cosine-weight", "--hidden-mse-weight", "--relation-weight", "--relation-layers", "--relation-heads",
          "--on-policy", "--on-policy-temperature", "--prompts", "--prompt-field", "--prompt-length",
          "--completion-length", "--teacher-cache", "--validation-teacher-cache", "--student-weights",
          "--distil-first", "--distil-last", "--one-teacher-per-step",
        ] + trainingFlags
      ),
      (
        ["cache-teacher"],
        [
          "--teacher", "--text", "--output", "--method", "--k", "--draws", "--temperature", "--sequence-length",
          "--seed", "--teacher-precision", "--resume", "--threads", "--count", "--validation", "--json",
        ]
      ),
      (
        ["student"],
        [
          "--from", "--output", "--layers", "--every", "--count", "--hidden-size", "--feed-forward-size", "--heads",
          "--key-value-heads", "--method", "--calibration-text", "--calibration-tokens", "--weights", "--threads",
          "--parameters", "--bytes", "--type", "--tokens-per-second", "--trial-steps", "--rounds", "--steps", "--quiet",
        ]
      ),
      (
        ["search"],
        [
          "--teacher", "--text", "--validation-text", "--parameters", "--runs", "--steps", "--output", "--start",
          "--batch-size", "--sequence-length", "--learning-rate", "--hard-label-weight", "--seed", "--json",
          "--threads",
        ]
      ),
      (
        ["vocabulary"],
        [
          "--from", "--text", "--also-text", "--also", "--validation-text", "--window", "--output", "--json",
          "--threads", "--text-field",
        ]
      ),
      (
        ["perplexity"],
        ["--model", "--text", "--window", "--stride", "--count", "--json", "--weights", "--threads", "--backend"]
      ),
      (
        ["compare"],
        [
          "--teacher", "--student", "--text", "--window", "--json", "--generate", "--verbose", "--count", "--weights",
          "--tasks", "--answer-tokens",
        ]
      ),
      (["evaluate"], ["--model", "--tokenizer", "--tasks", "--answer-tokens", "--answers", "--weights", "--json"]),
      (["demo"], ["--text", "--validation-text", "--output", "--vocabulary-size", "--steps", "--seed", "--threads"]),
      (["chat"], ["--model", "--draft", "--system", "--template", "--no-template", "--max-tokens", "--verbose"]),
      (
        ["serve"],
        [
          "--model", "--host", "--port", "--name", "--batch-size", "--max-queue", "--max-tokens",
          "--max-connections", "--max-body", "--time-limit", "--idle-limit", "--drain-limit", "--draft", "--template",
          "--cache-precision",
        ]
      ),
      (
        ["report"],
        [
          "--output", "--teacher", "--control", "--text", "--window", "--weights", "--prompts", "--seed", "--threads",
          "--tasks",
        ]
      ),
      (
        ["generate"],
        [
          "--model", "--prompt", "--prompts", "--max-tokens", "--temperature", "--top-k", "--top-p", "--min-p",
          "--repetition-penalty", "--seed", "--stop", "--json", "--draft", "--draft-tokens", "--output", "--samples",
          "--resume", "--prompt-field", "--prompt-length", "--prompt-count", "--with-tokens", "--keep-min-tokens",
          "--keep-max-tokens", "--keep-mean-log-probability", "--keep-ended", "--keep-matching", "--reference",
          "--weights",
        ]
      ),
      (["export"], ["--model", "--output", "--type", "--json", "--threads"]),
      (["inspect"], ["--json"]),
      (["doctor"], ["--backend"]),
    ])
    func everyHelpHasAnExampleAndAllFlags(subcommand: [String], flags: [String]) throws {
      let help = try Command.run(subcommand + ["--help"])
      #expect(help.code == 0)
      #expect(help.errors.isEmpty)
      #expect(help.output.contains("Example"))
      #expect(help.output.contains("  limbeck \(subcommand.joined(separator: " "))"))
      for flag in flags { #expect(help.output.contains("\(flag) ") || help.output.contains("\(flag)\n"), "\(flag)") }
    }

    @Test func linesOfHelpFitOnATerminal() throws {
      for subcommand in [
        "train", "student", "vocabulary", "cache-teacher", "distill", "perplexity", "evaluate", "compare", "report",
        "generate", "serve", "export", "inspect", "doctor", "tokenizer", "demo", "chat",
      ] {
        let help = try Command.run(subcommand, "--help", environment: ["COLUMNS": "80"])
        let example = try #require(help.output.range(of: "Example"))
        let lines = help.output[example.lowerBound...].split(separator: "\n").prefix { !$0.hasPrefix("USAGE") }
        // A wrapped line of an example would start in the first column.
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("  ") }, "\(subcommand)")
        // what stands before the flags has line ends of its own
        let wide = try Command.run(subcommand, "--help", environment: ["COLUMNS": "200"])
        let discussions = [help, wide].map {
          $0.output.components(separatedBy: "USAGE:")[0].components(separatedBy: "\n\n").dropFirst()
        }
        #expect(discussions[0] == discussions[1], "\(subcommand)")
      }
    }

    /// What is a folder or a file is called neither.
    @Test func valuesThatMayBeAFolderOrAFileAreCalledSo() throws {
      let help = try Command.run("--experimental-dump-help").output
      var names: [(help: String, name: String)] = []
      func find(in value: Any) {
        if let values = value as? [Any] { values.forEach(find) }
        guard let members = value as? [String: Any] else { return }
        if let help = members["abstract"] as? String, let name = members["valueName"] as? String {
          names.append((help, name))
        }
        members.values.forEach(find)
      }
      find(in: try JSONSerialization.jsonObject(with: Data(help.utf8)))
      let both = names.filter { $0.help.contains(".gguf") }
      #expect(both.count > 10)
      for (help, name) in both {
        #expect(["model", "path", "config.json|size|model"].contains(name), "\(help): \(name)")
      }
    }

    @Test func versionGoesToStandardOutput() throws {
      let version = try Command.run("--version")
      #expect(version.code == 0)
      #expect(version.output.hasPrefix("limbeck "))
      #expect(version.errors.isEmpty)
    }

    @Test(arguments: [
      ["nonsense"],
      ["train", "--no-such-flag"],
      ["train", "--steps", "many"],
      ["train", "--output", "x"],
      ["perplexity", "--model", "x", "--text", "y", "--window", "0"],
      ["perplexity", "--model", "x", "--text", "y", "--window", "8", "--stride", "9"],
      ["generate", "--model", "x"],
      ["generate", "--model", "x", "--prompt", "a", "--prompts", "b"],
      ["generate", "--model", "x", "--prompt", "a", "--top-p", "0"],
      ["generate", "--model", "x", "--prompt", "a", "--max-tokens", "0"],
      ["generate", "--model", "x", "--prompt", "a", "--draft-tokens", "4"],
      ["generate", "--model", "x", "--prompt", "a", "--draft", "y", "--draft-tokens", "0"],
      ["generate", "--model", "x", "--prompt", "a", "--draft", "y", "--draft-tokens", "few"],
      ["generate", "--model", "x", "--prompt", "a", "--draft", "y", "--output", "z.jsonl"],
      ["serve", "--model", "x", "--port", "65536"],
      ["serve", "--model", "x", "--host", ""],
      ["serve", "--model", "x", "--name", ""],
      ["serve", "--model", "x", "--batch-size", "0"],
      ["serve", "--model", "x", "--max-queue", "-1"],
      ["serve", "--model", "x", "--max-tokens", "0"],
      ["serve", "--model", "x", "--max-connections", "0"],
      ["serve", "--model", "x", "--max-body", "10"],
      ["serve", "--model", "x", "--time-limit", "nan"],
      ["serve", "--model", "x", "--idle-limit", "0"],
      ["serve", "--model", "x", "--drain-limit", "1e9"],
      ["serve", "--model", "x", "--draft-tokens", "4"],
      ["compare", "--teacher", "x", "--student", "y", "--text", "z", "--threads", "0"],
      ["compare", "--teacher", "x", "--student", "y", "--text", "z", "--generate", "0"],
      ["compare", "--teacher", "x", "--text", "z"],
      ["compare", "--teacher", "x", "--teacher-precision", "int4", "--text", "z"],
      ["report", "--output", "x"],
      ["student", "--from", "x", "--output", ""],
      ["student", "--from", "x", "--output", "y.gguf"],
      ["generate", "--model", "x", "--prompt", "a", "--output", ""],
      ["train", "--model", "a", "--text", "b", "--steps", "1", "--output", ""],
      ["train", "--model", "a", "--text", "b", "--steps", "1", "--output", "c.gguf"],
      ["train", "--resume", "--output", ""],
      ["distill", "--teacher", "a", "--student", "b", "--text", "c", "--steps", "1", "--output", ""],
      ["distill", "--teacher", "a", "--student", "b", "--text", "c", "--steps", "1", "--output", "d.safetensors"],
      ["report", "x"],
      ["report", "x", "--output", "y", "--window", "0"],
      ["report", "x", "--output", "y", "--sample-tokens", "0"],
      ["train", "--precision", "half"],
      ["student", "--from", "x", "--output", "y", "--layers", "0;2"],
      ["student", "--from", "x", "--output", "y", "--layers", "0,2", "--count", "2"],
      ["student", "--from", "x", "--output", "y", "--heads", "2"],
      ["student", "--from", "x", "--output", "y", "--count", "2", "--calibration-text", "z"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--method", "bottom-k"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--method", "top-k", "--k", "0"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--method", "top-k", "--draws", "5"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--k", "5"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--draws", "0"],
      ["cache-teacher", "--teacher", "x", "--text", "y", "--output", "z", "--temperature", "0"],
      ["distill", "--divergence", "hellinger"],
      ["distill", "--divergence", "forward-kl:0.5"],
      ["distill", "--divergence", "skew-forward-kl:1"],
      [
        "distill", "--teacher", "a", "--student", "b", "--text", "c", "--output", "d", "--steps", "1", "--temperature",
        "0",
      ],
      ["train", "--model", "a", "--text", "b", "--output", "c"],
      ["train", "--model", "a", "--text", "b", "--output", "c", "--steps", "1", "--batch-size", "0"],
      ["train", "--model", "a", "--text", "b", "--output", "c", "--steps", "1", "--epochs", "1"],
    ])
    func wrongUsageIsCode64(arguments: [String]) throws {
      let outcome = try Command.run(arguments)
      #expect(outcome.code == 64)
      #expect(outcome.output.isEmpty)
      #expect(outcome.errors.hasPrefix("error: "))
    }
  }
}
