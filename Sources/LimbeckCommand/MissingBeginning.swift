import LanguageModels
import ModelEvaluation
import ModelTraining
import Tokenization

/// What teachers make of sequences from which --no-sequence-bos leaves out the BOS.
enum MissingBeginning {
  /// What to say of each teacher that predicts a text much worse for it.
  static func warnings(
    of teachers: [any DecoderModel], _ tokenizer: any Tokenizer, on text: any TokenSequences
  ) -> [String] {
    guard text.packing.beginningID == nil, text.packing.cuts != .documents, let id = tokenizer.bosID else { return [] }
    let count = min(text.count, measuredSequences)
    let sequences = (0..<count).map { text.batch([$0 * text.count / count]).ids }
    guard sequences.contains(where: { $0.count >= 2 }) else { return [] }
    return teachers.enumerated().compactMap { index, teacher in
      guard teacher.configuration.contextLength > 2 else { return nil }
      let gain = BeginningGain(of: teacher, on: sequences, beginningID: id)
      guard gain.isLarge else { return nil }
      let name = teachers.count == 1 ? "the teacher" : "teacher \(index + 1)"
      return """
        without BOS in front of sequences \(name) predicts the text by \(Format.fixed(gain.natsWithout, 2)) nats a \
        token, with it by \(Format.fixed(gain.natsWith, 2)); leave out --no-sequence-bos
        """
    }
  }

  /// Enough to tell tenths of a nat.
  private static let measuredSequences = 4
}
