import ArgumentParser
import Distillation

/// A weighted sum of divergences as text: `forward-kl`, or `0.7*forward-kl+0.3*jensen-shannon:0.3`. A weight is a
/// number or a schedule, and 1 where there is none.
struct DivergenceMixture: ExpressibleByArgument {
  let terms: [(weight: Schedule, choice: DivergenceChoice)]

  static let forwardKL = Self(terms: [(1, .forwardKL)])

  private init(terms: [(weight: Schedule, choice: DivergenceChoice)]) { self.terms = terms }

  init?(argument: String) {
    var terms: [(weight: Schedule, choice: DivergenceChoice)] = []
    for part in argument.split(separator: "+", omittingEmptySubsequences: false) {
      let factors = part.split(separator: "*", omittingEmptySubsequences: false)
      let weight = factors.count == 2 ? Schedule(argument: String(factors[0])) : 1
      guard factors.count <= 2, let weight, weight.bounds.lowerBound >= 0,
        let choice = DivergenceChoice(argument: String(factors[factors.count - 1]))
      else { return nil }
      terms.append((weight, choice))
    }
    self.init(terms: terms)
  }

  static var allValueStrings: [String] {
    DivergenceChoice.allValueStrings + ["or a sum of them with weights of 0 or more, 0.7*forward-kl+0.3*reverse-kl"]
  }

  var defaultValueDescription: String {
    terms.map { weight, choice in
      weight == 1
        ? choice.defaultValueDescription : "\(weight.defaultValueDescription)*\(choice.defaultValueDescription)"
    }.joined(separator: "+")
  }

  var divergences: [(weight: Schedule, divergence: any Divergence)] {
    terms.map { ($0.weight, $0.choice.divergence) }
  }
}
