import Foundation
import ModelEvaluation
import Testing

@testable import DistillationReport

@Suite("Markup, numbers and drawings of a report")
struct ReportDrawingTests {
  @Test("What is interpolated is escaped, in content and in attributes; markup is not")
  func escaping() {
    let hostile = "<script>alert('1') & \"2\"</script>\u{0}\u{1B}[31m\n\tend"
    let markup: Markup = "<td title=\"\(hostile)\">\(hostile)</td>"
    let safe =
      "&lt;script&gt;alert(&#39;1&#39;) &amp; &quot;2&quot;&lt;/script&gt;\u{FFFD}\u{FFFD}[31m\n\tend"
    #expect(markup.text == "<td title=\"\(safe)\">\(safe)</td>")
    #expect(Markup(hostile).text == safe)
    let nested: Markup = "<p>\(markup)\([Markup(hostile[...]), "<br>"])\(nil as Markup?)\(-3)</p>"
    #expect(nested.text == "<p>\(markup.text)\(safe)<br>-3</p>")
  }

  @Test("Carriage returns vanish, as HTML has them only as line ends")
  func carriageReturns() {
    let text = "a\r\nb"
    #expect(Markup(text).text == "a\nb")
  }

  @Test("Numbers have as many digits as mean something")
  func figures() {
    #expect(Figures.estimate(50.1424, 0.4766).text == "50.14 <span class=\"error\">± 0.48</span>")
    #expect(Figures.estimate(0.07454, 0.00031).text == "0.07454 <span class=\"error\">± 0.00031</span>")
    #expect(Figures.estimate(-1234.5, 87).text == "−1,234 <span class=\"error\">± 87</span>")
    #expect(Figures.estimate(1, 0, unit: "%").text == "1.0000 <span class=\"error\">± 0.0000%</span>")
    #expect([0.0745, 12.34, 1234, 0].map(Figures.short) == ["0.0745", "12.3", "1,234", "0"])
    #expect([950, 1500, 2_164_416, 3e9, 529_056].map(Figures.compact) == ["950", "1.5k", "2.16M", "3G", "529k"])
    #expect(
      [0, 1023, 2048, 8_661_720].map(Figures.bytes) == [
        "0\u{202F}bytes", "1,023\u{202F}bytes", "2.0\u{202F}KiB", "8.3\u{202F}MiB",
      ])
    #expect([1_234_567, -12].map(Figures.count) == ["1,234,567", "−12"])
    #expect([4.4, 65, 7384].map(Figures.time) == ["4 s", "1 min 5 s", "2 h 3 min"])
    #expect([Double.infinity, -.infinity, .nan].map { Figures.fixed($0, 2) } == ["∞", "−∞", "?"])
  }

  @Test(
    "Ticks are round, within the range, and about as many as wished",
    arguments: [(3.71, 7.2, 5), (0, 1_024_000, 6), (0, 331.5, 4), (0.0002, 0.0009, 5), (2.5, 2.5, 5), (0, 0, 5)])
  func ticks(low: Double, high: Double, count: Int) {
    let axis = Axis(from: low, to: high, count: count)
    #expect(
      axis.range.lowerBound <= low && axis.range.upperBound >= high && axis.range.lowerBound < axis.range.upperBound)
    #expect((2...2 * count).contains(axis.ticks.count))
    #expect(axis.ticks.allSatisfy { axis.range.contains($0) })
    let step = axis.ticks[1] - axis.ticks[0]
    let leading = step / pow(10, log10(step * 1.0001).rounded(.down))
    #expect([1, 2, 5].contains { abs(leading - $0) < 1e-6 })
    #expect(abs(axis.place(axis.range.lowerBound)) < 1e-12 && abs(axis.place(axis.range.upperBound) - 1) < 1e-12)
  }

  @Test("Smoothing leaves a straight line alone and takes noise away")
  func smoothing() {
    let line = (0..<200).map { Curve.Point(x: Double($0), y: 3 * Double($0) + 1) }
    #expect(zip(Curve.smoothed(line), line).allSatisfy { abs($0.y - $1.y) < 1e-9 && $0.x == $1.x })
    let noisy = (0..<200).map { Curve.Point(x: Double($0), y: $0.isMultiple(of: 2) ? 1 : -1) }
    #expect(Curve.smoothed(noisy)[50..<150].allSatisfy { abs($0.y) < 0.1 })
    let curve = Curve(model: 0, name: "", points: noisy, isMarked: false)
    let thin = curve.thinned(to: 30)
    #expect(thin.count == 30)
    let means = [noisy, thin].map { $0.reduce(0) { $0 + $1.x } / Double($0.count) }
    #expect(abs(means[0] - means[1]) < 1)
    #expect(curve.thinned(to: 200) == noisy)
  }

  @Test("A chart has every point in its frame, but for the beginning of a curve")
  func chart() throws {
    let points = (1...400).map { Curve.Point(x: Double($0), y: 4 + 4 / Double($0)) }
    let chart = LineChart(
      description: "a <b>", xName: "tokens",
      curves: [Curve(model: 2, name: "x", points: points, isMarked: false)],
      references: [.init(model: 0, name: "t", y: 3.9)])
    let svg = chart.svg(width: 540, height: 300).text
    #expect(svg.contains("aria-label=\"a &lt;b&gt;\"") && svg.contains("class=\"line m2\""))
    let path = try #require(svg.firstMatch(of: /class="line m2" points="([^"]+)"/)).1
    let places = path.split(separator: " ").map { $0.split(separator: ",").compactMap { Double($0) } }
    #expect(places.count == 160 && places.allSatisfy { $0.count == 2 })
    #expect(places.allSatisfy { (0...480).contains($0[0]) && $0[1] <= 248 })
    #expect(places.dropFirst(10).allSatisfy { $0[1] >= 0 })
    #expect(zip(places, places.dropFirst()).allSatisfy { $0[0] < $1[0] && $0[1] <= $1[1] })
  }

  @Test("Names are the shortest ends of the paths that tell them apart")
  func names() {
    #expect(ReportPage.shortNames(of: ["runs/demo/teacher", "runs/demo/student"]) == ["teacher", "student"])
    #expect(
      ReportPage.shortNames(of: ["runs/a/student", "runs/b/student", "x"]) == ["a/student", "b/student", "x"])
    #expect(ReportPage.shortNames(of: ["a", "b/a"]) == ["a", "b/a"])
    #expect(ReportPage.shortNames(of: ["/"]) == ["/"])
  }
}
