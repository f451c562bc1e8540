import ArgumentParser
import Distillation
import Foundation
import LanguageModels
import Limbeck
import Logging
import ModelTraining
import TensorCore
import Tokenization

/// `limbeck cache-teacher`
struct CacheTeacher: ParsableCommand, OptionGroups {
  static let needs = ["teacher": ["text"], "from-kld": ["text", "tokenizer"], "from-logprobs": ["tokenizer"]]
  static let configuration = CommandConfiguration(
    commandName: "cache-teacher",
    abstract: "Stores a teacher's predictions for a text, to distil without the teacher.",
    discussion: """
      The cache stores the teacher's distribution over the next token, at the given
      temperature, for every token that counts in the loss. Methods:

        top-k       the k largest probabilities; all others count as 0 (biased)
        top-k-tail  the k largest, and the sum of all others
        sampled     tokens drawn from the distribution, with their counts (unbiased)
        dense16     all probabilities, 2 bytes each; for any divergence
        hidden      the hidden state before the output head, 2 bytes per channel; for
                    any divergence, temperature and --align-layers last. Distilling
                    needs --teacher, too, but runs its output head alone

      --max-size takes hidden if it fits, else sampled, and says which; where neither
      fits, nothing is made.

      The text is cut into sequences at fixed places, as by '--packing fixed', and
      'distill --teacher-cache' cuts it in the same way. The cache also holds the
      tokenizer.

      At the end, the bytes per token are printed, and the errors in loss and
      gradient that the cache causes, measured on the last sequences for a student
      with half the teacher's logits. 'By chance' is the gradient's error if the
      errors of tokens were independent. If both are about equal, errors average
      out, and the cache is as good as the teacher: the verdict is 'good' up to 1.5
      times chance, or 0.1 %. If the error is larger, the cache is biased: take
      more draws, a larger k or another method.

      Any model that llama.cpp or vLLM runs can be the teacher. --from-kld takes the
      file of 'llama-perplexity --kl-divergence-base' and the text it was made from:
      the second half of each chunk counts, and tokens 16 nats or more below the most
      likely one share what is left of the probability. --from-logprobs takes the
      responses of OpenAI-compatible servers, one a line; docs/distilling.md shows
      how to get them; the methods with --from-logprobs are top-k-tail (the default,
      with as many tokens as every response lists) and top-k. Both caches hold their
      text: 'distill --teacher-cache' needs no --text.

      --json prints what the cache holds and how far it is from its teacher as one
      object.

      After Ctrl-C or a kill, --resume continues, with the same result; at most one
      file is lost.

      Example:
        limbeck cache-teacher --teacher runs/teacher --text books/ \\
          --output books.cache --method sampled --draws 50
        limbeck distill --teacher-cache books.cache --student small.json \\
          --text books/ --output runs/student --epochs 2
        llama-perplexity -m big.gguf -f books.txt --kl-divergence-base books.kld
        limbeck cache-teacher --from-kld books.kld --text books.txt \\
          --tokenizer big.gguf --output books.cache
        limbeck distill --teacher-cache books.cache --student 3M \\
          --output runs/student --epochs 2
      """)

