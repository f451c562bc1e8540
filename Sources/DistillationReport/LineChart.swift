/// Curves over one horizontal axis.
struct LineChart {
  /// A level to compare with, drawn across the chart.
  struct Reference {
    let model: Int
    let name: String
    let y: Double
  }

  /// What the chart shows, for those who cannot see it.
  let description: String
  let xName: String
  let curves: [Curve]
  var references: [Reference] = []

  /// Points that a noisy curve is drawn with: more than a screen shows apart.
  private static let drawnPoints = 160
  /// The part of the horizontal axis at its beginning that the vertical one need not reach up to: a fresh model's first
  /// losses would press all others together.
  private static let beginning = 0.06

  /// An SVG of this size, in CSS pixels; colours and dashes come from the classes `m0`, `m1`, … of the models.
  func svg(width: Double, height: Double) -> Markup {
    let drawn = curves.map { $0.isMarked ? $0.points : Curve.smoothed($0.thinned(to: Self.drawnPoints)) }
    let lastX = drawn.joined().map(\.x).max() ?? 1
    let horizontal = Axis(from: 0, to: lastX, count: width < 420 ? 4 : 6)
    let vertical = verticalAxis(drawn, lastX: lastX)
    let frame = Frame(width: width, height: height, horizontal: horizontal, vertical: vertical)
    let layers = zip(curves, drawn).map { curve, points in frame.layer(curve, points) }
    return """
      <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(description)">
      \(frame.grid(xName: xName))
      \(frame.window)
      \(references.map { frame.reference($0) })\(layers)</svg>
      </svg>
      """
  }

  private func verticalAxis(_ drawn: [[Curve.Point]], lastX: Double) -> Axis {
    let all = drawn.joined().map(\.y) + references.map(\.y)
    let settled = drawn.joined().filter { $0.x >= Self.beginning * lastX }.map(\.y) + references.map(\.y)
    let low = all.min() ?? 0
    let high = settled.max() ?? all.max() ?? 1
    let margin = 0.05 * (high - low)
    return Axis(from: max(0, low - margin), to: high + margin, count: 5)
  }
}

/// Where things lie on a chart.
private struct Frame {
  let width, height: Double
  let horizontal, vertical: Axis
  let left = 46.0
  let top = 8.0
  var innerWidth: Double { width - left - 14 }
  var innerHeight: Double { height - top - 44 }

  /// The opening tag of the drawing inside the axes: cut off at its top, with room for marks at its other edges.
  var window: Markup {
    let room = 6.0
    let (width, height) = (Figures.coordinate(innerWidth + 2 * room), Figures.coordinate(innerHeight + room))
    return """
      <svg x="\(Figures.coordinate(left - room))" y="\(Figures.coordinate(top))" width="\(width)" height="\(height)" \
      viewBox="\(Figures.coordinate(-room)) 0 \(width) \(height)">
      """
  }

  func x(_ value: Double) -> Double { horizontal.place(value) * innerWidth }
  func y(_ value: Double) -> Double { (1 - vertical.place(value)) * innerHeight }

  /// Lines and labels of the ticks.
  func grid(xName: String) -> Markup {
    let digits = vertical.ticks.count > 1 ? max(0, decimals(vertical.ticks[1] - vertical.ticks[0])) : 2
    let rows = vertical.ticks.map { tick -> Markup in
      let height = Figures.coordinate(top + y(tick))
      return """
        <line class="grid" x1="\(Figures.coordinate(left))" x2="\(Figures.coordinate(left + innerWidth))" \
        y1="\(height)" y2="\(height)"/><text x="\(Figures.coordinate(left - 8))" \
        y="\(height)" dy="0.32em" text-anchor="end">\
        \(Figures.fixed(tick, digits))</text>
        """
    }
    let columns = horizontal.ticks.map { tick -> Markup in
      """
      <text x="\(Figures.coordinate(left + x(tick)))" y="\(Figures.coordinate(top + innerHeight + 18))" \
      text-anchor="middle">\(Figures.compact(tick))</text>
      """
    }
    return """
      \(rows)\(columns)<text class="axis" x="\(Figures.coordinate(left + innerWidth))" \
      y="\(Figures.coordinate(height - 5))" text-anchor="end">\(xName)</text>
      """
  }

  /// A curve: marked points, joined by a line or not, or a smooth line over the faint noisy one.
  func layer(_ curve: Curve, _ points: [Curve.Point]) -> Markup {
    let style: Markup = "m\(curve.model)"
    guard curve.isMarked else {
      let noisy = curve.thinned(to: 320)
      return """
        <polyline class="noise \(style)" points="\(path(noisy))"/>\
        <polyline class="line \(style)" points="\(path(points))"><title>\(curve.name)</title></polyline>
        """
    }
    let marks = points.map { point -> Markup in
      """
      <circle class="mark \(style)" cx="\(Figures.coordinate(x(point.x)))" \
      cy="\(Figures.coordinate(y(point.y)))" r="3.5"><title>\(curve.name): \(Figures.fixed(point.y, 4))</title></circle>
      """
    }
    return curve.isJoined ? "<polyline class=\"line \(style)\" points=\"\(path(points))\"/>\(marks)" : "\(marks)"
  }

  func reference(_ reference: LineChart.Reference) -> Markup {
    let height = Figures.coordinate(y(reference.y))
    return """
      <line class="reference m\(reference.model)" x1="0" x2="\(Figures.coordinate(innerWidth))" y1="\(height)" \
      y2="\(height)"><title>\(reference.name): \(Figures.fixed(reference.y, 4))</title></line>
      """
  }

  private func path(_ points: [Curve.Point]) -> String {
    points.map { "\(Figures.coordinate(x($0.x))),\(Figures.coordinate(y($0.y)))" }.joined(separator: " ")
  }

  /// The digits after the point that tell ticks apart.
  private func decimals(_ step: Double) -> Int {
    (0...6).first { digits in
      let scaled = step * (0..<digits).reduce(1) { product, _ in product * 10 }
      return abs(scaled - scaled.rounded()) < 1e-6
    } ?? 6
  }
}
