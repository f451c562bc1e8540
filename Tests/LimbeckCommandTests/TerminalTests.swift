import Testing

@testable import LimbeckCommand

@Suite struct TerminalTests {
  @Test func numbersAreReadable() {
    #expect(Format.count(0) == "0" && Format.count(999) == "999" && Format.count(-1_234_567) == "-1,234,567")
    #expect(Format.count(1, "step") == "1 step" && Format.count(1_200, "token") == "1,200 tokens")
    #expect(Format.count(0, "layer") == "0 layers")
    #expect(Format.time(7.4) == "0:07" && Format.time(754) == "12:34" && Format.time(3723) == "1:02:03")
    #expect(Format.time(.infinity) == "?" && Format.time(.nan) == "?")
    #expect(Format.bytes(1023) == "1023 B" && Format.bytes(1_044_992) == "1020.5 KiB")
    #expect(Format.fixed(0.12345, 3) == "0.123")
  }

  @Test func numbersThatJSONDoesNotHaveAreStrings() throws {
    let numbers = ["aB": Double.infinity, "c": -.infinity, "d": .nan, "e": 1.5]
    let text = try StandardOutput.json(numbers)
    #expect(text == #"{"aB":"Infinity","c":"-Infinity","d":"NaN","e":1.5}"#)
  }

  @Test func barsGrowFromLeftToRight() {
    #expect(ProgressLine.bar("step", 0, of: 200, facts: []) == "step   0/200 ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌")
    #expect(
      ProgressLine.bar("step", 50, of: 200, facts: ["loss 1.5", "0:10 left"])
        == "step  50/200 ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  loss 1.5  0:10 left")
    #expect(ProgressLine.bar("step", 200, of: 200, facts: []) == "step 200/200 ━━━━━━━━━━━━━━━━━━━━")
    #expect(ProgressLine.plainLine("step", 7, of: 10, facts: ["loss 2"]) == "step  7/10  loss 2")
  }

  @Test func tablesAreAligned() {
    let table = TextTable(rows: [["", "one", "two"], ["perplexity", "1.5", "10.25"], ["x", "100"]])
    #expect(table.text == "            one    two\nperplexity  1.5  10.25\nx           100\n")
  }

  @Test(arguments: [("runs/a-1_b.2", "runs/a-1_b.2"), ("my run", "'my run'"), ("it's", #"'it'\''s'"#), ("", "''")])
  func pathsAreQuotedForTheShell(text: String, quoted: String) {
    #expect(text.shellQuoted == quoted)
  }

  @Test func adviceNamesOldKernelsAndOverrides() {
    let modern: [VectorUnit] = [.avx, .avx2, .avx512]
    func warnings(_ kernel: String, _ units: [VectorUnit], _ environment: [String: String] = [:]) -> [String] {
      MatrixKernelAdvice.warnings(kernel: kernel, vectorUnits: units, environment: environment)
    }
    #expect(warnings("Cooperlake", modern).isEmpty)
    #expect(warnings("Haswell", [.avx, .avx2]).isEmpty)
    #expect(warnings("Haswell", modern).count == 1)
    #expect(warnings("Haswell", modern)[0].contains("AVX-512"))
    #expect(warnings("Sandybridge", [.avx, .avx2]).count == 1)
    #expect(warnings("Zen", modern, ["OPENBLAS_CORETYPE": "Zen", "OPENBLAS_L2_SIZE": "512"]).count == 3)
  }

  @Test func processorInformationIsRead() {
    let machine = Machine(
      processorInformation: "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 avx512f avx512bw\n")
    #expect(machine.processor == "Some CPU")
    #expect(machine.vectorUnits == [.avx, .avx2, .avx512])
    #expect(Machine(processorInformation: "flags : avx avx2 avx512f").vectorUnits == [.avx, .avx2])
    #expect(Machine(processorInformation: nil).vectorUnits.isEmpty)
  }
}
