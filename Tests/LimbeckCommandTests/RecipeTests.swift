import Foundation
import Testing

@testable import LimbeckCommand

extension CommandTests {
  @Suite struct Recipes {
    @Test(arguments: [
      ("steps: 4\nlearningrate: 1\n", "line 2: unknown key \"learningrate\""),
      ("steps: 4\n\nbatch-size: many\n", "line 3: batch-size: expected a whole number, found \"many\""),
      ("steps: 4\nbatch-size: 2.5\n", "line 2: batch-size: expected a whole number, found \"2.5\""),
      ("learning-rate: fast\n", "line 1: learning-rate: expected a number, found \"fast\""),
      ("steps: [4]\n", "line 1: steps: expected a whole number, found a list"),
      ("text:\n- a.txt\n- {b: c}\n", "line 3: text: expected text, found a mapping"),
      ("schedule: square\n", "line 1: schedule: expected one of cosine, linear, constant, found \"square\""),
      ("steps: 4\nbatch-size: 0\n", "line 2: batch-size: expected a whole number above 0, found 0"),
      ("steps: 4\nsteps: 5\n", "given twice: steps"),
      ("- steps\n", "line 1: not a recipe: expected lines of the form key: value"),
      ("steps: 4\n  odd: [\n", "not a recipe"),
      ("teacher: x\n", "line 1: unknown key \"teacher\""),
      ("steps: 4\ncached-logits: x\n", "line 2: unknown key \"cached-logits\"; it is called teacher-cache now"),
      ("steps: 4\nbeta1: 1\n", "line 2: beta1: expected a number from 0 to below 1, found 1.0"),
      ("steps: 4\nepsilon: 0\n", "line 2: epsilon: expected a number above 0, found 0.0"),
      ("resume: maybe\n", "line 1: resume: expected true or false, found \"maybe\""),
    ])
    func mistakesAreNamedWithFileAndLine(yaml: String, message: String) throws {
      let desk = try Desk()
      let file = try desk.write(yaml, to: "recipe.yaml")
      let hasSteps = yaml.contains("steps")
      let outcome = try Command.run(
        [
          "train", "--recipe", file, "--model", desk.workspace.smallConfiguration, "--text", desk.workspace.text,
          "--output", desk.path("run"),
        ] + (hasSteps ? [] : ["--steps", "1"]))
      #expect(outcome.code == 1)
      #expect(outcome.errors.hasPrefix("error: \(file)"))
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
      #expect(!desk.exists("run"))
    }

    @Test func flagsWinOverTheRecipeAndTheRecipeOverDefaults() throws {
      let desk = try Desk()
      let workspace = desk.workspace
      let file = try desk.write(
        """
        # Everything but the output.
        model: \(workspace.smallConfiguration)
        tokenizer: \(workspace.tokenizer)
        text: \(workspace.text)
        validation-text: [\(workspace.heldOut)]
        steps: 3
        batch-size: 4
        micro-batch-size: 2
        sequence-length: 16
        schedule: linear
        resume: false
        """, to: "recipe.yaml")
      let outcome = try Command.run(
        "train", "--recipe", file, "--steps", "2", "--schedule", "constant", "--output", "run", in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let recipe = try desk.text("run/recipe.yaml")
      for line in ["steps: 2", "schedule: constant", "batch-size: 4", "micro-batch-size: 2", "warmup-steps: 0"] {
        #expect(recipe.contains("\(line)\n"))
      }
      #expect(!recipe.contains("resume"))
    }

    @Test func epochsOnTheCommandLineReplaceStepsInTheRecipe() throws {
      let desk = try Desk()
      let file = try desk.write("steps: 3\nbatch-size: 512\nsequence-length: 16\n", to: "recipe.yaml")
      let outcome = try Command.run(
        "train", "--recipe", file, "--epochs", "0.1", "--model", desk.workspace.smallConfiguration,
        "--tokenizer", desk.workspace.tokenizer, "--text", desk.workspace.text, "--output", "run", in: desk.folder)
      try #require(outcome.code == 0, "\(outcome.errors)")
      let recipe = try desk.text("run/recipe.yaml")
      #expect(recipe.contains("epochs: 0.1\n") && !recipe.contains("steps: 3"))
    }

    @Test func whatIsMissingIsNamedWithTheSubcommand() throws {
      let outcome = try Command.run("distill", "--teacher", "a")
      #expect(outcome.code == 64)
      #expect(outcome.errors.hasPrefix("error: --student, --text and --output are missing; give the flags"))
      #expect(outcome.errors.contains("limbeck distill --help"))
    }

    @Test func missingRecipeIsNamed() throws {
      let outcome = try Command.run("distill", "--recipe", "nowhere.yaml")
      #expect(outcome.code == 1)
      #expect(outcome.errors.hasPrefix("error: nowhere.yaml: no such file"))
    }

    /// A recipe may come through a pipe; what has no end, or nobody behind it, is not waited for.
    @Test func recipesComeThroughPipes() throws {
      let desk = try Desk()
      _ = try desk.write("steps: 0\n", to: "recipe.yaml")
      let flags = "--model a --text b --output c --recipe"
      let piped = try Command.shell("$limbeck train \(flags) <(sleep 0.2; cat recipe.yaml)", in: desk.folder)
      #expect(piped.code == 1 && piped.errors.contains(", line 1: steps: expected"), "\(piped.errors)")
      let alone = try Command.shell("mkfifo pipe && $limbeck train \(flags) pipe", in: desk.folder)
      #expect(alone.code == 1 && alone.errors.contains("pipe: cannot be read: nothing came out of this pipe"))
      let endless = try Command.shell("$limbeck train \(flags) /dev/zero", in: desk.folder)
      #expect(endless.code == 1 && endless.errors.contains("/dev/zero: cannot be read: a file or a pipe was expected"))
    }

    @Test func divergencesAreReadAndWrittenWithTheirParameter() throws {
      for (text, canonical) in [
        ("forward-kl", "forward-kl"), ("jensen-shannon", "jensen-shannon:0.5"), ("symmetric-kl:1", "symmetric-kl:1.0"),
        ("skew-reverse-kl", "skew-reverse-kl:0.1"), ("total-variation", "total-variation"),
      ] {
        #expect(DivergenceChoice(argument: text)?.defaultValueDescription == canonical)
        #expect(DivergenceChoice(argument: canonical) == DivergenceChoice(argument: text))
      }
      for text in ["", "kl", "reverse-kl:0.5", "jensen-shannon:", "jensen-shannon:1.5", "skew-forward-kl:nan", "a:b:c"]
      {
        #expect(DivergenceChoice(argument: text) == nil)
      }
    }
  }
}
