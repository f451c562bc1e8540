import Foundation
import Testing

extension CommandTests {
  @Suite struct OnPolicy {
    private func arguments(_ desk: Desk, _ output: String, _ flags: String...) -> [String] {
      [
        "distill", "--teacher", desk.workspace.teacher, "--student", desk.workspace.smallConfiguration, "--text",
        desk.workspace.text, "--output", desk.path(output), "--steps", "60", "--batch-size", "4", "--sequence-length",
        "16", "--checkpoint-every", "5", "--seed", "7",
      ] + flags
    }

    private func prompts(_ desk: Desk) throws -> String {
      try desk.write(
        "{\"question\": \"The old fox\"}\n{\"question\": \"The young queen found\"}\n", to: "prompts.jsonl")
    }

    @Test func aRunThatWasKilledEndsInTheSameBytes() throws {
      let desk = try Desk()
      let flags = [
        "--on-policy", "0.5", "--prompts", try prompts(desk), "--prompt-field", "question", "--completion-length", "24",
      ]
      let whole = try Command.run(arguments(desk, "whole") + flags)
      try #require(whole.code == 0, "\(whole.errors)")
      let killed = try Command(arguments(desk, "killed") + flags)
      try killed.send(SIGKILL, when: desk.path("killed/checkpoints/step-00000010"))
      #expect(try killed.outcome().code == SIGKILL)
      let resumed = try Command.run("distill", "--output", desk.path("killed"), "--resume", "--threads", "1")
      #expect(resumed.code == 0, "\(resumed.errors)")
      #expect(try desk.data("killed/model.safetensors") == desk.data("whole/model.safetensors"))
    }

    @Test func noOnPolicyStepsAreNoneAtAll() throws {
      let desk = try Desk()
      for (name, flags) in [("plain", []), ("none", ["--on-policy", "0"]), ("all", ["--on-policy", "1"])] {
        let outcome = try Command.run(arguments(desk, name) + flags)
        try #require(outcome.code == 0, "\(outcome.errors)")
      }
      #expect(try desk.data("none/model.safetensors") == desk.data("plain/model.safetensors"))
      #expect(try desk.data("all/model.safetensors") != desk.data("plain/model.safetensors"))
    }

    @Test(arguments: [
      (["--on-policy", "1.5"], "--on-policy: expected a number from 0 to 1, found 1.5"),
      (["--on-policy", "-0.1"], "--on-policy: expected a number from 0 to 1, found -0.1"),
      (["--on-policy", "1", "--on-policy-temperature", "-1"], "--on-policy-temperature: expected"),
      (["--on-policy", "1", "--prompt-length", "17"], "--prompt-length: expected a number from 1"),
      (["--on-policy", "1", "--completion-length", "0"], "--completion-length: expected a number of at least 1"),
      (["--prompt-length", "3"], "--prompt-length: expected on-policy steps"),
    ])
    func settingsThatCannotBe(flags: [String], message: String) throws {
      let desk = try Desk()
      let outcome = try Command.run(arguments(desk, "run") + flags)
      #expect(outcome.code == 64)
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run"))
    }

    @Test func promptsBeyondTheContextAreNamed() throws {
      let desk = try Desk()
      let long = String(repeating: "zebra ", count: 60)
      let file = try desk.write("{\"prompt\": \"The\"}\n\n{\"prompt\": \"\(long)\"}\n", to: "prompts.jsonl")
      let outcome = try Command.run(arguments(desk, "run", "--on-policy", "1", "--prompts", file))
      #expect(outcome.code == 1)
      #expect(outcome.errors.contains("prompts.jsonl, line 3: expected at most 63 tokens"), "\(outcome.errors)")
      #expect(!desk.exists("run"))
    }
  }
}
