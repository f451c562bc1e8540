import Foundation
import ModelEvaluation
import Testing

@testable import LimbeckCommand

extension CommandTests {
  @Suite struct EvaluateCommand {
    /// What the workspace's text says at the place, or something that it never says.
    private static let sure =
      ["old fox", "grey owl", "quiet sailor", "young queen"].map {
        #"{"question": "The", "choices": ["\#($0) found", "zzz qqq xxx"], "answer": 0}"# + "\n"
      }.joined()
    private static let open =
      #"{"question": "The old", "answer": 7}"# + "\n" + #"{"question": "A", "answer": "3"}"# + "\n"

    @Test func modelsAnswerQuestions() throws {
      let desk = try Desk()
      let tasks = [try desk.write(Self.sure, to: "sure.jsonl"), try desk.write(Self.open, to: "open.jsonl")]
      let call = ["evaluate", "--model", desk.workspace.teacher, "--tasks"] + tasks + ["--answer-tokens", "8"]
      let shown = try Command.run(call + ["--answers", desk.path("answers.jsonl")])
      try #require(shown.code == 0, "\(shown.errors)")
      let lines = shown.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
      #expect(lines[0].joined(separator: " ") == "sure: 4 questions, of which guessing has 50.00 % right")
      #expect(lines[1].joined(separator: " ") == "open: 2 questions")
      #expect(lines.contains("acc of sure, % 100.00 ± 0.00".split(separator: " ")), "\(shown.output)")
      #expect(lines.contains("exact match (strict) of open, % 0.00 ± 0.00".split(separator: " ")), "\(shown.output)")

      let rows = try desk.text("answers.jsonl").split(separator: "\n").map {
        try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
      }
      #expect(rows.count == 6)
      let values = try #require(rows[0]["log_likelihoods"] as? [Double])
      #expect(values[0] > values[1] && rows[0]["answer"] as? String == "0")
      #expect((rows[0]["right"] as? [String: Bool]) == ["acc": true, "acc_norm": true])
      #expect((rows[0]["question"] as? String)?.hasSuffix("sure.jsonl, line 1") == true)
      #expect(rows[4]["generated"] is String && rows[4]["task"] as? String == "open")

      let json = try Command.run(call + ["--json"])
      let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      let model = try #require((report["models"] as? [[String: Any]])?.first)
      let sure = try #require((model["tasks"] as? [[String: Any]])?.first)
      #expect(sure["task"] as? String == "sure" && sure["questions"] as? Int == 4)
      #expect((sure["acc"] as? [String: Double]) == ["mean": 1, "standard_error": 0])
      #expect(sure["guessing"] as? Double == 0.5 && sure["truncated_prompts"] as? Int == 0)
    }

    @Test func whatIsCutOffIsSaid() throws {
      let desk = try Desk()
      let long = String(repeating: "The old fox found a lamp by the river. ", count: 40)
      let row = "{\"question\": \"\(long)\", \"choices\": [\"The\", \"zzz\"], \"answer\": 0}\n"
      let task = try desk.write(row + row, to: "long.jsonl")
      let outcome = try Command.run("evaluate", "--model", desk.workspace.teacher, "--tasks", task)
      #expect(outcome.code == 0)
      #expect(outcome.errors.contains("the beginning of 2 prompts was cut off, for the context of 64 tokens"))
    }

    @Test func studentsKeepWhatTheirTeacherKnows() throws {
      let desk = try Desk()
      let task = try desk.write(Self.sure, to: "sure.jsonl")
      let trained = try desk.train("run", "--learning-rate", "1e-3")
      try #require(trained.code == 0, "\(trained.errors)")
      let call = [
        "compare", "--teacher", desk.workspace.teacher, "--student", desk.path("run"), "--text",
        desk.workspace.heldOut, "--tasks", task,
      ]
      let compared = try Command.run(call)
      try #require(compared.code == 0, "\(compared.errors)")
      #expect(compared.output.contains("% of the teacher's acc on sure: "), "\(compared.output)")
      #expect(compared.output.contains("of 100.00 %\n") && compared.output.contains("of the teacher's, %"))
      let json = try Command.run(call + ["--json"])
      let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      let student = try #require((report["students"] as? [[String: Any]])?.first)
      let kept = try #require(student["kept_accuracy"] as? [[String: Any]])
      #expect(kept.map { $0["metric"] as? String } == ["acc", "acc_norm"])
      #expect(kept[0]["teacher"] as? Double == 1 && kept[0]["teacher_above_guessing"] as? Bool == true)
      #expect(student["tasks"] != nil)

      let reported = try Command.run(
        "report", desk.path("run"), "--teacher", desk.workspace.teacher, "--text", desk.workspace.heldOut, "--tasks",
        task, "--output", desk.path("report.html"))
      try #require(reported.code == 0, "\(reported.errors)")
      let page = try desk.text("report.html")
      #expect(page.contains("<h2>Task accuracy</h2>") && page.contains("sure: 4 questions, 50.0\u{202F}% by guessing"))
      #expect(page.contains("of the teacher’s accuracy on sure"))
    }

    @Test func badTasksAreRefused() throws {
      let desk = try Desk()
      func refused(_ text: String, _ message: String, name: String = "bad.jsonl", _ flags: String...) throws {
        let task = try desk.write(text, to: name)
        let call = ["evaluate", "--model", desk.workspace.teacher, "--tasks", task] + flags
        let outcome = try Command.run(call)
        #expect(outcome.code == 1 && outcome.output.isEmpty, "\(outcome.errors)")
        #expect(outcome.errors.contains("error: ") && outcome.errors.contains(message), "\(outcome.errors)")
      }
      try refused("", "expected")
      try refused("Who?\n", "line 1: column 1: not valid JSON")
      try refused(Self.sure + #"{"question": "x", "choices": [], "answer": 0}"#, "line 5: choices: expected an array")
      try refused(Self.sure + #"{"question": "x", "choices": ["a", "b"], "answer": 2}"#, "line 5: answer: expected")
      try refused(Self.open, "teacher: answer-tokens: expected at least 1, and fewer", "--answer-tokens", "64")
      try refused(Self.open, "exists already", "--answers", desk.workspace.text)
      try refused(Self.open, "make the folder", "--answers", desk.path("none/answers.jsonl"))
    }

    @Test func wrongCallsAreUsage() throws {
      let desk = try Desk()
      for flags in [[], ["--tasks", "a.jsonl", "--answer-tokens", "0"]] {
        #expect(try Command.run(["evaluate", "--model", desk.workspace.teacher] + flags).code == 64, "\(flags)")
      }
      #expect(try Command.run("evaluate", "--tasks", "a.jsonl").code == 64)
    }

    @Test func aModelWithoutATokenizerIsRefused() throws {
      let desk = try Desk()
      let task = try desk.write(Self.sure, to: "sure.jsonl")
      let model = try desk.copyOfTeacher("bare")
      for file in ["tokenizer.model", "tokenizer.json"] {
        try? FileManager.default.removeItem(atPath: "\(model)/\(file)")
      }
      let outcome = try Command.run("evaluate", "--model", model, "--tasks", task)
      #expect(outcome.code == 1 && outcome.errors.contains("tokenizer"), "\(outcome.errors)")
      let given = try Command.run(
        "evaluate", "--model", model, "--tokenizer", desk.workspace.tokenizer, "--tasks", task)
      #expect(given.code == 0, "\(given.errors)")
    }
  }
}
