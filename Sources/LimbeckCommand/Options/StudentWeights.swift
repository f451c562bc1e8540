import LanguageModels
import ModelTraining
import TensorCore

extension TrainingSettings {
  /// Takes in what type of file the student is trained for. Throws where it would not be stored as it is trained.
  mutating func train(for flag: QuantisedWeights?, _ settings: inout RecipeFile) throws(RecipeError) {
    guard let type = try settings.value("student-weights", flag) else { return }
    guard weightType == .float32 else {
      throw settings.invalid(
        "weights", expected: "float32 with --student-weights", found: weightType.rawValue,
        advice: "it does not hold what \(type.rawValue) does; limbeck export writes the blocks themselves")
    }
    recipe.quantisedWeights = type
  }

  /// How many matrices of the student are trained as which type; nil where all are float32.
  func weightsLine(of configuration: DecoderConfiguration) -> String? {
    guard let type = recipe.quantisedWeights else { return nil }
    var counts: [(name: String, count: Int)] = []
    for weight in configuration.weights where weight.shape.count > 1 {
      let name = type.encoding(of: weight.role, in: configuration).name
      if let place = counts.firstIndex(where: { $0.name == name }) {
        counts[place].count += 1
      } else {
        counts.append((name, 1))
      }
    }
    let parts = counts.sorted { $0.count > $1.count }.enumerated().map { place, entry in
      "\(Format.count(entry.count))\(place == 0 ? " matrices" : "") in \(entry.name)"
    }
    return "trained for: \(parts.joined(separator: ", ")); vectors in float32"
  }
}

extension MatrixEncoding {
  fileprivate var name: String {
    switch self {
    case .plain(let type): type.rawValue
    case .blocks(let type): type.rawValue
    }
  }
}
