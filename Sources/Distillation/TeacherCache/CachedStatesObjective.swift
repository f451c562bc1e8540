import LanguageModels
import ModelTraining
import TensorCore

/// Distillation from a cache of the teacher's final hidden states: of the teacher only the output head is in memory.
/// Divergence, temperature and whatever else asks for no more than the final states are as with the teacher itself.
struct CachedStatesObjective: TrainingObjective {
  private let training: LiveTeacherObjective
  /// nil where only the cross-entropy is measured of the validation text.
  private let validation: LiveTeacherObjective?

  /// - Parameters:
  ///   - objective: what is minimised at each token, step by step.
  ///   - caches: the teacher's states.
  ///   - head: the teacher's output head.
  ///   - alignment: what is compared of the final hidden states; nil for nothing.
  ///   - device: where the student is computed.
  /// - Throws: `value` where a cache has anything but hidden states of the head's channels.
  init(
    _ objective: ScheduledObjective, _ caches: TeacherCaches, head: OutputHead, alignment: HiddenStateAlignment?,
    on device: Device
  ) throws(TeacherCacheError) {
    try caches.requireStates(channels: head.configuration.hiddenSize)
    func live(_ cache: TeacherCache) -> LiveTeacherObjective {
      LiveTeacherObjective(
        CachedTeacherStates(cache: cache, outputHead: head, device: device), objective, alignment: alignment)
    }
    training = live(caches.training)
    validation = caches.validation.map(live)
  }

  var parameters: ParameterStore? { training.parameters }
  var dependsOnTotalSteps: Bool { training.dependsOnTotalSteps }

  func accumulateGradients(
    of student: TransformerDecoder, on batch: TokenBatch, at position: StepPosition, scale: Double
  ) -> LossSums {
    training.accumulateGradients(of: student, on: batch, at: position, scale: scale)
  }

  func measure(_ student: any DecoderModel, on batch: TokenBatch, at position: StepPosition) -> LossSums {
    (validation as (any TrainingObjective)? ?? CrossEntropyObjective()).measure(student, on: batch, at: position)
  }
}
