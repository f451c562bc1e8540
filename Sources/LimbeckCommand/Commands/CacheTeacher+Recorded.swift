import ArgumentParser
import Distillation
import Foundation
import Limbeck
import ModelTraining
import TextGeneration
import Tokenization

/// Caches of teachers that ran elsewhere.
extension CacheTeacher {
  /// Checks the flags of such a cache.
  func validateRecorded(_ given: (flag: String, file: String)) throws {
    if let teacher {
      throw ValidationError(given.flag, expected: "nothing beside --teacher \(teacher)", found: given.file)
    }
    var misplaced: [(flag: String, found: String?)] = [
      ("validation", validation ? "given" : nil), ("count", count.map(\.rawValue)),
      ("no-sequence-bos", beginning.noSequenceBos ? "given" : nil),
      ("teacher-precision", teacherPrecision.map(\.rawValue)), ("text-field", keys.textField),
      ("prompt-field", keys.promptField), ("completion-field", keys.completionField),
    ]
    if recorded.fromKld != nil {
      if text.count > 1 {
        throw ValidationError("text", expected: "the one file that llama-perplexity read", found: text.count)
      }
      misplaced.append(("sequence-length", sequenceLength.map { "\($0)" }))
    } else {
      misplaced.append(("text", text.first))
    }
    for case (let flag, let found?) in misplaced {
      throw ValidationError(flag, expected: "nothing with --\(given.flag)", found: found)
    }
  }

  /// Makes a cache of what was written down.
  func runRecorded() throws {
    let (console, device, start) = (Console(), try device.device, ContinuousClock.now)
    let tokenizer = try loadTokenizer(from: URL(fileURLWithPath: recorded.tokenizer ?? ""))
    let teacher: any RecordedTeacher
    let facts: CacheReport.Recorded
    if let path = recorded.fromKld {
      let file = try kldFile(path, tokenizer)
      (teacher, facts) = (file, try .init(file))
    } else {
      let file = try responses(recorded.fromLogprobs ?? "", tokenizer, console)
      (teacher, facts) = (file, .init(file))
    }
    let method = method(smallest: teacher.listedCount)
    let importer = try TeacherCacheImporter(
      teacher, tokenizer: tokenizer, method: method, temperature: temperature, seed: seed,
      sequenceLength: sequenceLength)
    let url = URL(fileURLWithPath: output, isDirectory: true)
    let folder =
      try resume
      ? TeacherCacheFolder(resuming: url, importer.description, tokenizerFiles: tokenizer.files)
      : TeacherCacheFolder(creating: url, importer.description, tokenizerFiles: tokenizer.files)
    try record(console) { try importer.record(into: folder, on: device, $0) }
    try report(
      CacheReport(
        TeacherCache(contentsOf: url), path: output, text: importer.text, start: start, recorded: facts))
  }

  private func kldFile(_ path: String, _ tokenizer: any Tokenizer) throws -> KLDivergenceFile {
    let source = try TextSource(file: URL(fileURLWithPath: text[0]))
    let plain = try SmallTextFile(source)
    guard !plain.hasRows else {
      throw ValidationError("text", expected: "the plain text that llama-perplexity read", found: text[0])
    }
    let file = try KLDivergenceFile(
      contentsOf: URL(fileURLWithPath: path), tokenizer: tokenizer, text: plain.content, textName: text[0])
    let (covered, all) = (file.chunkCount * file.chunkLength, file.textTokenCount)
    // what does not fill a chunk is always left out
    if all - covered >= file.chunkLength, Double(covered) < 0.95 * Double(all) {
      Console().write(
        "warning: \(path): has \(Format.count(covered)) of the \(Format.count(all, "token")) of \(text[0]); the "
          + "student does not learn the rest: run llama-perplexity on all of the text, without --chunks")
    }
    return file
  }

  private func responses(
    _ path: String, _ tokenizer: any Tokenizer, _ console: Console
  ) throws -> LogProbabilityFile {
    var progress = ProgressLine("reading \(path), MiB", on: console)
    defer { progress.end() }
    let template = try? ChatTemplate(of: tokenizer)
    return try LogProbabilityFile(
      contentsOf: URL(fileURLWithPath: path), tokenizer: tokenizer,
      vocabularySize: recorded.vocabularySize ?? recorded.outputs(for: tokenizer),
      chatFormat: template?.format(for: tokenizer)
    ) { progress.show($0 >> 20, of: $1 >> 20) }
  }
}
