import LanguageModels
import TensorCore

/// Keeps what a forward pass computes at the wanted sites.
final class ActivationRecorder {
  private let sites: Set<ActivationSite>
  private var values: [ActivationSite: Tensor] = [:]

  init(_ sites: some Sequence<ActivationSite>) { self.sites = Set(sites) }

  /// For `DecoderModel.hiddenStates(_:batchSize:observe:)`.
  func observe(_ site: ActivationSite, _ value: Tensor) {
    if sites.contains(site) { values[site] = value }
  }

  /// What was computed at a wanted site.
  subscript(site: ActivationSite) -> Tensor {
    guard let value = values[site] else { preconditionFailure("\(site) was not recorded") }
    return value
  }
}
