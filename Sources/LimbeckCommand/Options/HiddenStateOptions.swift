import ArgumentParser
import Distillation

/// What is compared inside of student and teacher.
struct HiddenStateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Pairs of layers, from 0, whose outputs are compared; also 'embedding' and 'last' (default: last).",
      valueName: "teacher:student,…"))
  var alignLayers: LayerPairs?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight of 1 - cosine of the hidden states (default: 1 with --align-layers alone, else 0).",
      valueName: "w"))
  var hiddenCosineWeight: Schedule?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The weight of the mean squared difference of hidden states (default: 0).", valueName: "w"))
  var hiddenMseWeight: Schedule?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Weight of the divergence of query, key and value relations, as in MiniLMv2 (default: 0).",
      valueName: "w"))
  var relationWeight: Schedule?
  @Option(
    help: ArgumentHelp(
      "Pair of layers, from 0, whose relations are compared (default: last).", valueName: "teacher:student"))
  var relationLayers: LayerPairs?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relation heads (default: the student's key-value heads).",
      valueName: "n"))
  var relationHeads: Int?

  /// What is compared, and its description for the run folder; nil for nothing.
  func terms(
    _ recipe: inout RecipeFile, preset: ObjectivePreset?
  ) throws(RecipeError) -> (value: HiddenStateTerms, description: String?) {
    let pairs = try recipe.value("align-layers", alignLayers)
    let meanSquare = try recipe.value("hidden-mse-weight", hiddenMseWeight, default: 0)
    let asked: Schedule = pairs != nil && meanSquare == 0 ? 1 : 0
    let cosine = try recipe.value(
      "hidden-cosine-weight", hiddenCosineWeight, default: preset?.hiddenCosineWeight ?? asked)
    let relation = try recipe.value("relation-weight", relationWeight, default: 0)
    let relationLayers = try recipe.value("relation-layers", relationLayers, default: .last)
    let heads = try recipe.value("relation-heads", relationHeads)
    guard relationLayers.pairs.count == 1 else {
      throw recipe.invalid(
        "relation-layers", expected: "one pair of layers", found: relationLayers.defaultValueDescription)
    }
    if let heads, heads < 1 {
      throw recipe.invalid("relation-heads", expected: "a whole number above 0", found: "\(heads)")
    }
    let terms = HiddenStateTerms(
      pairs: (pairs ?? .last).pairs, cosineWeight: cosine, meanSquareWeight: meanSquare,
      relationPair: relationLayers.pairs[0], relationWeight: relation, relationHeads: heads)
    do { try terms.validate() } catch {
      throw recipe.invalid(error)
    }
    var parts: [String] = []
    if terms.comparesHiddenStates {
      parts.append(
        "align-layers \((pairs ?? .last).defaultValueDescription), "
          + "hidden-cosine-weight \(cosine.defaultValueDescription), "
          + "hidden-mse-weight \(meanSquare.defaultValueDescription)")
    }
    if terms.comparesRelations {
      parts.append(
        "relation-layers \(relationLayers.defaultValueDescription), "
          + "relation-weight \(relation.defaultValueDescription), "
          + "relation-heads \(heads.map(String.init) ?? "as the student's key-value heads")")
    }
    return (terms, parts.isEmpty ? nil : parts.joined(separator: "; "))
  }
}

/// Pairs of layers, which count from 0, as text: `2:0,5:1`, `last`, `embedding:embedding`, `last:1`.
struct LayerPairs: ExpressibleByArgument {
  let pairs: [LayerPair]

  static let last = Self(pairs: [LayerPair()])

  private init(pairs: [LayerPair]) { self.pairs = pairs }

  init?(argument: String) {
    var pairs: [LayerPair] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let numbers = part.split(separator: ":", omittingEmptySubsequences: false).map { Self.layer(String($0)) }
      if part == "last" {
        pairs.append(LayerPair())
      } else if numbers.count == 2, let teacher = numbers[0], let student = numbers[1] {
        pairs.append(LayerPair(teacher: teacher, student: student))
      } else {
        return nil
      }
    }
    self.init(pairs: pairs)
  }

  private static func layer(_ text: String) -> AlignedLayer? {
    switch text {
    case "last": .last
    case "embedding": .embedding
    default: Int(text).flatMap { $0 >= 0 ? .layer($0) : nil }
    }
  }

  static var allValueStrings: [String] {
    ["last", "teacher:student pairs of layers, embedding or last, with commas between"]
  }

  var defaultValueDescription: String {
    pairs.map { pair in
      let names = [pair.teacher, pair.student].map { layer in
        switch layer {
        case .embedding: "embedding"
        case .layer(let index): "\(index)"
        case .last: "last"
        }
      }
      return pair == LayerPair() ? "last" : names.joined(separator: ":")
    }.joined(separator: ",")
  }
}
