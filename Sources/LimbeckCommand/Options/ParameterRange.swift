import ArgumentParser
import Foundation
import Limbeck

/// Numbers of weights on the command line: `1M..30M`.
struct ParameterRange: ExpressibleByArgument {
  let sizes: ClosedRange<Int>

  init?(argument: String) {
    let ends = argument.components(separatedBy: "..").compactMap { ModelSize($0)?.parameters }
    guard argument.components(separatedBy: "..").count == 2, ends.count == 2, ends[0] < ends[1] else { return nil }
    sizes = ends[0]...ends[1]
  }
}

/// Where the students of a search start.
enum SearchStart: String, CaseIterable, ExpressibleByArgument {
  /// Parts of the teacher.
  case cut
  /// Random weights.
  case fresh
}
