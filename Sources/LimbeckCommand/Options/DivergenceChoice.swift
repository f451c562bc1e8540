import ArgumentParser
import Distillation

/// A divergence by the name of a flag, with its parameter after a colon where it has one: `jensen-shannon:0.3`.
struct DivergenceChoice: ExpressibleByArgument, Equatable {
  enum Name: String, CaseIterable {
    case forwardKL = "forward-kl"
    case reverseKL = "reverse-kl"
    case jensenShannon = "jensen-shannon"
    case symmetricKL = "symmetric-kl"
    case skewForwardKL = "skew-forward-kl"
    case skewReverseKL = "skew-reverse-kl"
    case totalVariation = "total-variation"

    /// β, the forward side's weight or α, where a divergence has one.
    var standardParameter: Double? {
      switch self {
      case .forwardKL, .reverseKL, .totalVariation: nil
      case .jensenShannon, .symmetricKL: 0.5
      case .skewForwardKL, .skewReverseKL: 0.1
      }
    }

    /// A skew by 1, as which float32 has what lies next to it, would compare a distribution with itself.
    fileprivate var largestParameter: Double {
      self == .skewForwardKL || self == .skewReverseKL ? Double(Float(1).nextDown) : 1
    }
  }

  let name: Name
  /// In 0...1; 0 for a divergence without a parameter.
  let parameter: Double

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    guard let name = Name(rawValue: String(parts[0])), parts.count <= 2 else { return nil }
    guard parts.count == 2 else {
      self.init(name: name, parameter: name.standardParameter ?? 0)
      return
    }
    guard name.standardParameter != nil, let given = Double(parts[1]), given >= 0, given <= name.largestParameter
    else { return nil }
    self.init(name: name, parameter: given)
  }

  private init(name: Name, parameter: Double) {
    self.name = name
    self.parameter = parameter
  }

  static let forwardKL = Self(name: .forwardKL, parameter: 0)

  static var allValueStrings: [String] {
    Name.allCases.map { name in name.standardParameter.map { "\(name.rawValue)[:\($0)]" } ?? name.rawValue }
  }

  var defaultValueDescription: String {
    name.standardParameter == nil ? name.rawValue : "\(name.rawValue):\(parameter)"
  }

  var divergence: any Divergence {
    let parameter = Float(parameter)
    return switch name {
    case .forwardKL: .forwardKL
    case .reverseKL: .reverseKL
    case .jensenShannon: .jensenShannon(beta: parameter)
    case .symmetricKL: .symmetricKL(forwardWeight: parameter)
    case .skewForwardKL: .skewForwardKL(alpha: parameter)
    case .skewReverseKL: .skewReverseKL(alpha: parameter)
    case .totalVariation: .totalVariation
    }
  }
}
