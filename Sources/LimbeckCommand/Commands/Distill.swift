import ArgumentParser
import Distillation
import LanguageModels
import Limbeck
import ModelTraining
import Tokenization

/// `limbeck distill`
struct Distill: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill",
    abstract: "Trains a small model, the student, to predict what a large one predicts.",
    discussion: """
      The student's loss at each token is lambda * cross-entropy + (1 - lambda) *
      tau^2 * divergence(teacher, student): lambda is --hard-label-weight, tau is
      --temperature. By default it is the forward KL divergence at temperature 1,
      without cross-entropy, which was the best choice in docs/distilling.md.
      Starting from a pruned teacher (see 'limbeck student') gained more than any
      choice of divergence.

      --student is a config.json or a size (1M; see 'limbeck help train') for a new
      model, or a model folder or .gguf file to start from, whose weights become
      float32. It gets the teacher's tokenizer.

      Divergences: forward-kl, reverse-kl, jensen-shannon[:beta],
      symmetric-kl[:weight of the forward side], skew-forward-kl[:alpha],
      skew-reverse-kl[:alpha], total-variation; or a weighted sum of them:
      0.7*forward-kl+0.3*reverse-kl.

      Temperature and weights are numbers, or schedules from the first step to the
      last: linear:4..1 or cosine:0.9..0.1 (half a cosine, flat at both ends).

      With several --teacher, the student learns the mixture of their
      distributions, or with --one-teacher-per-step that of one of them, drawn anew
      at each step, which costs less. All teachers must have the same tokenizer.
      --teacher models/code:'*.swift' --teacher models/prose:'*' gives each file of
      the text to the first teacher whose pattern matches: its name, or with a slash
      in the pattern the end of its path. Every file needs a teacher.

      Where nothing is asked of the teacher it is not computed: a step with weight 1
      of the cross-entropy costs what one of 'limbeck train' costs. --distil-first
      30% is a teacher for the first 30 % of the steps and the text alone afterwards,
      hidden states and on-policy steps included; --distil-last is the opposite.

      --align-layers 2:0,5:1 compares the outputs of the teacher's layers 2 and 5
      with those of the student's layers 0 and 1. Layers count from 0; 'embedding'
      is the input of layer 0, 'last' the output of the final norm. If the sizes
      differ, a projection of the student's states is trained and then discarded.
      With several teachers, the first one is compared.

      --on-policy is the share of steps that train on completions which the student
      samples and the teacher scores (GKD). It completes --prompts, or the
      beginnings of the text's sequences. metrics.jsonl marks these steps.

      With --teacher-cache no teacher is loaded, and the temperature is the
      cache's. If --teacher is also given, the cache must be of that teacher. A cache
      of hidden states needs --teacher, of which only the output head is loaded;
      then any divergence, any temperature and --align-layers last are possible.

      --cache-while-distilling runs the teacher in the first epoch alone. The cache
      stays in the output folder, or in --cache-output, where the next student of
      the same text can use it: --teacher-cache RUN/teacher-cache.

      --student-weights q4_0 trains the student for 'limbeck export --type q4_0':
      each step computes with what the file will hold, so that the student learns to
      make up for the rounding, and the file has exactly the trained values. Begin
      with a trained student, at a low rate such as 1e-4; the --teacher can be its
      own or the student itself.

      --reduce-vocabulary pays where embedding and head are more than half of the
      weights and the text uses a few per cent of the tokens. The smaller teacher is
      kept beside the run, as RUN-teacher, to resume and to compare with.

      --budget 30m, with a teacher and a text alone, chooses all the rest by what is
      measured on this machine and by the study in docs/distilling.md: a smaller
      vocabulary where it is most of the student, which makes each step cheaper; the
      largest student that reads the text three times, cut out of the teacher, which
      was better than any fresh one; a cache where that gives more steps; a learning
      rate by the student's width, as the best rates of the study's students went;
      the text's weight by pilots of a twentieth of the time, for it depends on the
      teacher; one pilot is a control without the teacher. It ends with a report, and
      with what distilling was worth in the same time. OUTPUT/recipe.yaml says what
      was chosen and why, and makes the student again, to the same bits. What is done
      is not done again: the same command goes on.

      Output folder, recipes, Ctrl-C, --resume and --continue are as in 'limbeck
      train'. 'limbeck train --control-of RUN' trains the same student without the
      teacher, to measure the gain.

      Example:
        limbeck distill --teacher model.gguf --text books/ --budget 30m \\
          --output small
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --output runs/student --epochs 2
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --output runs/student --epochs 2 \\
          --divergence jensen-shannon:0.3 --temperature 2
        limbeck distill --teacher runs/one --teacher runs/two --teacher-weights 2,1 \\
          --student small.json --text books/ --output runs/student --epochs 2 \\
          --temperature linear:4..1 --divergence 'forward-kl+cosine:0..1*reverse-kl'
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --output runs/student --epochs 2 \\
          --preset distilbert --align-layers 2:0,last
        limbeck distill --teacher runs/teacher --student small.json \\
          --text books/ --output runs/student --epochs 5 --cache-while-distilling
        limbeck distill --teacher runs/student --student runs/student \\
          --student-weights q4_0 --text books/ --output runs/student-q4 \\
          --steps 200 --learning-rate 1e-4 --minimum-learning-rate-ratio 0
      """)

  @OptionGroup(title: "Everything chosen for a time") var budgeted: TimeBudgetOptions
  @OptionGroup var teachers: TeacherOptions
  @Option(
    help: ArgumentHelp(
      "Config.json or size of a new model, or model to start from.", valueName: "config.json|size|model"))
  var student: String?
  @Option(
    help: ArgumentHelp(
      "Train for a file of 'limbeck export --type' of this type (default: float32).", valueName: "type"))
  var studentWeights: QuantisedWeights?
  @OptionGroup(title: "Objective") var objective: ObjectiveOptions
  @OptionGroup(title: "Steps with a teacher") var teacherSteps: TeacherStepOptions
  @OptionGroup(title: "Hidden states") var hiddenStates: HiddenStateOptions
  @OptionGroup(title: "On-policy distillation") var onPolicy: OnPolicyOptions
  @OptionGroup(title: "Teacher cache") var teacherCache: TeacherCacheOptions
  @OptionGroup(title: "Cache while distilling") var caching: CachingOptions
  @OptionGroup(title: "Vocabulary") var vocabulary: VocabularyOptions
  @OptionGroup(title: "Adapters") var adapters: AdapterOptions
  @OptionGroup(title: "Training") var options: TrainingOptions

  func validate() throws {
    try options.memory.requireResult("--plan or --budget", isGiven: budgeted.budget != nil)
  }

  func run() throws {
    if let budget = budgeted.budget { return try BudgetedDistillation(self, budget).run() }
    var recipe = try options.recipeFile(of: "distill")
    if student == nil, recipe.has("model") { throw RecipeError.recipeOfTraining(file: options.recipe ?? "") }
    let hasCache = teacherCache.teacherCache != nil || recipe.has("teacher-cache")
    try recipe.require([
      "teacher": hasCache || !teachers.teacher.isEmpty, "student": student != nil || options.continues(recipe),
      "text": hasCache || !options.text.isEmpty || onPolicy.prompts != nil || recipe.has("prompts"),
      "output": options.output != nil,
    ])
    let caching = try CachingSettings(caching, &recipe)
    if let cache = try TeacherCacheSettings(teacherCache, &recipe) {
      if caching != nil {
        throw recipe.invalid(
          "cache-while-distilling", expected: "nothing with --teacher-cache", found: "both",
          advice: "leave it out, or --teacher-cache")
      }
      return try run(cache, &recipe)
    }
    let vocabulary = try VocabularySettings(vocabulary, &recipe)
    let teacherSettings = try TeacherSettings(
      teachers, onePerStep: teacherSteps.oneTeacherPerStep, tokenizer: teacherCache.tokenizer, &recipe)
    let start = try TrainingStart("student", student, options, &recipe)
    let preset = try recipe.value("preset", objective.preset)
    let objective = try teacherSteps.limit(objective.objective(&recipe, preset: preset), &recipe)
    let hiddenStates = try hiddenStates.terms(&recipe, preset: preset)
    let adapters = try AdapterSettings(adapters, &recipe)
    var settings = try TrainingSettings(
      options, &recipe, standardCuts: caching == nil ? nil : CachingSettings.cuts)
    try settings.train(for: studentWeights, &recipe)
    try objective.value.distilledSteps.requireFit(settings.recipe, recipe)
    try teacherSettings.requireFit(settings, recipe)
    try vocabulary?.requireFit(teacherSettings, recipe)
    let onPolicy = try OnPolicySettings(
      onPolicy, promptField: settings.keys.prompt, sequenceLength: settings.recipe.sequenceLength, &recipe)
    try caching?.requireFit(settings, teacherSettings, onPolicy: onPolicy, recipe)
    try settings.requireText(unless: objective.value.asksTeacherAtEveryStep && onPolicy?.needsNoText ?? false)
    try recipe.finish()
    let session = try TrainingSession("distill", settings, recipe: recipe.yaml)

    let reduced = try vocabulary?.reduced(teacherSettings.paths[0], for: settings, on: session.device)
    defer { reduced?.removeUnlessUsed() }
    var teachers = try teacherSettings.load(on: session.device, reduced: reduced)
    let source = try ModelSource(path: start.model, contextLength: settings.recipe.sequenceLength)
    let stored = try source.isStored ? source.tokenizer(orAt: teacherSettings.tokenizer) : nil
    if let stored {
      try reduced?.requireTokens(of: stored, path: start.model)
      try stored.requireSame(as: teachers.tokenizer, from: teachers.paths[0], path: start.model)
    }
    let configuration = try source.configuration(
      for: teachers.tokenizer, outputs: teachers.configuration.vocabularySize, adapting: adapters)
    let isPlanned = try session.showsPlan(
      of: configuration, stored ?? teachers.tokenizer, files: teachers.files + source.files,
      adapting: source.counted(adapters, settings.precision),
      caching: caching.map { [teachers] caching in
        { caching.memory(settings, for: teachers.configuration, textTokens: $0) }
      }
    ) { [teachers] decoder in
      try Distiller(
        .live(teachers.mixture(countedOn: decoder.device), hiddenStates: hiddenStates.value),
        student: .init(decoder, stored ?? teachers.tokenizer), objective.value)
    }
    if isPlanned { return }
    if let reduced, !reduced.isWritten {
      try reduced.write()
      teachers = try teacherSettings.load(on: session.device, reduced: reduced)
    }
    let tokenizer = teachers.tokenizer
    let student = try source.model(
      for: tokenizer, outputs: teachers.configuration.vocabularySize, bosTokenID: teachers.configuration.bosTokenID,
      adapting: adapters, seed: settings.recipe.seed, precision: settings.precision, on: session.device)
    let sampled = try onPolicy?.steps(
      for: student.trainableDecoder, tokenizer,
      teacherContextLength: teachers.models.map(\.decoder.configuration.contextLength).min() ?? 0)
    let plan = caching?.plan(settings, for: teachers.models[0])
    let distiller = try Distiller(
      plan.map { .caching(teachers.mixture[0], $0, hiddenStates: hiddenStates.value) }
        ?? .live(teachers.mixture, hiddenStates: hiddenStates.value, onPolicy: sampled?.value, choice: teachers.choice),
      student: .init(student.trainableDecoder, stored ?? tokenizer), objective.value,
      seed: settings.recipe.seed)
    var inputs = teachers.inputs.merging(sampled?.inputs ?? [:]) { $1 }
    if let caching, let plan { inputs.merge(caching.inputs(plan)) { $1 } }
    (inputs["student"], inputs["objective"]) = (student.digest, objective.description)
    inputs["hidden_states"] = hiddenStates.description
    inputs.merge(student.adapterInputs) { $1 }
    let terms = [objective.description, hiddenStates.description, sampled?.description]
    let subject = [
      "student: \(student.size)", student.adapterLine, settings.weightsLine(of: student.configuration),
      "teacher: \(teachers.description)", "objective: \(terms.compactMap(\.self).joined(separator: "; "))",
    ]
    try blamingWeights(of: teachers.models + [student]) {
      try session.run(
        distiller, tokenizer, routes: teacherSettings.routes, subject: subject.compactMap(\.self), inputs: inputs,
        from: start)
    }
  }
}

extension Distiller: SessionTask {
  /// What is trained.
  var model: TransformerDecoder { student }
}
