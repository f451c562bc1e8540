"""Evaluation, generation, encoding and starting: `limbeck` and GenerationTimer beside their peers."""

import statistics

import processes
from comparison import Comparison, Figure, Measurement, Side
from processes import Failure
from shapes import SHAPES

# Nats per token. Bf16 rounds with a relative error of up to 2^-9 = 2e-3, and this is a mean over thousands of tokens.
NATS_TOLERANCES = {"float32": 1e-5, "bf16": 1e-2}
# Rounding may decide between two tokens of nearly the same probability, and all that follows differs; not so early.
SAME_TOKENS = 16
GENERATED_TOKENS = 256
SEQUENCES = 32
# Flags of GenerationTimer.
ROUNDED_CACHE = ["--cache-precision", "float16"]
BF16 = ["--precision", "bf16", *ROUNDED_CACHE]
STARTS = 20


def generation_measurement(command):
    run = processes.run(command).json()
    return Measurement(run["tokens_per_second"], run["peak_resident_mib"], run)


def same_ids(ours, peers):
    """The first sequence of each; where the first two part, and fails where that is early."""
    mine = ours.result["ids"][0]
    least = len(mine)
    for theirs in (peer.result["ids"][0] for peer in peers.values()):
        same = next((place for place, (a, b) in enumerate(zip(mine, theirs)) if a != b), min(len(mine), len(theirs)))
        if same < min(SAME_TOKENS, len(theirs)):
            raise Failure(f"generated tokens differ from token {same + 1} on: {mine[:same + 1]} and {theirs[:same + 1]}")
        least = min(least, same)
    return f"the first {least} of {len(mine)} tokens"


def same_perplexity(ours, peers):
    (peer,) = peers.values()
    if ours.result["tokens"] != peer.result["tokens"]:
        raise Failure(f"{ours.result['tokens']} tokens were scored, and {peer.result['tokens']} by the peer")
    difference = abs(ours.result["nats_per_token"] - peer.result["nats_per_token"])
    tolerance = NATS_TOLERANCES[ours.result["precision"]]
    if not difference <= tolerance:
        raise Failure(f"nats per token differ by {difference:.1e}, more than {tolerance:.0e}")
    return f"nats per token to {difference:.0e}"


