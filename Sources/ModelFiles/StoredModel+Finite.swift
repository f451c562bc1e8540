import Diagnostics

extension StoredModel {
  /// Checks that no weight is NaN or infinite. Reads all of them, a part at a time. Throws `value`, which names the
  /// tensor.
  public func requireFiniteWeights() throws(ModelFileError) {
    for name in weights.names {
      let tensor = try weights.tensor(named: name)
      if tensor.isReadable { try requireFinite(tensor) }
      releasePages()
    }
  }

  private func requireFinite(_ tensor: SourceTensor) throws(ModelFileError) {
    let rows = tensor.shape.first ?? 1
    let columns = rows == 0 ? 0 : tensor.shape.dropFirst().reduce(1, *)
    guard columns > 0 else { return }
    let count = max(1, Self.partSize / columns)
    var values: [Float] = []
    for start in stride(from: 0, to: rows, by: count) {
      let part = start..<min(rows, start + count)
      values = [Float](repeating: 0, count: part.count * columns)
      var span = values.mutableSpan
      try weights.read(tensor.name, rows: [part], into: &span)
      guard let value = values.first(where: { !$0.isFinite }) else { continue }
      throw .value(
        InvalidValue(
          tensor.file, "tensor \(tensor.name)", expected: "finite weights", found: value.isNaN ? "nan" : "\(value)",
          advice: "the model is damaged, or its training diverged; get or train it again"))
    }
  }

  /// The weights that are looked at together, about.
  private static var partSize: Int { 1 << 20 }
}
