import LanguageModels
import ModelFiles
import ModelTraining
import TensorCore
import TestSupport
import Testing

@testable import Distillation

/// Shapes within a budget, and how they are compared.
@Suite struct PruningBudgetTests {
  static let configuration = DecoderConfiguration(
    vocabularySize: 31, hiddenSize: 32, feedForwardSize: 64, layerCount: 4, headCount: 4, keyValueHeadCount: 2,
    headSize: 8, contextLength: 16, tiesEmbeddings: true, initializerRange: 0.1)

  private static func budget(_ limit: Int) -> PruningBudget {
    PruningBudget(limit: Double(limit)) { Double($0.weightCount ?? .max) }
  }

  private static let importance = LayerImportance(losses: [3, 0.5, 0.1, 1])

  @Test(arguments: [8_000, 15_000, 25_000])
  func plansJustKeepWithinTheLimit(_ limit: Int) throws {
    let plans = Self.budget(limit).plans(of: Self.configuration, Self.importance)
    #expect(plans.count > 3)
    let kept = [1: [0], 2: [0, 3], 3: [0, 1, 3], 4: [0, 1, 2, 3]]
    for plan in plans {
      let sizes = plan.configuration
      let count = try #require(sizes.weightCount)
      #expect(count <= limit && Double(count) >= 0.85 * Double(limit), "\(sizes)")
      #expect(plan.layers == kept[plan.layers.count])
      #expect(sizes.hiddenSize.isMultiple(of: 8) && sizes.feedForwardSize.isMultiple(of: 16))
      #expect(sizes.headCount == 2 * sizes.keyValueHeadCount)
      // one unit of neurons more would not fit
      var more = sizes
      more.feedForwardSize += 16
      let larger = try #require(more.weightCount)
      #expect(more.feedForwardSize > 64 || larger > limit)
    }
    #expect(Set(plans.map { "\($0.configuration)" }).count == plans.count)
  }

  @Test func whatIsTooSmallHasNoPlanAndTheLeastIsTold() throws {
    let least = Self.budget(0).leastCost(of: Self.configuration)
    #expect(Self.budget(Int(least) - 1).plans(of: Self.configuration, Self.importance).isEmpty)
    let plans = Self.budget(Int(least)).plans(of: Self.configuration, Self.importance)
    #expect(plans.count == 1 && plans[0].layers == [0] && plans[0].configuration.hiddenSize == 8)
    // the teacher itself is no student
    let all = Self.budget(.max).plans(of: Self.configuration, Self.importance)
    #expect(!all.isEmpty && all.allSatisfy { $0.configuration != Self.configuration })
  }

  @Test func shapesThatTheFamilyCannotHaveAreLeftOut() {
    let budget = PruningBudget(
      limit: 15_000, isPossible: { $0.hiddenSize == 24 }, cost: { Double($0.weightCount ?? .max) })
    let plans = budget.plans(of: Self.configuration, Self.importance)
    #expect(!plans.isEmpty && plans.allSatisfy { $0.configuration.hiddenSize == 24 })
  }