class ModelComparisons:
    def __init__(self, programs, limbeck, inputs, registers, options):
        self.programs, self.limbeck, self.inputs = programs, limbeck, inputs
        self.registers, self.options = registers, options

    def all(self):
        shapes = ("3M", "15M", "110M")
        generations = [
            row(shape) for row in (self.generation, self.batched, self.batched_bf16) for shape in shapes
        ]
        sizes, vocabulary = SHAPES["small"].teacher, SHAPES["small"].vocabulary
        window_gflop = sizes.forward_gflop(vocabulary, self.options.window, self.options.window)
        perplexities = [
            self.perplexity("perplexity", f"random weights, {sizes} layers", self.inputs.scored_model, window_gflop)
        ]
        if given := self.inputs.given_model:
            perplexities.append(self.perplexity("perplexity-given", given.name, lambda: given))
        return [*perplexities, *generations, self.encoding(), self.version(), self.loading()]

    def perplexity(self, row, name, model, window_gflop=None):
        """`window_gflop` is that of all products of one window, where the machine's limit is theirs."""

        def arguments():
            return model(), self.inputs.text()

        def side(precision):
            def measure():
                model, text = arguments()
                run = processes.run(
                    [self.limbeck, "perplexity", "--model", model, "--text", text, "--window", self.options.window]
                    + ["--threads", self.options.threads, "--precision", precision, "--json"]
                )
                result = run.json() | {"precision": precision}
                return Measurement(result["tokens_per_second"], run.peak_mib, result)

            def limit():
                seconds = window_gflop and self.registers.seconds(window_gflop, precision)
                return seconds and self.options.window / seconds

            return Side(precision, measure, limit)

        def peer():
            run = processes.run(
                [self.inputs.python, self.inputs.script("pytorch_perplexity.py"), *arguments()]
                + ["--window", self.options.window, "--threads", self.options.threads]
            ).json()
            return Measurement(run["tokens_per_second"], run["peak_resident_mib"], run)

        title = f"perplexity of a text, {name}, windows of {self.options.window}"
        peers = [Side("transformers, float32", peer)]
        ours = [side("float32"), side("bf16")]
        return Comparison(row, title, ours, peers, [Figure("tokens/s", "≥ 4")], same_perplexity)

    def generate(self, name, shape, *flags):
        def measure():
            return generation_measurement(
                [self.programs / "GenerationTimer", self.inputs.random_model(shape), "--tokens", GENERATED_TOKENS]
                + ["--threads", self.options.threads, *flags]
            )

        return Side(name, measure)

    def generation(self, shape):
        def peer():
            return generation_measurement(
                [self.inputs.python, self.inputs.script("llama_generation.py"), self.inputs.gguf(shape)]
                + ["--tokens", GENERATED_TOKENS, "--threads", self.options.threads]
            )

        title = f"greedy generation, {shape} weights"
        ours = [self.generate("float32", shape), self.generate("bf16, cache in float16", shape, *BF16)]
        peers = [Side("llama.cpp float32", peer)]
        return Comparison(f"generation-{shape}", title, ours, peers, [Figure("tokens/s", "≥ 1")], same_ids)

    def batched(self, shape):
        together = f"{SEQUENCES} sequences"
        ours = [
            self.generate(together, shape, "--sequences", SEQUENCES),
            self.generate(f"{together}, caches in float16", shape, "--sequences", SEQUENCES, *ROUNDED_CACHE),
        ]
        peers = [
            self.generate("Limbeck, 1 sequence", shape),
            self.generate("Limbeck, 1 sequence, cache in float16", shape, *ROUNDED_CACHE),
        ]
        title = f"greedy generation, {shape} weights"
        return Comparison(f"generation-batched-{shape}", title, ours, peers, [Figure("tokens/s", "≥ 8")], same_ids)

    def batched_bf16(self, shape):
        name = "bf16, caches in float16"
        ours = [self.generate(f"{SEQUENCES} sequences, {name}", shape, "--sequences", SEQUENCES, *BF16)]
        peers = [self.generate(f"Limbeck, 1 sequence, {name}", shape, *BF16)]
        title = f"greedy generation, {shape} weights"
        return Comparison(f"generation-batched-bf16-{shape}", title, ours, peers, [Figure("tokens/s", "≥ 8")], same_ids)

    def encoding(self):
        """Both whole processes; spm_encode takes lines and drops their ends, which are tokens of the text to us."""
        tokenizer = self.inputs.own_tokenizer

        def measurement(command, output, stdin=None, stdout=None):
            text = self.inputs.long_text()
            run = processes.run(command(text, output), stdin=stdin and text, stdout=stdout and output)
            return Measurement(1e-6 * text.stat().st_size / run.seconds, run.peak_mib, output)

        def ours():
            command = [self.limbeck, "tokenizer", "encode", "--tokenizer", tokenizer]
            return measurement(lambda *_: command, self.inputs.folder / "ids-ours.txt", stdin=True, stdout=True)

        def peer():
            def command(text, output):
                flags = [f"--model={tokenizer}", "--output_format=id", f"--output={output}"]
                return ["spm_encode", *flags, text]

            return measurement(command, self.inputs.folder / "ids-peer.txt")

        def agree(ours, peers):
            (peer,) = peers.values()
            command = [self.inputs.python, self.inputs.script("encoded_ids.py"), tokenizer, ours.result, peer.result]
            found = processes.run(command).json()
            if not found["same"]:
                raise Failure("encoded ids differ from those of spm_encode")
            return f"{found['ids']:,} ids"

        sides = [Side("", ours)], [Side("spm_encode", peer)]
        return Comparison("encoding", "encoding text, whole processes", *sides, [Figure("MB/s", "≥ 1.8")], agree)

    def version(self):
        def measure():
            runs = [processes.run([self.limbeck, "--version"]) for _ in range(STARTS)]
            return Measurement(1e3 * statistics.median(run.seconds for run in runs), max(run.peak_mib for run in runs))

        figures = [Figure("ms", "≤ 20 ms", smaller_is_better=True)]
        return Comparison("version", "`limbeck --version`", [Side("", measure)], [], figures)

    def loading(self):
        """Whole processes: to a loaded model, and to the first token, which has read every weight once."""

        def measure():
            command = [self.programs / "GenerationTimer", self.inputs.random_model("1GiB")]
            command += ["--threads", self.options.threads]
            loading = processes.run([*command, "--load-only"])
            first = processes.run([*command, "--tokens", 1, "--warmup-tokens", 0])
            anonymous = loading.json()["anonymous_mib_after_loading"]
            return Measurement(loading.seconds, anonymous, first.seconds)

        aim = "≤ 1 s"
        figures = [
            Figure("s", aim, smaller_is_better=True),
            Figure("s", aim, "and its first token", lambda run: run.result, smaller_is_better=True),
        ]
        title = "loading a float32 checkpoint of 1 GiB (memory: what is not mapped)"
        return Comparison("loading", title, [Side("", measure)], [], figures)
