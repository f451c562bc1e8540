/// What no other is better than in every way.
public enum ParetoFront {
  /// The places of the points that no other point is at least as good as in all numbers and better in one; less is
  /// better. Points with a NaN are never among them; of equal points all are.
  public static func indices(of points: [[Double]]) -> [Int] {
    points.indices.filter { index in
      let point = points[index]
      return !point.contains(where: \.isNaN)
        && !points.contains { other in
          zip(other, point).allSatisfy { $0 <= $1 } && zip(other, point).contains { $0 < $1 }
        }
    }
  }
}
