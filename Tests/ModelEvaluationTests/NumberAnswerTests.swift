import Testing

@testable import ModelEvaluation

/// What lm_eval 0.4.13 finds, with the filters and the metric of its gsm8k.yaml.
@Suite("Numbers of generated answers")
struct NumberAnswerTests {
  @Test(arguments: [
    ("6 * 7 = 42\n#### 42", "42", "42"), (" #### $42", nil, "42"), ("#### 1,200.", "1200", "1200"),
    ("#### 5\nThen #### 7", "5", "7"), ("####5", nil, "5"), ("It costs $12.50, not more.", nil, "12.50"),
    ("#### -3", "-3", "-3"), ("7 apples", nil, "7"), ("none", nil, nil), ("", nil, nil), ("#### ...", "..", ".."),
    ("from 3 to 4.5", nil, "4.5"), ("1-2", nil, "-2"), ("x, y", nil, nil), ("#### 1.2.3", "1.2.3", "1.2.3"),
  ])
  func numbers(text: String, strict: String?, flexible: String?) {
    #expect(NumberAnswer.strict(in: text) == strict)
    #expect(NumberAnswer.flexible(in: text) == flexible)
  }

  @Test func references() {
    #expect(NumberAnswer.reference(in: "so 6.\n#### 1,234") == "1234")
    for text in ["", "#### ", "one", "1 2", "-", ".", "#### 3\nand more"] {
      #expect(NumberAnswer.reference(in: text) == nil, "\(text)")
    }
  }
}
