import Diagnostics
import Distillation
import DurableFiles
import Foundation
import LanguageModels
import Limbeck
import ModelFiles
import TensorCore

/// The budget of a student, with what models of some sizes cost.
struct StudentBudget: Sendable {
  /// What is limited.
  enum Measure: Sendable {
    case parameters
    /// Bytes of a file of a type, of which so many are no weights, in a file of so many tensors.
    case bytes(GGUFWeightType, overhead: Int, tensors: Int)
    case tokensPerSecond(GenerationSpeed)
  }

  var measure: Measure
  /// The most that a student may cost, in the unit of `cost`.
  let limit: Double
  /// The flag that gives it.
  let flag: String

  /// The budget of the user's flags; nil without one. Measures where that needs it.
  init?(_ options: BudgetOptions, of teacher: LanguageModel, on device: Device) throws {
    if let parameters = options.parameters {
      (measure, limit, flag) = (.parameters, Double(parameters.parameters), "parameters")
    } else if let bytes = options.bytes {
      (measure, limit, flag) = (try Self.bytes(options.type ?? .f16, of: teacher), Double(bytes.bytes), "bytes")
    } else if let speed = options.tokensPerSecond {
      measure = .tokensPerSecond(GenerationSpeed(of: teacher.configuration, on: device))
      (limit, flag) = (1 / speed, "tokens-per-second")
    } else {
      return nil
    }
  }

  /// Bytes of a tensor's name, shape, type and place in a GGUF file, and of what fills its last 32: at most.
  private static let bytesOfTensor = 128

  /// Finds what a file has beside its weights: the tokenizer, above all.
  private static func bytes(_ type: GGUFWeightType, of teacher: LanguageModel) throws -> Measure {
    var single = teacher.configuration
    single.attention = Array(single.attention.prefix(1))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limbeck-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("single.gguf")
    let model = try LanguageModel(
      configuration: single, tokenizer: teacher.tokenizer, seed: 0, device: teacher.decoder.device)
    _ = try model.writeGGUF(to: file, as: type)
    let size = try MappedFile(contentsOf: file).count
    return .bytes(type, overhead: size - weightBytes(single, type), tensors: single.weights.count)
  }

  private static func weightBytes(_ configuration: DecoderConfiguration, _ type: GGUFWeightType) -> Int {
    configuration.weights.reduce(0) { sum, weight in
      let columns = weight.shape.last ?? 1
      let rows = weight.shape.dropLast().reduce(1, *)
      return sum + rows * type.encoding(of: weight.role, in: configuration).rowBytes(columns: columns)
    }
  }

  /// What a model of these sizes costs: weights, bytes, or seconds for a token.
  func cost(_ configuration: DecoderConfiguration) -> Double {
    switch measure {
    case .parameters: return Double(configuration.weightCount ?? .max)
    case .bytes(let type, let overhead, let tensors):
      let more = max(0, configuration.weights.count - tensors) * Self.bytesOfTensor
      return Double(Self.weightBytes(configuration, type) + overhead + more)
    case .tokensPerSecond(let speed): return speed.seconds(configuration)
    }
  }

  /// A cost for people.
  func text(_ cost: Double) -> String {
    switch measure {
    case .parameters: Format.count(Int(min(cost, Self.mostShown))) + " weights"
    case .bytes: Format.bytes(Int(min(cost, Self.mostShown)))
    case .tokensPerSecond: Format.speed(1 / cost) + " tokens/s"
    }
  }

  /// What no model costs, and an integer still holds.
  private static let mostShown = 1e18

  /// How far a cost may lie above a limit: a measured speed has the machine's noise.
  var tolerance: Double { if case .tokensPerSecond = measure { 1.03 } else { 1 } }

  /// A cost in the unit of the flag.
  func value(_ cost: Double) -> Double {
    if case .tokensPerSecond = measure { 1 / cost } else { cost }
  }

  /// A limit as the flag has it.
  func argument(_ limit: Double) -> String {
    switch measure {
    case .parameters: "\(limit.rounded(.down) / 1000)K"
    case .bytes: "\(Int(limit))"
    case .tokensPerSecond: "\(1 / limit)"
    }
  }

  /// The library's budget, of shapes that the teacher's family can have.
  var pruningBudget: PruningBudget {
    PruningBudget(
      limit: limit, isPossible: { (try? $0.huggingFaceJSON(weightType: .float32)) != nil }, cost: { cost($0) })
  }

  /// The share of the teacher that may go at once where the user does not say otherwise.
  private static let mostAtOnce = 1.0 / 3

  /// Throws where the budget is no cut at all, where no shape is as small, and where more would go at once than the
  /// user may mean.
  func check(_ teacher: DecoderConfiguration, rounds: Int?) throws {
    let whole = cost(teacher)
    let isSpeed = flag == "tokens-per-second"
    guard limit < whole else {
      throw InvalidValue(
        "--\(flag)", expected: "\(isSpeed ? "more" : "less") than the teacher's \(text(whole))", found: text(limit))
    }
    let least = pruningBudget.leastCost(of: teacher)
    guard limit >= least else {
      throw InvalidValue(
        "--\(flag)", expected: "\(isSpeed ? "at most" : "at least") \(text(least)), of the smallest shape",
        found: text(limit), advice: "a quarter of layers, channels and heads and an eighth of the neurons stay")
    }
    // a measured speed is not sure to a tenth, and limits between rounds are rounded
    let slack = isSpeed ? 1.1 : 1.001
    let needed = Int((log(whole / limit / slack) / -log(1 - Self.mostAtOnce)).rounded(.up))
    guard rounds != nil || needed <= 1 else {
      throw InvalidValue(
        "--rounds", expected: "a number for \(text(limit)) of \(text(whole)): more than a third would go at once",
        found: "none",
        advice: "give --rounds 1 to cut at once, or --rounds \(needed) --steps N to distil between rounds")
    }
  }
}
