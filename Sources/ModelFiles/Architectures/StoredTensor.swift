import LanguageModels

/// A tensor of a model's files, and the weights that lie in it.
struct StoredTensor: Equatable {
  /// Rows of it that belong to one weight and lie together.
  struct Part: Equatable {
    let role: WeightRole
    /// The rows of the tensor.
    let rows: Range<Int>
    /// Where they begin among the weight's own rows.
    let start: Int
  }

  let name: String
  private(set) var shape: [Int]
  /// In the tensor's order of rows; they cover it.
  private(set) var parts: [Part] = []

  private init(_ name: String, of weights: [(weight: DeclaredWeight, rows: [Range<Int>])]) {
    self.name = name
    shape = weights[0].weight.shape
    shape[0] = 0
    for (weight, rows) in weights {
      var start = 0
      for range in rows {
        parts.append(Part(role: weight.role, rows: range, start: start))
        start += range.count
      }
      precondition(
        start == weight.shape[0] && weight.shape.dropFirst() == shape.dropFirst(),
        "\(weight.role) of shape \(weight.shape) in rows \(rows) of \(name)")
    }
    parts.sort { $0.rows.lowerBound < $1.rows.lowerBound }
    for part in parts {
      precondition(part.rows.lowerBound == shape[0], "rows \(part.rows) of \(name) come after row \(shape[0])")
      shape[0] = part.rows.upperBound
    }
  }

  /// The tensors of `weights`, which lie where `location` says, in the order of their first weights. Those of one
  /// tensor must cover its rows, each once.
  static func all(of weights: [DeclaredWeight], at location: (WeightRole) -> TensorLocation) -> [StoredTensor] {
    var names: [String] = []
    var contents: [String: [(weight: DeclaredWeight, rows: [Range<Int>])]] = [:]
    for weight in weights {
      let location = location(weight.role)
      if contents[location.name] == nil { names.append(location.name) }
      contents[location.name, default: []].append((weight, location.rows ?? [0..<weight.shape[0]]))
    }
    return names.map { StoredTensor($0, of: contents[$0] ?? []) }
  }
}