  @Option(help: ArgumentHelp("Teacher's model folder, or .gguf file.", valueName: "model"))
  var teacher: String?
  @OptionGroup(title: "Teachers that ran elsewhere") var recorded: RecordedTeacherOptions
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Text files, folders of them, or .jsonl files, as for distill.", valueName: "path"))
  var text: [String] = []
  @OptionGroup var keys: TextKeyOptions
  @Option(
    help: ArgumentHelp(
      "What counts of rows with a prompt, as for distill: completions alone (default), or prompts as well.",
      valueName: "name"))
  var count: CountedTokens?
  @Flag(help: "Cut the text as a validation text is cut, for --validation-teacher-cache.")
  var validation = false
  @Option(
    help: ArgumentHelp(
      "Folder to write; must not exist, except with --resume.", valueName: "dir"))
  var output: String
  @Option(
    help: ArgumentHelp(
      "What to store of each distribution (default: sampled; top-k-tail with --from-logprobs).", valueName: "name"))
  var method: Method?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Probabilities to store, for top-k and top-k-tail (default: \(Method.standardK); the shortest list's length with "
        + "--from-logprobs).", valueName: "n"))
  var k: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tokens to draw, for sampled (default: \(Method.standardDraws)).", valueName: "n"))
  var draws: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most bytes: hidden states if they fit, else draws.", valueName: "4GB"))
  var maxSize: ByteCount?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Temperature of the teacher, 0.05 to 10,000.", valueName: "t"))
  var temperature: Float = 1
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens per sequence, as for distill (default: \(TrainingRecipe().sequenceLength), or the longest response).",
      valueName: "n"))
  var sequenceLength: Int?
  @OptionGroup var beginning: SequenceBeginningOptions
  @Option(parsing: .unconditional, help: ArgumentHelp("Seed of the draws.", valueName: "n"))
  var seed: UInt64 = 0
  @Option(
    help: ArgumentHelp(
      "Precision of the teacher's matrix products; bf16 is faster with AVX512_BF16 (default: float32).",
      valueName: "type"))
  var teacherPrecision: ProductPrecision?
  @Flag(help: "Continue the unfinished cache in --output.")
  var resume = false
  @Flag(help: "Print one JSON object.")
  var json = false
  @OptionGroup var device: DeviceOptions

  func validate() throws {
    try ValidationError.requirePath(output, "output")
    if let given = recorded.given {
      try validateRecorded(given)
    } else {
      if teacher == nil {
        throw ValidationError("teacher", expected: "a model, or --from-kld or --from-logprobs", found: "none")
      }
    }
    if let maxSize, let found = method?.rawValue ?? recorded.given?.flag {
      throw ValidationError("max-size", expected: "nothing with \(found)", found: maxSize.defaultValueDescription)
    }
    if method == .hidden, temperature != 1 {
      throw ValidationError(
        "temperature", expected: "1 with the method hidden, whose states are of any temperature", found: temperature)
    }
    let keepsLargest = chosenMethod == .topK || chosenMethod == .topKTail
    if k != nil, !keepsLargest {
      throw ValidationError("k", expected: "the method top-k or top-k-tail", found: chosenMethod.rawValue)
    }
    if draws != nil, chosenMethod != .sampled {
      throw ValidationError("draws", expected: "the method sampled", found: chosenMethod.rawValue)
    }
    if let k, k < 1 { throw ValidationError("k", expected: "at least 1", found: k) }
    let allowedDraws = TeacherCacheMethod.allowedDraws
    if let draws, !allowedDraws.contains(draws) {
      throw ValidationError(
        "draws", expected: "from \(allowedDraws.lowerBound) to \(allowedDraws.upperBound)", found: draws)
    }
    let allowed = DistillationObjective.allowedTemperatures
    guard allowed.contains(temperature) else {
      throw ValidationError(
        "temperature", expected: "from \(allowed.lowerBound) to \(Int(allowed.upperBound))", found: temperature)
    }
    if let sequenceLength, sequenceLength < 1 {
      throw ValidationError("sequence-length", expected: "at least 1", found: sequenceLength)
    }
  }

  func run() throws {
    let url = URL(fileURLWithPath: output, isDirectory: true)
    if !resume, FileManager.default.fileExists(atPath: output) {
      throw CommandError.outputExists(path: output, advice: "choose another output, or finish it with --resume")
    }
    guard let teacher else { return try runRecorded() }
    let (console, device, start) = (Console(), try device.device, ContinuousClock.now)
    let sequenceLength = sequenceLength ?? TrainingRecipe().sequenceLength
    let model = try LanguageModel(
      path: teacher, tokenizer: recorded.tokenizer, precision: teacherPrecision ?? .float32, on: device)
    let methods = methods(for: model.configuration)
    for method in methods {
      try TeacherCacheRecorder.requireFit(method, of: model.decoder, sequenceLength: sequenceLength)
    }
    let packing = TextPacking(
      model.tokenizer, sequenceLength: sequenceLength, device: device, console: console)
    let corpus = try TextListing(keys: keys.keys, counting: count ?? .completions).corpus(text, console)
    let name = text.joined(separator: ", ")
    let sequences: any TokenSequences
    if validation {
      sequences = try packing.validation(of: corpus, named: name, for: model.decoder.configuration)
    } else {
      let fixed = PackingSettings(cuts: .fixed, beginsWithBOS: !beginning.noSequenceBos)
      let packed = try packing.sequences(of: corpus, named: name, fixed.packing(for: model.tokenizer))
      try packed.requireCountedTokens()
      for warning in MissingBeginning.warnings(of: [model.decoder], model.tokenizer, on: packed) {
        Logger(console).warning("\(warning)")
      }
      sequences = packed
    }
    let keptPart = try TeacherCachePlan.method(
      methods, within: (maxSize?.bytes).map(Double.init), named: "--max-size", tokens: sequences.countedTokens,
      vocabularySize: model.configuration.vocabularySize)
    if let draws, keptPart.keepsStates {
      throw InvalidValue(
        "--draws",
        expected: "nothing with hidden states, which \(maxSize?.defaultValueDescription ?? "") is enough for",
        found: "\(draws)",
        advice: "leave it out, or give --method sampled in place of --max-size")
    }
    let recorder = try TeacherCacheRecorder(
      teacher: model.decoder, text: sequences, method: keptPart, temperature: temperature, seed: seed,
      teacherDigest: model.digest, tokenizerDigest: model.tokenizer.digest.hexadecimal)
    if !resume {
      try TeacherCachePlan.requireSpace(
        keptPart.bytes(
          ofTokens: sequences.countedTokens, vocabularySize: model.configuration.vocabularySize), at: url)
    }
    let folder =
      try resume
      ? TeacherCacheFolder(resuming: url, recorder.description, tokenizerFiles: model.tokenizer.files)
      : TeacherCacheFolder(creating: url, recorder.description, tokenizerFiles: model.tokenizer.files)
    tellSize(of: keptPart, sequences.countedTokens, model.configuration, console)
    try record(console) { try recorder.record(into: folder, $0) }
    let cache = try TeacherCache(contentsOf: url)
    let bias = CacheBias(of: cache, teacher: model.decoder, text: sequences)
    try report(
      CacheReport(
        cache, path: output, text: sequences, start: start, comparison: .init(bias, of: cache.method)))
  }

  /// Prints what was made.
  func report(_ result: CacheReport) throws {
    if json { try StandardOutput.write(json: result) } else { try StandardOutput.write(result.text) }
  }

  /// The method, as it is or by default.
  var chosenMethod: Method { method ?? (recorded.fromLogprobs == nil ? .standard : .topKTail) }

  /// What is kept of a teacher that ran elsewhere. `smallest` is how many tokens every distribution has at least, where
  /// it does not have all.
  func method(smallest: Int?) -> TeacherCacheMethod {
    chosenMethod.method(channels: 0, k: k ?? smallest, draws: draws)
  }

  /// Shows how far `record` has come, and stops it at Ctrl-C, which throws the exit code.
  func record(
    _ console: Console, _ record: ((TeacherCacheProgress) -> TrainingDirective) throws -> Bool
  ) throws {
    let interruption = Interruption { console.write("stopping; what is finished stays") }
    var progress = ProgressLine("sequence", on: console)
    defer { progress.end() }
    let isComplete = try record { made in
      progress.show(made.sequencesDone, of: made.sequenceCount)
      return interruption.isRequested ? .stop : .continue
    }
    guard isComplete else {
      progress.end()
      console.write("stopped; the same command with --resume finishes \(output)")
      throw ExitCode(interruption.exitCode)
    }
  }
}
