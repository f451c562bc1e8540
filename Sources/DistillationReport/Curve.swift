/// Values over a run: what one line of a chart shows.
struct Curve {
  struct Point: Equatable {
    var x: Double
    var y: Double
  }

  /// The place of the run's model in the report.
  let model: Int
  /// What a pointer over the curve tells.
  let name: String
  let points: [Point]
  /// Whether each point is a measurement of its own, to be marked, rather than one of many noisy ones.
  let isMarked: Bool
  /// Whether a line joins marked points.
  var isJoined = true

  /// The means of at most `count` equally long parts.
  func thinned(to count: Int) -> [Point] {
    guard points.count > count else { return points }
    return (0..<count).map { part in
      let slice = points[part * points.count / count..<(part + 1) * points.count / count]
      let size = Double(slice.count)
      return Point(x: slice.reduce(0) { $0 + $1.x } / size, y: slice.reduce(0) { $0 + $1.y } / size)
    }
  }

  /// The centred running means over about a twentieth of the points on either side, fewer towards the ends, so that the
  /// curve is not bent there.
  static func smoothed(_ points: [Point]) -> [Point] {
    let reach = points.count / 20
    return points.indices.map { index in
      let half = min(reach, index, points.count - 1 - index)
      let window = points[index - half...index + half]
      return Point(x: points[index].x, y: window.reduce(0) { $0 + $1.y } / Double(window.count))
    }
  }
}