  /// What a budget finds can be written and read in the teacher's family.
  @Test(arguments: ModelFixture.families) func shapesAreOfTheTeachersFamily(_ name: String) throws {
    let teacher = try FrozenDecoder(contentsOf: ModelFixture(name).folder)
    let sizes = teacher.configuration
    let ids = (0..<200).map { Int32($0 % sizes.vocabularySize) }
    let text = try PackedSequences(TokenArray(ids), sequenceLength: 16, name: "text")
    let limit = 0.9 * Double(try #require(sizes.weightCount))
    let budget = PruningBudget(
      limit: limit, isPossible: { (try? $0.huggingFaceJSON(weightType: .float32)) != nil },
      cost: { Double($0.weightCount ?? .max) })
    let plans = budget.plans(of: sizes, LayerImportance(of: teacher, on: text))
    let plan = try #require(plans.first)
    let student = TransformerDecoder(
      studentOf: teacher, plan, importance: ActivationImportance(of: teacher, on: text))
    let folder = try TemporaryFolder()
    try student.write(to: folder.url)
    #expect(try FrozenDecoder(contentsOf: folder.url).configuration == student.configuration)
  }

  @Test func layersStayByWhatTheLossRisesBy() throws {
    #expect(Self.importance.most(2) == .layers([0, 3]))
    #expect(LayerImportance(losses: [1, 1, 1]).most(2) == .layers([0, 1]))
    // a layer whose output is nothing is worth nothing
    let teacher = try trained()
    for weight in teacher.weights {
      if case .layer(2, .matrix(let matrix)) = weight.role, matrix == .output || matrix == .down {
        weight.parameter.value.withMutableSpan { for index in $0.indices { $0[index] = 0 } }
      }
    }
    let text = try text(seed: 9)
    let importance = LayerImportance(of: teacher, on: text)
    #expect(importance.losses[2] == 0 && importance.losses.count == 4)
    let plan = try StudentPlan(of: Self.configuration, layers: .layers([1, 2, 3]))
    let student = TransformerDecoder(studentOf: teacher, plan)
    #expect(importance.losses[0] == text.natsPerToken(of: student) - text.natsPerToken(of: teacher))
    #expect(LayerImportance(of: TransformerDecoder(studentOf: teacher, plan), on: text).losses.count == 3)
  }

  @Test func trialsPutTheBestShapeFirst() throws {
    let teacher = try trained()
    let (training, heldOut) = (try text(seed: 5), try text(seed: 9))
    let activations = ActivationImportance(of: teacher, on: training)
    let plans = Self.budget(15_000).plans(of: Self.configuration, LayerImportance(of: teacher, on: heldOut))
    let trials = ShapeTrials(of: teacher, activations, training: training, heldOut: heldOut, steps: 8)
    var calls: [Int] = []
    let results = try trials.ranked(plans) { done, total in
      #expect(done == calls.count && done < total)
      calls.append(done)
    }
    #expect(results.count == plans.count && Set(results.map { "\($0.plan)" }).count == plans.count)
    let finalists = results.prefix { $0.steps == 8 }
    #expect(finalists.count == 4 && results.contains { $0.steps == 2 } && results.contains { $0.steps == 0 })
    for (first, second) in zip(results, results.dropFirst()) where first.steps == second.steps {
      #expect(first.loss <= second.loss)
    }
    // as whoever makes the student by hand would find it
    let best = results[0]
    let student = TransformerDecoder(studentOf: teacher, best.plan, importance: activations)
    #expect(heldOut.natsPerToken(of: student, first: 24) != best.lossAfterCut)
    #expect(heldOut.natsPerToken(of: student) == best.lossAfterCut && best.loss < best.lossAfterCut)
    let again = try trials.ranked(plans)
    #expect(again == results)
  }

  /// A text in which each token follows from the one before it, most of the time.
  private func text(seed: UInt64) throws -> PackedSequences {
    var generator = SeededGenerator(seed: seed)
    var ids: [Int32] = [1]
    while ids.count < 600 {
      ids.append(generator.nextUniform() < 0.8 ? (ids[ids.count - 1] * 7 + 3) % 31 : Int32(generator.next() % 31))
    }
    return try PackedSequences(TokenArray(ids), sequenceLength: 12, name: "small.txt")
  }

  private func trained() throws -> TransformerDecoder {
    let teacher = TransformerDecoder(configuration: Self.configuration, seed: 1, device: Device(threads: 1))
    let recipe = TrainingRecipe(steps: 60, batchSize: 8, sequenceLength: 12, learningRate: 0.01, warmupSteps: 3)
    try Trainer(model: teacher, objective: CrossEntropyObjective(), data: text(seed: 5), recipe: recipe).run()
    return teacher
  }
}
