import LanguageModels
import Testing

@testable import Distillation

@Suite struct StudentPlanTests {
  static let teacher = DecoderConfiguration(
    vocabularySize: 67, hiddenSize: 24, feedForwardSize: 40, layerCount: 12, headCount: 6, keyValueHeadCount: 3)

  @Test(arguments: [
    (LayerSelection.all, 3, [0, 1, 2]), (.layers([0, 2, 4]), 5, [0, 2, 4]), (.layers([1]), 2, [1]),
    (.every(1), 3, [0, 1, 2]), (.every(2), 5, [0, 2, 4]), (.every(3), 5, [0, 3]), (.every(9), 5, [0]),
    (.count(6), 12, [0, 2, 4, 7, 9, 11]), (.count(1), 12, [0]), (.count(2), 12, [0, 11]), (.count(3), 5, [0, 2, 4]),
    (.count(5), 5, [0, 1, 2, 3, 4]), (.count(1), 1, [0]), (.count(4), 5, [0, 1, 3, 4]),
  ])
  func layers(_ selection: LayerSelection, of count: Int, are expected: [Int]) throws {
    #expect(try selection.indices(of: count) == expected)
  }

  @Test(arguments: [
    (
      LayerSelection.layers([0, 12]),
      "layers: expected layers from 0 to the teacher's last, 11, ascending, each once, found 0,12"
    ),
    (.layers([-1]), "layers: expected layers from 0 to the teacher's last, 11, ascending, each once, found -1"),
    (.layers([2, 2]), "layers: expected layers from 0 to the teacher's last, 11, ascending, each once, found 2,2"),
    (.layers([4, 2]), "layers: expected layers from 0 to the teacher's last, 11, ascending, each once, found 4,2"),
    (.layers([]), "layers: expected layers from 0 to the teacher's last, 11, ascending, each once, found none"),
    (.every(0), "every: expected at least 1, found 0"),
    (.count(0), "count: expected from 1 to the teacher's 12 layers, found 0"),
    (.count(13), "count: expected from 1 to the teacher's 12 layers, found 13"),
  ])
  func layersThatDoNotExist(_ selection: LayerSelection, _ description: String) {
    let error = #expect(throws: StudentPlanError.self) { try StudentPlan(of: Self.teacher, layers: selection) }
    #expect(error?.description == description)
  }

  @Test func sizesThatAreLeftOutFollowTheOthers() throws {
    func sizes(_ heads: Int?, _ keyValueHeads: Int?, channels: Int = 24) throws -> [Int] {
      let plan = try StudentPlan(
        of: Self.teacher, hiddenSize: channels, headCount: heads, keyValueHeadCount: keyValueHeads)
      return [plan.configuration.headCount, plan.configuration.keyValueHeadCount, plan.configuration.headSize]
    }
    #expect(try sizes(nil, nil) == [6, 3, 4])
    #expect(try sizes(3, nil) == [3, 3, 4])
    #expect(try sizes(2, nil) == [2, 2, 4])
    #expect(try sizes(nil, 2) == [4, 2, 4])
    #expect(try sizes(nil, 1, channels: 10) == [2, 1, 4])
    #expect(try sizes(2, 1) == [2, 1, 4])
    let plan = try StudentPlan(of: Self.teacher, layers: .count(3), feedForwardSize: 7)
    #expect(plan.configuration.layerCount == 3 && plan.configuration.feedForwardSize == 7 && plan.prunesWidth)
    #expect(plan.configuration.vocabularySize == 67 && plan.configuration.contextLength == Self.teacher.contextLength)
    #expect(try !StudentPlan(of: Self.teacher, layers: .count(3), hiddenSize: 24).prunesWidth)
  }

  @Test func sizesThatCannotBe() {
    func expect(
      _ description: String, channels: Int? = nil, neurons: Int? = nil, heads: Int? = nil, keyValueHeads: Int? = nil
    ) {
      let error = #expect(throws: StudentPlanError.self) {
        try StudentPlan(
          of: Self.teacher, hiddenSize: channels, feedForwardSize: neurons, headCount: heads,
          keyValueHeadCount: keyValueHeads)
      }
      #expect(error?.description == description)
    }
    expect("hidden-size: expected from 1 to the teacher's 24, found 25", channels: 25)
    expect("feed-forward-size: expected from 1 to the teacher's 40, found 0", neurons: 0)
    expect("heads: expected from 1 to the teacher's 6, found 12", heads: 12)
    expect("key-value-heads: expected from 1 to the teacher's 3, found 0", heads: 2, keyValueHeads: 0)
    expect("key-value-heads: expected from 1 to the teacher's 3, found 4", keyValueHeads: 4)
    expect(
      "heads: expected a multiple of the 3 key-value heads, up to the teacher's 2 for each, found 4", heads: 4)
    expect(
      "heads: expected a multiple of the 1 key-value head, up to the teacher's 2 for each, found 3", heads: 3,
      keyValueHeads: 1)
  }
}
