import LanguageModels

/// Which channels, heads and neurons of its teacher a student has, in the order in which it has them.
struct WidthSelection: Equatable {
  /// What stays of one layer.
  struct Layer: Equatable {
    /// The teacher's key-value heads.
    var keyValueHeads: [Int]
    /// The teacher's query heads, those that share a key-value head together, in the order of `keyValueHeads`.
    var heads: [Int]
    /// The teacher's neurons.
    var neurons: [Int]
  }

  /// The teacher's channels of the residual stream.
  var channels: [Int]
  /// One for each layer of the student.
  var layers: [Layer]

  /// What is most important; all of it where nothing is cut. Everything stays in the teacher's order.
  /// - Parameters:
  ///   - plan: how much stays.
  ///   - importance: what is measured of the teacher; nil only where the plan cuts no width.
  init(_ plan: StudentPlan, _ importance: ActivationImportance?) {
    let (teacher, student) = (plan.teacher, plan.configuration)
    precondition(
      importance != nil || !plan.prunesWidth, "channels, heads or neurons are to go, but their importance is not known")
    channels = Self.most(student.hiddenSize, of: Array(0..<teacher.hiddenSize)) { importance?.channels[$0] ?? 0 }
    layers = plan.layers.map { layer in
      // a key-value head is worth as much as the query heads that would stay with it
      let group = teacher.headCount / teacher.keyValueHeadCount
      let members = (0..<teacher.keyValueHeadCount).map { shared in
        Self.most(
          student.headCount / student.keyValueHeadCount, of: Array(shared * group..<(shared + 1) * group)
        ) { importance?.heads[layer][$0] ?? 0 }
      }
      let keyValueHeads = Self.most(student.keyValueHeadCount, of: Array(members.indices)) { shared in
        members[shared].reduce(0) { $0 + (importance?.heads[layer][$1] ?? 0) }
      }
      return Layer(
        keyValueHeads: keyValueHeads, heads: keyValueHeads.flatMap { members[$0] },
        neurons: Self.most(student.feedForwardSize, of: Array(0..<teacher.feedForwardSize)) {
          importance?.neurons[layer][$0] ?? 0
        })
    }
  }

  /// The `count` candidates with the largest values, of equal ones the first, in their old order.
  private static func most(_ count: Int, of candidates: [Int], by value: (Int) -> Double) -> [Int] {
    let ranked = candidates.map { (value: value($0), index: $0) }
      .sorted { $0.value == $1.value ? $0.index < $1.index : $0.value > $1.value }
    return ranked.prefix(count).map(\.index).sorted()
  }
}
