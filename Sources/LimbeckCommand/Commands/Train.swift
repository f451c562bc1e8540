import ArgumentParser
import Diagnostics
import LanguageModels
import Limbeck
import ModelFiles
import ModelTraining
import Tokenization

/// `limbeck train`
struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a language model on text.",
    discussion: """
      --model is a config.json or a size for a new model, or a model folder or
      .gguf file to start from, whose weights become float32. A size is a number of
      parameters with K, M or B, embedding included: 260K, 3M, 1.5B; small is 3M.
      The model is a Llama with hidden size C, 4 + C/128 layers, heads of 32
      channels (64 from C = 512 on), feed-forward size 8/3 C and a tied head. C is
      the multiple of 32 (64 from 512 on) that comes nearest to the size. The
      context is the sequence length.

      A minimal config.json (vocab_size, bos_token_id and eos_token_id are those of
      the tokenizer if they are left out):
        {"model_type": "llama", "hidden_size": 256, "intermediate_size": 688,
         "num_hidden_layers": 6, "num_attention_heads": 8,
         "tie_word_embeddings": true, "initializer_range": 0.05}

      The output folder gets the model, its tokenizer, checkpoints, metrics.jsonl
      and recipe.yaml; --recipe repeats a run from that file. Paths in a recipe are
      relative to the current folder or, if they do not exist there, to the folder
      in which its run began.

      Ctrl-C writes a checkpoint and stops. --resume --output DIR continues from
      the last checkpoint, with the same result, to the bit. A run that was killed
      continues from its last checkpoint, too (--checkpoint-every).

      To train a model further: --continue RUN --steps N --output NEW takes the
      model of RUN, its optimiser and its place in the text. Its settings hold
      unless flags change them; the learning rate starts at its highest
      (--warmup-steps lets it rise) and falls over the N steps.

      --lora-rank 8 trains low-rank adapters (LoRA) in place of the weights, which
      stay where they are, quantised ones too: less memory, and the way to make a
      teacher know a domain before it teaches. Take about ten times the learning rate
      that the weights would get. The output folder is one of PEFT; it stands for the
      adapted model wherever one is read, and 'limbeck merge' makes plain weights.

      Files of text, rows and folders, and how they become sequences: docs/data.md.
      --validation-share holds out a part of --text.

      The control for a distilled student is the same model, trained on the same
      sequences without a teacher: --control-of RUN --output NEW. Where the student
      learnt from a teacher cache, they are those of --sequences-of CACHE: the text
      that the cache holds, or --text, cut as the cache's text was.

      Example:
        limbeck train --model config.json --tokenizer tokenizer.model \\
          --text books/ --validation-text held-out.txt --output runs/teacher \\
          --epochs 2 --learning-rate 2e-3 --warmup-steps 50
        limbeck train --continue runs/teacher --steps 500 --output runs/longer
        limbeck train --control-of runs/student --output runs/control
        limbeck train --model gemma.gguf --lora-rank 8 --text books/ \\
          --output runs/adapted --steps 200 --learning-rate 5e-4
      """)

  @Option(
    help: ArgumentHelp(
      "Config.json or size of a new model, or model folder or .gguf file to start from.",
      valueName: "config.json|size|model"))
  var model: String?
  @Option(
    help: ArgumentHelp(
      "Train the student of a run of 'limbeck distill' with all of its settings, but without its teacher.",
      valueName: "run"))
  var controlOf: String?
  @Option(
    help: ArgumentHelp(
      "A tokenizer.model or tokenizer.json, or a model with one (default: that of the model to start from).",
      valueName: "path"))
  var tokenizer: String?
  @Option(
    help: ArgumentHelp(
      "Teacher cache whose sequences to train on; --text is needed only where the cache does not hold its text.",
      valueName: "cache"))
  var sequencesOf: String?
  @OptionGroup(title: "Adapters") var adapters: AdapterOptions
  @OptionGroup var options: TrainingOptions

  func validate() throws {
    try options.memory.requireResult()
    guard controlOf != nil else { return }
    let others = [
      ("recipe", options.recipe != nil), ("resume", options.resume), ("continue", options.continuedRun != nil),
    ]
    if let (flag, _) = others.first(where: \.1) {
      throw ValidationError("control-of", expected: "nothing beside --\(flag)", found: controlOf ?? "")
    }
  }

  func run() throws {
    var recipe = try controlOf.map(Self.recipe(ofControlOf:)) ?? options.recipeFile(of: "train")
    if model == nil, recipe.has("student") { throw RecipeError.recipeOfDistillation(file: options.recipe ?? "") }
    try recipe.require([
      "model": model != nil || options.continues(recipe),
      "text": !options.text.isEmpty || sequencesOf != nil || recipe.has("sequences-of"),
      "output": options.output != nil,
    ])
    let start = try TrainingStart("model", model, options, &recipe)
    let tokenizerPath = try recipe.path("tokenizer", tokenizer)
    // a control that is resumed has the tokenizer and the outputs of its student, too
    let studentPath = try recipe.path("control-of", controlOf)
    let sequences = try recipe.path("sequences-of", sequencesOf).map { try CachedSequences(path: $0) }
    // those of the student's text; another text has none
    var routes = try options.text.isEmpty ? studentPath.flatMap { try TextRoutes(ofRun: $0) } : nil
    routes?.coversValidation = options.validation.validationText.isEmpty
    let adapters = try AdapterSettings(adapters, &recipe)
    var settings = try TrainingSettings(options, &recipe, standardSequenceLength: sequences?.length)
    // of a control whose student was trained for a file
    try settings.train(for: nil, &recipe)
    if let sequences { try sequences.requireFit(settings, recipe) } else { try settings.requireText() }
    let ofDistillation = controlOf == nil ? [] : recipe.leaveOutUnknown()
    try recipe.finish()
    let session = try TrainingSession("train", settings, recipe: recipe.yaml)
    if let controlOf {
      session.note("settings of \(controlOf) but \(ofDistillation.joined(separator: ", ")), which are of its teacher")
    }

    let source = try ModelSource(path: start.model, contextLength: settings.recipe.sequenceLength)
    // a control has the tokenizer of its student, which is the teacher's
    let tokenizer = try source.tokenizer(orAt: tokenizerPath ?? (source.isStored ? nil : studentPath))
    let student = try studentPath.map { try openModel(at: ModelLocation(path: $0).url).configuration }
    let configuration = try source.configuration(
      for: tokenizer, outputs: student?.vocabularySize, bosTokenID: student?.bosTokenID, adapting: adapters)
    let counted = source.counted(adapters, settings.precision)
    if try session.showsPlan(of: configuration, tokenizer, files: source.files, adapting: counted) { return }
    let model = try source.model(
      for: tokenizer, outputs: student?.vocabularySize, bosTokenID: student?.bosTokenID, adapting: adapters,
      seed: settings.recipe.seed, precision: settings.precision, on: session.device)
    try blamingWeights(of: [model]) {
      try session.run(
        LanguageModelling(model: model.trainableDecoder, sequences: sequences), tokenizer,
        cachePacking: sequences?.packing, ownText: sequences?.ownText(tokenizer), routes: routes,
        subject: ["model: \(model.size)", model.adapterLine].compactMap(\.self),
        inputs: ["model": model.digest].merging(model.adapterInputs) { $1 }, from: start)
    }
  }

  /// The settings of a student's run, as of a run without a teacher.
  private static func recipe(ofControlOf run: String) throws(RecipeError) -> RecipeFile {
    var recipe = try RecipeFile(contentsOf: "\(run)/recipe.yaml")
    recipe.forget("output", "tokenizer")
    recipe.rename("student", to: "model")
    recipe.rename("teacher-cache", to: "sequences-of")
    return recipe
  }
}

/// A language model that learns a text as it is.
struct LanguageModelling: SessionTask {
  let model: TransformerDecoder
  let teachers: [any DecoderModel] = []
  /// Those that the text is to have, if any.
  var sequences: CachedSequences?

  func requireFit(sequenceLength: Int) throws {
    let contextLength = model.configuration.contextLength
    guard sequenceLength <= contextLength else {
      throw TrainingError.value(.sequenceLength(sequenceLength, beyond: contextLength, of: "the model"))
    }
  }

  func requireFit(_ text: PackedSequences, validation: ValidationText?) throws { try sequences?.requireSame(text) }

  func run(
    over text: PackedSequences, validation: ValidationText?, _ recipe: TrainingRecipe, folder: RunFolder?,
    continuing continuation: RunContinuation?, _ handler: (TrainingEvent) -> TrainingDirective
  ) throws -> TrainingSummary {
    try Trainer(
      model: model, objective: CrossEntropyObjective(), data: text, validation: validation, recipe: recipe,
      folder: folder, continuing: continuation
    ).run(handler)
  }
}
