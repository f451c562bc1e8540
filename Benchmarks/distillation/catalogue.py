"""Every way of making a student that is compared, as the flags of `limbeck`."""

import dataclasses
import math
from collections.abc import Callable

# what the demo distils with: the teacher's distribution alone, as it is
PLAIN = ("--temperature", 1, "--hard-label-weight", 0)


@dataclasses.dataclass(frozen=True)
class Method:
    """`command(corpus, seed, scratch)` makes what the method needs, in a folder that goes with the run, and returns the
    subcommand with its own flags."""

    name: str
    title: str
    command: Callable
    # where the student learns from another text than the corpus': (corpus, seed, scratch) → its path
    text: Callable | None = None


def control(corpus, seed, scratch, model=None):
    return ["train", "--model", model or corpus.student, "--tokenizer", corpus.tokenizer]


def distil(*flags, student=None):
    """From the live teacher."""

    def command(corpus, seed, scratch):
        start = student(corpus, scratch) if student else corpus.student
        return ["distill", "--teacher", corpus.teacher(), "--student", start, *flags]

    return command


def two_teachers(*flags):
    def command(corpus, seed, scratch):
        teachers = [part for number in (1, 2) for part in ("--teacher", corpus.teacher(number))]
        return ["distill", *teachers, "--student", corpus.student, *PLAIN, *flags]

    return command


def pruned(corpus, scratch, method="importance"):
    """A student cut out of the teacher."""
    flags = ["--from", corpus.teacher(), *corpus.pruning, "--calibration-text", corpus.train, "--method", method]
    corpus.limbeck("student", *flags, "--output", scratch / "pruned")
    return scratch / "pruned"


def projected(corpus, scratch):
    """The same shape, its channels projected."""
    return pruned(corpus, scratch, "pca")


def cut_control(corpus, seed, scratch):
    return control(corpus, seed, scratch, pruned(corpus, scratch))


def cached(*flags):
    """From a file that is made for the run, in whose preparation it counts."""

    def command(corpus, seed, scratch):
        file = scratch / "logits"
        shape = ["--text", corpus.train, "--sequence-length", corpus.sequence_length, "--seed", seed]
        shape += ["--teacher-precision", corpus.precision]
        corpus.limbeck("cache-teacher", "--teacher", corpus.teacher(), *shape, *flags, "--output", file)
        return ["distill", "--teacher-cache", file, "--tokenizer", corpus.tokenizer, "--student", corpus.student, *PLAIN]

    return command


def completions(corpus, seed, scratch):
    """A text of the teacher's own, a quarter as long as what a run reads."""
    files = sorted(corpus.train.glob("*.txt")) if corpus.train.is_dir() else [corpus.train]
    lines = [line.strip() for file in files for line in file.read_text().splitlines() if len(line.split()) > 4]
    beginnings = [" ".join(line.split()[:4]) for line in lines[:: max(1, len(lines) // 1_000)][:1_000]]
    prompts = scratch / "prompts.txt"
    prompts.write_text("\n".join(beginnings) + "\n")
    tokens = corpus.steps * corpus.batch_size * corpus.sequence_length
    samples = math.ceil(tokens / 4 / 200 / len(beginnings))
    flags = ["--prompts", prompts, "--samples", samples, "--max-tokens", 200, "--temperature", 1, "--seed", seed]
    corpus.limbeck("generate", "--model", corpus.teacher(), *flags, "--output", scratch / "completions.jsonl")
    return scratch / "completions.jsonl"


METHODS = [
    Method("forward-kl", "forward KL, τ = 1", distil(*PLAIN)),
    Method("hinton", "forward KL, τ = 2, half cross-entropy", distil("--temperature", 2, "--hard-label-weight", 0.5)),
    Method("reverse-kl", "reverse KL", distil(*PLAIN, "--divergence", "reverse-kl")),
    Method("jensen-shannon", "Jensen–Shannon, β = ½", distil(*PLAIN, "--divergence", "jensen-shannon:0.5")),
    Method("symmetric-kl", "symmetric KL", distil(*PLAIN, "--divergence", "symmetric-kl:0.5")),
    Method("skew-forward-kl", "skew forward KL, λ = 0.1", distil(*PLAIN, "--divergence", "skew-forward-kl:0.1")),
    Method("skew-reverse-kl", "skew reverse KL, λ = 0.1", distil(*PLAIN, "--divergence", "skew-reverse-kl:0.1")),
    Method("total-variation", "total variation", distil(*PLAIN, "--divergence", "total-variation")),
    Method("logits-mse", "forward KL + 0.1 · MSE of logits", distil(*PLAIN, "--logits-mse-weight", 0.1)),
    Method(
        "cooling", "temperature 4 → 1, cosine", distil("--temperature", "cosine:4..1", "--hard-label-weight", 0)
    ),
    Method(
        "to-the-text", "cross-entropy's weight 0 → 1, linear", distil("--temperature", 1, "--hard-label-weight", "linear:0..1")
    ),
    Method("entropy", "tokens weighted by the teacher's entropy", distil(*PLAIN, "--token-weighting", "teacher-entropy")),
    Method(
        "confidence", "tokens weighted by the teacher's confidence", distil(*PLAIN, "--token-weighting", "teacher-confidence")
    ),
    Method("hidden-cosine", "and cosine of the last hidden states", distil(*PLAIN, "--align-layers", "last")),
    Method(
        "hidden-mse",
        "and squares of the last hidden states",
        distil(*PLAIN, "--align-layers", "last", "--hidden-mse-weight", 1),
    ),
    Method("relations", "and relations of queries, keys and values", distil(*PLAIN, "--relation-weight", 1)),
    Method("distilbert", "DistilBERT's three terms", distil("--preset", "distilbert")),
    Method("two-teachers", "mixture of two teachers", two_teachers()),
    Method("one-per-step", "one of two teachers at each step", two_teachers("--one-teacher-per-step")),
    Method("distil-first", "forward KL in the first 30 % of the steps", distil(*PLAIN, "--distil-first", "30%")),
    Method("pruned", "forward KL, student cut out of the teacher", distil(*PLAIN, student=pruned)),
    Method("projected", "forward KL, student cut out with projected channels", distil(*PLAIN, student=projected)),
    Method("pruned-control", "no teacher, student cut out of it", cut_control),
    Method("top-k", "cached: top 64 of the logits", cached("--method", "top-k", "--k", 64)),
    Method("top-k-tail", "cached: top 64 and the rest as one", cached("--method", "top-k-tail", "--k", 64)),
    Method("sampled", "cached: 50 draws", cached("--method", "sampled", "--draws", 50)),
    Method("dense16", "cached: everything, in 16 bits", cached("--method", "dense16")),
    Method("on-policy", "a quarter of the steps on-policy", distil(*PLAIN, "--on-policy", 0.25)),
    Method("sequence-level", "cross-entropy on the teacher's completions", control, text=completions),
]


def chosen(names):
    """The methods of these names, or all."""
    known = {method.name: method for method in METHODS}
    return [known[name] for name in names] if names else METHODS
