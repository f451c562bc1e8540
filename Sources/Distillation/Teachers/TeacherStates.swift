import LanguageModels
import ModelTraining
import TensorCore

/// Where a teacher's final hidden states come from: it computes them, or a cache has them.
protocol TeacherStates {
  /// What makes logits of them.
  var outputHead: OutputHead { get }
  /// The states [N, Ct] of a batch, right at its counted tokens at least. `observe`, where it is given, receives what
  /// is computed inside.
  func states(of batch: TokenBatch, observe: ActivationObserver?) -> Tensor
}

extension FrozenDecoder: TeacherStates {
  func states(of batch: TokenBatch, observe: ActivationObserver?) -> Tensor {
    guard let observe else { return hiddenStates(batch.ids, lengths: batch.segments) }
    return hiddenStates(batch.ids, lengths: batch.segments, observe: observe)
  }
}

/// The hidden states of a cache, and the head of the teacher that it was made from. Of the inside there is nothing.
struct CachedTeacherStates: TeacherStates {
  let cache: TeacherCache
  let outputHead: OutputHead
  /// Where the student is computed.
  let device: Device

  func states(of batch: TokenBatch, observe: ActivationObserver?) -> Tensor {
    cache.hiddenStates(of: batch, on: device)
  }
}
