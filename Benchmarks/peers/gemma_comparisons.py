"""A real model, Gemma 3 270M with quantised weights, beside llama.cpp on the same file."""

import os
import pathlib

import processes
from comparison import Comparison, Figure, Measurement, Side
from model_comparisons import GENERATED_TOKENS, generation_measurement
from processes import Failure

# llama.cpp rounds activations to 8 bits, which Limbeck does not: 3.9769 nats a token for 3.9723 of the weights as they are.
NATS_TOLERANCE = 2e-2
PROMPT = "It is a truth universally acknowledged, that"


def found_file():
    """Where Scripts/gemma has put it; None where it has not."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    usual = cache / "limbeck-models/gemma-3-270m-q4_k_m.gguf"
    file = pathlib.Path(os.environ.get("LIMBECK_GEMMA") or usual)
    return file if file.is_file() else None


def same_beginning(ours, peers):
    (peer,) = peers.values()
    mine, theirs = ours.result["ids"][0], peer.result["ids"][0]
    same = next((place for place, (a, b) in enumerate(zip(mine, theirs)) if a != b), min(len(mine), len(theirs)))
    if same == 0:
        raise Failure(f"the first token is {mine[0]}, and {theirs[0]} by the peer")
    return f"the first {same} of {len(mine)} tokens; its activations have 8 bits"


def same_perplexity(ours, peers):
    (peer,) = peers.values()
    if ours.result["tokens"] != peer.result["tokens"]:
        raise Failure(f"{ours.result['tokens']} tokens were scored, and {peer.result['tokens']} by the peer")
    mine, theirs = (run.result["nats_per_token"] for run in (ours, peer))
    if not abs(mine - theirs) <= NATS_TOLERANCE:
        raise Failure(f"{mine:.4f} nats a token, and {theirs:.4f} by the peer")
    return f"{mine:.4f} nats a token, {theirs:.4f} by it, whose activations have 8 bits"


class GemmaComparisons:
    def __init__(self, programs, limbeck, inputs, options):
        self.programs, self.limbeck, self.inputs, self.options = programs, limbeck, inputs, options
        self.text = inputs.repository / "Tests/Fixtures/gemma/shakespeare.txt"

    def all(self):
        return [self.generation(), self.perplexity()] if self.options.gemma else []

    def generation(self):
        flags = ["--prompt", PROMPT, "--tokens", GENERATED_TOKENS, "--threads", self.options.threads]

        def ours():
            return generation_measurement([self.programs / "GenerationTimer", self.options.gemma, *flags])

        def peer():
            return generation_measurement(
                [self.inputs.python, self.inputs.script("llama_generation.py"), self.options.gemma, *flags]
            )

        title = "greedy generation, Gemma 3 270M, Q4_K_M"
        sides = [Side("", ours)], [Side("llama.cpp", peer)]
        return Comparison("gemma-generation", title, *sides, [Figure("tokens/s", "≥ 1")], same_beginning)

    def perplexity(self):
        shared = ["--window", self.options.window, "--threads", self.options.threads]

        def ours():
            run = processes.run(
                [self.limbeck, "perplexity", "--model", self.options.gemma, "--text", self.text, *shared, "--json"]
            )
            result = run.json()
            return Measurement(result["tokens_per_second"], run.peak_mib, result)

        def peer():
            run = processes.run(
                [self.inputs.python, self.inputs.script("llama_perplexity.py"), self.options.gemma, self.text, *shared]
            ).json()
            return Measurement(run["tokens_per_second"], run["peak_resident_mib"], run)

        title = f"perplexity of a text, Gemma 3 270M, Q4_K_M, windows of {self.options.window}"
        sides = [Side("", ours)], [Side("llama.cpp, without its softmax", peer)]
        return Comparison("gemma-perplexity", title, *sides, [Figure("tokens/s", "≥ 1")], same_perplexity)
