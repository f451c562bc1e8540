import Distillation
import LanguageModels

/// What a cache stores, by its size.
extension CacheTeacher {
  /// What may be kept of a teacher in memory: the first that fits into the size, else the last.
  func methods(for teacher: DecoderConfiguration) -> [TeacherCacheMethod] {
    let names: [Method] = maxSize == nil ? [chosenMethod] : [.hidden, .standard]
    return names.map { $0.method(channels: teacher.hiddenSize, k: k, draws: draws) }
  }

  /// Says what is kept, and how large the cache becomes.
  func tellSize(
    of method: TeacherCacheMethod, _ tokens: Int, _ teacher: DecoderConfiguration, _ console: Console
  ) {
    func size(_ method: TeacherCacheMethod) -> String {
      Format.bytes(Int(method.bytes(ofTokens: tokens, vocabularySize: teacher.vocabularySize)))
    }
    var reason = ""
    if let maxSize {
      let states = size(Method.hidden.method(channels: teacher.hiddenSize))
      let limit = maxSize.defaultValueDescription
      reason = method.keepsStates ? "" : ": hidden states would take \(states), above \(limit)"
    }
    console.write(
      "\(method)\(reason); \(Format.count(tokens, "token")), \(method.isSparse ? "at most " : "")\(size(method))")
  }
}
