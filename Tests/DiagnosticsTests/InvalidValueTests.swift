import Diagnostics
import Testing

/// What the user reads: place, key, expected, found, remedy, always in this order.
@Suite struct InvalidValueTests {
  @Test func theTextIsOneSentence() {
    #expect(
      InvalidValue("config.json", "vocab_size", expected: "a number", found: "null").description
        == "config.json: vocab_size: expected a number, found null")
    #expect(
      InvalidValue("--top-p", expected: "a number", found: "2", advice: "leave it out").description
        == "--top-p: expected a number, found 2; leave it out")
  }
}
