"""Generation by quantised weights, beside llama.cpp on the same file: one sequence, and 32 together."""

import functools

from comparison import Comparison, Figure, Side
from gemma_comparisons import same_beginning
from model_comparisons import BF16, GENERATED_TOKENS, ROUNDED_CACHE, SEQUENCES, generation_measurement

TYPES = ["q8_0", "q4_0"]
SHAPES = ["3M", "15M", "110M"]
# Of 32 sequences of models that take long.
FEWER_TOKENS = 64


class QuantisedComparisons:
    def __init__(self, programs, inputs, options):
        self.programs, self.inputs, self.options = programs, inputs, options

    def all(self):
        files = {
            f"{shape}-{type}": (f"{shape} weights, {type.upper()}", functools.partial(self.inputs.gguf, shape, type))
            for shape in SHAPES
            for type in TYPES
        }
        rows = [self.row(name, title, file, 1) for name, (title, file) in files.items()]
        if self.options.gemma:
            # GemmaComparisons has its single sequence
            files["gemma"] = ("Gemma 3 270M, Q4_K_M", lambda: self.options.gemma)
        return rows + [self.row(name, title, file, SEQUENCES) for name, (title, file) in files.items()]

    def row(self, name, title, file, sequences):
        tokens = GENERATED_TOKENS if sequences == 1 or name.startswith(("3M", "15M")) else FEWER_TOKENS
        flags = ["--tokens", tokens, "--sequences", sequences, "--threads", self.options.threads]

        def ours(name, *more):
            return Side(
                name, lambda: generation_measurement([self.programs / "GenerationTimer", file(), *flags, *more])
            )

        def peer(name, *more):
            command = [self.inputs.python, self.inputs.script("llama_generation.py")]
            return Side(name, lambda: generation_measurement([*command, file(), *flags, *more]))

        sides = [ours("float32, cache in float16", *ROUNDED_CACHE), ours("bf16, cache in float16", *BF16)]
        peers = [peer("llama.cpp, 8-bit activations, cache in float16", *ROUNDED_CACHE)]
        together = "one sequence" if sequences == 1 else f"{sequences} sequences together"
        key = f"quantised-{name}" + ("" if sequences == 1 else "-batched")
        title = f"greedy generation, {title}, {together}"
        return Comparison(key, title, sides, peers, [Figure("tokens/s", "≥ 1")], same_beginning)
