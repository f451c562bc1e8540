import Foundation

/// Models as points, their sizes on a logarithmic axis.
struct ScatterChart {
  struct Point {
    let model: Int
    let name: String
    /// A number of weights, above 0.
    let x: Double
    let y: Double
    /// Whether it is filled, and joined with the others that are.
    let isOnFront: Bool
  }

  /// What the chart shows, for those who cannot see it.
  let description: String
  let xName: String
  let points: [Point]

  private static let (left, right, top, bottom) = (46.0, 14.0, 12.0, 44.0)
  /// How far the axes go beyond the outermost points, as a share of what these span.
  private static let margin = 0.06

  /// An SVG of this size, in CSS pixels; colours come from the classes `m0`, `m1`, … of the models.
  func svg(width: Double, height: Double) -> Markup {
    let (sizes, levels) = (points.map { log10($0.x) }, points.map(\.y))
    let horizontal = Self.axis(sizes, count: 4)
    let vertical = Self.axis(levels, count: 5)
    let (innerWidth, innerHeight) = (width - Self.left - Self.right, height - Self.top - Self.bottom)
    func x(_ value: Double) -> String { Figures.coordinate(Self.left + horizontal.place(log10(value)) * innerWidth) }
    func y(_ value: Double) -> String { Figures.coordinate(Self.top + (1 - vertical.place(value)) * innerHeight) }
    let step = vertical.ticks.count > 1 ? vertical.ticks[1] - vertical.ticks[0] : 1
    let rows = vertical.ticks.map { tick -> Markup in
      """
      <line class="grid" x1="\(Figures.coordinate(Self.left))" x2="\(Figures.coordinate(Self.left + innerWidth))" \
      y1="\(y(tick))" y2="\(y(tick))"/><text x="\(Figures.coordinate(Self.left - 8))" y="\(y(tick))" dy="0.32em" \
      text-anchor="end">\(Figures.fixed(tick, step < 0.1 ? 2 : step < 1 ? 1 : 0))</text>
      """
    }
    let columns = Self.sizes(between: pow(10, horizontal.range.lowerBound), pow(10, horizontal.range.upperBound))
      .map { size -> Markup in
        """
        <text x="\(x(size))" y="\(Figures.coordinate(Self.top + innerHeight + 18))" text-anchor="middle">\
        \(Figures.compact(size))</text>
        """
      }
    let best = points.filter(\.isOnFront).sorted { $0.x < $1.x }
    let marks = points.map { point -> Markup in
      """
      <circle class="\(point.isOnFront ? "mark best" : "mark") m\(point.model)" cx="\(x(point.x))" \
      cy="\(y(point.y))" r="4"><title>\(point.name): \(Figures.compact(point.x)), \(Figures.fixed(point.y, 4))</title>\
      </circle>
      """
    }
    return """
      <svg viewBox="0 0 \(Int(width)) \(Int(height))" role="img" aria-label="\(description)">
      \(rows)\(columns)<text class="axis" x="\(Figures.coordinate(Self.left + innerWidth))" \
      y="\(Figures.coordinate(height - 5))" text-anchor="end">\(xName)</text>
      <polyline class="front" points="\(best.map { "\(x($0.x)),\(y($0.y))" }.joined(separator: " "))"/>\(marks)
      </svg>
      """
  }

  private static func axis(_ values: [Double], count: Int) -> Axis {
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let margin = margin * (high - low)
    return Axis(from: low - margin, to: high + margin, count: count)
  }

  /// 1, 2 and 5 times the powers of ten of a range.
  private static func sizes(between low: Double, _ high: Double) -> [Double] {
    (Int(log10(max(1, low)).rounded(.down))...Int(log10(max(1, high)).rounded(.up))).flatMap { power in
      [1, 2, 5].map { $0 * pow(10, Double(power)) }
    }.filter { $0 >= low && $0 <= high }
  }
}
