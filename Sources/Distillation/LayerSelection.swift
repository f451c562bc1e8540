import Diagnostics

/// Which of a teacher's layers a student keeps. Layers count from 0.
public enum LayerSelection: Sendable, Equatable {
  /// Every layer.
  case all
  /// The layers with these indices, ascending.
  case layers([Int])
  /// Layer 0 and every n-th one after it.
  case every(Int)
  /// So many layers from the first to the last, as evenly spread as can be: of 12 layers, 6 are 0, 2, 4, 7, 9 and 11,
  /// those of DistilBERT (Sanh et al. 2019). A single one is the first.
  case count(Int)

  /// The indices of the layers to keep, ascending, of a teacher with `layerCount` layers. Throws `value`, whose key
  /// is `layers`, `every` or `count`.
  public func indices(of layerCount: Int) throws(StudentPlanError) -> [Int] {
    switch self {
    case .all:
      return Array(0..<layerCount)
    case .layers(let layers):
      let isAscending = zip(layers, layers.dropFirst()).allSatisfy { $0 < $1 }
      guard !layers.isEmpty, isAscending, layers.allSatisfy((0..<layerCount).contains) else {
        throw .value(
          InvalidValue(
            "layers", expected: "layers from 0 to the teacher's last, \(layerCount - 1), ascending, each once",
            found: layers.isEmpty ? "none" : layers.map(String.init).joined(separator: ",")))
      }
      return layers
    case .every(let step):
      guard step >= 1 else { throw .value(InvalidValue("every", expected: "at least 1", found: "\(step)")) }
      return Array(stride(from: 0, to: layerCount, by: step))
    case .count(let count):
      guard (1...layerCount).contains(count) else {
        throw .value(
          InvalidValue("count", expected: "from 1 to the teacher's \(counted(layerCount, "layer"))", found: "\(count)"))
      }
      // layer i of n is i · (L − 1)/(n − 1), rounded
      let gaps = max(1, count - 1)
      return (0..<count).map { (2 * $0 * (layerCount - 1) + gaps) / (2 * gaps) }
    }
  }
}
