public import LanguageModels

/// What a student learns from.
public enum TeacherSignal {
  /// Teachers in memory, one or more: of several, the weighted mixture of their distributions, or one of them, as
  /// `choice` says. `hiddenStates` are compared inside of the student and the first of them, in a mixture; `onPolicy`,
  /// some steps learn from the student's own completions.
  case live(
    [Distiller.Teacher], hiddenStates: HiddenStateTerms = HiddenStateTerms(), onPolicy: OnPolicySteps? = nil,
    choice: TeacherChoice = .mixture)
  /// What a cache has of the teacher on the text to learn, and on the validation text, of which only the cross-entropy
  /// is measured otherwise.
  case cached(TeacherCache, validation: TeacherCache? = nil)
  /// Caches of the teacher's hidden states, made by the method `hidden`, and its head, which makes distributions of
  /// them. `hiddenStates` may compare the last layer of the teacher alone.
  case cachedStates(
    TeacherCache, validation: TeacherCache? = nil, head: OutputHead,
    hiddenStates: HiddenStateTerms = HiddenStateTerms())
  /// One teacher in memory, in whose place a cache comes from the second epoch on, which is made in the first one.
  case caching(Distiller.Teacher, TeacherCachePlan, hiddenStates: HiddenStateTerms = HiddenStateTerms())

  /// The teachers in memory.
  var inMemory: [any DecoderModel] {
    switch self {
    case .live(let teachers, _, _, _): teachers.map(\.decoder)
    case .caching(let teacher, _, _): [teacher.decoder]
    case .cached, .cachedStates: []
    }
  }
}
