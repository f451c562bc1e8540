import Diagnostics
import Testing

@Suite struct NearestNameTests {
  private let divergences = ["forward-kl", "reverse-kl", "jensen-shannon", "total-variation"]

  @Test(arguments: [
    ("forward_kl", "forward-kl"), ("Forward-KL", "forward-kl"), ("kl", "forward-kl"), ("reverse", "reverse-kl"),
    ("jensen-shanon", "jensen-shannon"), ("total-vairation", "total-variation"), ("reverse-k", "reverse-kl"),
  ])
  func nearNames(text: String, name: String) {
    #expect(NearestName.nearest(to: text, among: divergences) == name)
    #expect(NearestName.advice(for: text, among: divergences) == "; did you mean '\(name)'?")
  }

  @Test(arguments: ["", "x", "hellinger", "cosine"])
  func namesThatAreNotNear(text: String) {
    #expect(NearestName.nearest(to: text, among: divergences) == nil)
    #expect(NearestName.advice(for: text, among: divergences).isEmpty)
  }

  @Test func aTextMuchLongerThanEveryNameIsNearToNone() {
    #expect(NearestName.nearest(to: "forward-kl", among: ["kl", "reverse"]) == nil)
    // a distance over all of it would take hours
    let long = String(repeating: "forward-kl", count: 10_000_000)
    #expect(NearestName.nearest(to: long, among: divergences) == nil)
    #expect(NearestName.nearest(to: long, among: []) == nil)
  }

  @Test(arguments: [("bfloat16", "bf16"), ("fp32", "float32"), ("f16", "float16"), ("BFloat16", "bf16")])
  func namesOfNumberTypes(text: String, name: String) {
    #expect(NearestName.nearest(to: text, among: ["float32", "float16", "bf16"]) == name)
    #expect(NearestName.nearest(to: "int8", among: ["float32", "float16", "bf16"]) == nil)
  }

  @Test func theNearestOfSeveralIsChosen() {
    #expect(NearestName.nearest(to: "trian", among: ["train", "brain", "terrain"]) == "train")
    #expect(NearestName.nearest(to: "promt", among: ["prompts", "prompt", "precision"]) == "prompt")
    #expect(NearestName.nearest(to: "a", among: ["b"]) == nil)
  }
}
