"""What `limbeck export` writes, read by llama.cpp: the same ids, the same greedy text, the same perplexity."""

import functools
import math

import processes
from comparison import Comparison, Figure, Measurement, Side
from processes import Failure

# In float32, of the perplexity itself.
PERPLEXITY_TOLERANCE = 1e-3
GREEDY_TOKENS = 48
TRAINING = ["--steps", "60", "--batch-size", "4", "--sequence-length", "256", "--learning-rate", "4e-3"]
# Runs of white space, scripts, digits, code, what no vocabulary has; no token of any model's own signs.
HARD_TEXT = """Hello,  world!\tIt's   a test; they're "quoted"…
\n\n  def f(x):\n    return x**2  # αβγ\n1234567890 3.14159 ½ naïve café Straße русский עברית हिन्दी 한국어 日本語、中文。
👩‍👩‍👧‍👦🏳️‍🌈 \u200b\u00a0x e\u0301 \U0010fffd aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ....!!!???---/// \r\n end  """


class ExportComparisons:
    def __init__(self, programs, limbeck, inputs, options):
        self.programs, self.limbeck, self.inputs, self.options = programs, limbeck, inputs, options

    def all(self):
        rows = [self.row("own", "trained here, 1 M weights", self.own_model, self.inputs.text, "The", HARD_TEXT)]
        if self.options.gemma:
            text = self.inputs.repository / "Tests/Fixtures/gemma/shakespeare.txt"
            rows.append(
                self.row("gemma", "Gemma 3 270M", lambda: self.options.gemma, lambda: text, "It is a truth", HARD_TEXT)
            )
        return rows

    @functools.cache
    def own_model(self):
        """A model with a byte-complete SentencePiece BPE, trained until greedy text does not depend on rounding."""
        tokenizer, folder = self.inputs.folder / "export.model", self.inputs.folder / "export-own"
        text = self.inputs.text()
        flags = ["--vocabulary-size", "1024", "--algorithm", "bpe", "--output", tokenizer]
        processes.run([self.limbeck, "tokenizer", "train", "--text", text, *flags])
        command = [self.limbeck, "train", "--model", "1M", "--tokenizer", tokenizer, "--text", text, "--output", folder]
        processes.run([*command, *TRAINING])
        return folder

    def row(self, name, title, model, text, prompt, hard_text):
        shared = ["--threads", self.options.threads]

        @functools.cache
        def exported():
            file = self.inputs.folder / f"export-{name}.gguf"
            processes.run([self.limbeck, "export", "--model", model(), "--output", file, "--type", "f32"])
            return file

        def hard_file():
            file = self.inputs.folder / "hard.txt"
            file.write_text(hard_text, newline="")
            return file

        def window():
            return ["--window", str(min(self.options.window, 256))]

        def ours():
            score = [self.limbeck, "perplexity", "--model", model(), "--text", text(), *window(), *shared, "--json"]
            run = processes.run(score)
            encode = [self.limbeck, "tokenizer", "encode", "--tokenizer", model()]
            ids = processes.run(encode, stdin=hard_file()).output
            generate = [self.programs / "GenerationTimer", model(), "--prompt", prompt, "--tokens", GREEDY_TOKENS]
            greedy = processes.run([*generate, "--warmup-tokens", 0, *shared]).json()["ids"][0]
            result = run.json() | {"ids": [int(id) for id in ids.split()], "greedy": greedy}
            return Measurement(result["tokens_per_second"], run.peak_mib, result)

        def peer():
            def call(script, *arguments):
                return processes.run([self.inputs.python, self.inputs.script(script), exported(), *arguments]).json()

            score = call("llama_perplexity.py", text(), *window(), *shared)
            flags = ["--prompt", prompt, "--tokens", GREEDY_TOKENS, "--warmup-tokens", 1]
            greedy = call("llama_generation.py", *flags, *shared)["ids"][0]
            ids = call("llama_ids.py", hard_file())["ids"]
            result = score | {"ids": ids, "greedy": greedy}
            return Measurement(score["tokens_per_second"], score["peak_resident_mib"], result)

        sides = [Side("", ours)], [Side("llama.cpp, without its softmax", peer)]
        title = f"perplexity of a text, exported as f32, {title}"
        return Comparison(f"export-{name}", title, *sides, [Figure("tokens/s", "≥ 1")], same_model)


def same_model(ours, peers):
    """The ids of a hard text, greedy text, and the perplexity; fails where one differs."""
    (peer,) = peers.values()
    mine, theirs = ours.result, peer.result
    for what in ("ids", "greedy"):
        if mine[what] != theirs[what]:
            pairs = enumerate(zip(mine[what], theirs[what]))
            place = next((place for place, (a, b) in pairs if a != b), min(len(mine[what]), len(theirs[what])))
            near = [side[what][max(0, place - 2) : place + 3] for side in (mine, theirs)]
            raise Failure(f"{what} differ from number {place} on: {near[0]}, and {near[1]} by llama.cpp")
    if mine["tokens"] != theirs["tokens"]:
        raise Failure(f"{mine['tokens']} tokens were scored, and {theirs['tokens']} by llama.cpp")
    own, other = (math.exp(side["nats_per_token"]) for side in (mine, theirs))
    if not abs(own - other) <= PERPLEXITY_TOLERANCE:
        raise Failure(f"a perplexity of {own:.5f}, and {other:.5f} by llama.cpp")
    counts = f"{len(mine['ids'])} ids of a hard text, {len(mine['greedy'])} greedy tokens"
    return f"{counts}, perplexity to {abs(own - other):.0e}"
