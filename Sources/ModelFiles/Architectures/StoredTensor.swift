import LanguageModels

/// A tensor of a model's files, and the weights that lie in it, one after another.
struct StoredTensor: Equatable {
  /// A weight in it.
  struct Part: Equatable {
    let role: WeightRole
    /// The rows of the tensor that are the weight's.
    let rows: Range<Int>
  }

  let name: String
  private(set) var shape: [Int]
  private(set) var parts: [Part]

  private init(_ weight: DeclaredWeight, at location: TensorLocation) {
    name = location.name
    shape = weight.shape
    parts = []
    append(weight, at: location)
  }

  private mutating func append(_ weight: DeclaredWeight, at location: TensorLocation) {
    let rows = location.rows ?? 0..<weight.shape[0]
    precondition(rows.count == weight.shape[0], "\(weight.role) of shape \(weight.shape) in rows \(rows) of \(name)")
    parts.append(Part(role: weight.role, rows: rows))
    parts.sort { $0.rows.lowerBound < $1.rows.lowerBound }
    shape[0] = parts.reduce(0) { $0 + $1.rows.count }
  }

  /// The tensors of `weights`, in the order of their first weights.
  static func all(
    of weights: [DeclaredWeight], in configuration: DecoderConfiguration, _ architecture: any Architecture
  ) -> [StoredTensor] {
    var tensors: [StoredTensor] = []
    var indices: [String: Int] = [:]
    for weight in weights {
      let location = architecture.location(of: weight.role, in: configuration)
      if let index = indices[location.name] {
        tensors[index].append(weight, at: location)
      } else {
        indices[location.name] = tensors.count
        tensors.append(StoredTensor(weight, at: location))
      }
    }
    return tensors
  }
}
