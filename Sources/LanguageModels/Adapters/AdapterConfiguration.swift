/// Matrices of one layer that a low-rank adapter changes, and that read the same inputs through one factor A: one
/// matrix, or those that lie in one tensor of the family's files, such as `qkv_proj` of Phi-3.
public struct AdaptedModule: Hashable, Sendable {
  /// The layer, from 0.
  public let layer: Int
  /// Its matrices, one or more, all with the same inputs.
  public let matrices: [LayerMatrix]

  /// A module, as the properties say.
  public init(layer: Int, matrices: [LayerMatrix]) {
    precondition(!matrices.isEmpty && Set(matrices).count == matrices.count, "a module of matrices \(matrices)")
    (self.layer, self.matrices) = (layer, matrices)
  }
}

/// The low-rank adapters of a decoder (LoRA, Hu et al. 2021): W + scale · B · A in place of a frozen W [O, I], with
/// B [O, R] and A [R, I].
public struct AdapterConfiguration: Equatable, Sendable {
  /// R, at least 1.
  public let rank: Int
  /// What the product of the factors is multiplied by, before it is divided by R or √R.
  public let alpha: Double
  /// Whether it is divided by √R, not by R (rsLoRA, Kalajdzievski 2023).
  public let isRankStabilised: Bool
  /// What has adapters, each matrix once, in the order in which they lie in memory.
  public let modules: [AdaptedModule]

  /// α of fresh adapters where nobody says another: 32, whatever the rank (Schulman et al. 2025, "LoRA Without
  /// Regret"). The first steps of Adam then move outputs by as much at every rank, for R terms are added up and divided
  /// by R: a learning rate that suits one rank suits the others.
  public static let standardAlpha = 32.0

  /// A configuration, as the properties say.
  public init(rank: Int, alpha: Double, isRankStabilised: Bool = false, modules: [AdaptedModule]) {
    precondition(rank > 0 && alpha.isFinite, "adapters of rank \(rank), alpha \(alpha)")
    self.rank = rank
    self.alpha = alpha
    self.isRankStabilised = isRankStabilised
    self.modules = modules
  }

  /// What B · A is multiplied by.
  public var scale: Float { Float(alpha / (isRankStabilised ? Double(rank).squareRoot() : Double(rank))) }

  /// The matrices that have adapters in some layer, in the order of `LayerMatrix`.
  public var targets: [LayerMatrix] {
    let targets = Set(modules.flatMap(\.matrices))
    return LayerMatrix.allCases.filter(targets.contains)
  }
}

extension AdapterConfiguration: CustomStringConvertible {
  /// For messages and manifests: `rank 8, alpha 16, of query, value`.
  public var description: String {
    "rank \(rank), alpha \(alpha.formatted)\(isRankStabilised ? ", rank-stabilised" : ""), of "
      + targets.map(\.rawValue).joined(separator: ", ")
  }
}

extension Double {
  /// Without `.0`.
  fileprivate var formatted: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}

/// A factor of a low-rank adapter.
public enum AdapterFactor: Hashable, Sendable {
  /// A [R, I], of all matrices of a module.
  case down(AdaptedModule)
  /// B [O, R], of one matrix of a layer.
  case up(layer: Int, LayerMatrix)
}

/// The model that adapters belong to.
public struct AdapterBase: Equatable, Sendable {
  /// Where it lies: a folder or a file.
  public let path: String
  /// The digest of its weights; nil where it was not recorded, as in folders of other programs.
  public let digest: String?

  /// A base, as the properties say.
  public init(path: String, digest: String?) { (self.path, self.digest) = (path, digest) }
}
