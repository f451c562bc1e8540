"""Every way of making a student that is compared, as the flags of `limbeck`."""

import dataclasses
import math
from collections.abc import Callable

# what the demo distils with: the teacher's distribution alone, as it is
PLAIN = ("--temperature", 1, "--hard-label-weight", 0)


@dataclasses.dataclass(frozen=True)
class Method:
    """`command` makes what the method needs and returns the subcommand with its own flags."""

    name: str
    title: str
    command: Callable
    # where the student learns from another text than the corpus': (corpus, seed) → its path
    text: Callable | None = None


def control(corpus, seed, model=None):
    return ["train", "--model", model or corpus.student, "--tokenizer", corpus.tokenizer]


def distil(*flags, student=None):
    """From the live teacher."""

    def command(corpus, seed):
        start = student(corpus, seed) if student else corpus.student
        return ["distill", "--teacher", corpus.teacher(), "--student", start, *flags]

    return command


def two_teachers(corpus, seed):
    teachers = [part for number in (1, 2) for part in ("--teacher", corpus.teacher(number))]
    return ["distill", *teachers, "--student", corpus.student, *PLAIN]


def pruned(corpus, seed):
    """A student cut out of the teacher."""
    folder = corpus.folder / "pruned"
    if not folder.exists():
        flags = ["--from", corpus.teacher(), *corpus.pruning, "--calibration-text", corpus.train]
        corpus.limbeck("student", *flags, "--output", folder)
    return folder


def cached(*flags):
    """From a file that is made for the run, in whose preparation it counts."""

    def command(corpus, seed):
        file = corpus.folder / "caches" / f"{'-'.join(str(flag).strip('-') for flag in flags)}-{seed}"
        file.parent.mkdir(exist_ok=True)
        shape = ["--text", corpus.train, "--sequence-length", corpus.sequence_length, "--seed", seed]
        corpus.limbeck("cache-logits", "--teacher", corpus.teacher(), *shape, *flags, "--output", file)
        return ["distill", "--cached-logits", file, "--tokenizer", corpus.tokenizer, "--student", corpus.student, *PLAIN]

    return command


def completions(corpus, seed):
    """A text of the teacher's own, as long as what a run reads, up to the size of the corpus' text."""
    file = corpus.folder / f"completions-{seed}.jsonl"
    prompts = corpus.folder / "prompts.txt"
    if not prompts.exists():
        files = sorted(corpus.train.glob("*.txt")) if corpus.train.is_dir() else [corpus.train]
        lines = [line.strip() for file in files for line in file.read_text().splitlines() if len(line.split()) > 4]
        chosen = lines[:: max(1, len(lines) // 1_000)][:1_000]
        prompts.write_text("\n".join(" ".join(line.split()[:4]) for line in chosen) + "\n")
    if not file.exists():
        tokens = corpus.steps * corpus.batch_size * corpus.sequence_length
        samples = math.ceil(tokens / 1_000 / 200 / 4)
        flags = ["--prompts", prompts, "--samples", samples, "--max-tokens", 200, "--temperature", 1, "--seed", seed]
        corpus.limbeck("generate", "--model", corpus.teacher(), *flags, "--output", file)
    return file


METHODS = [
    Method("forward-kl", "forward KL, τ = 1", distil(*PLAIN)),
    Method("hinton", "forward KL, τ = 2, half cross-entropy", distil("--temperature", 2, "--hard-label-weight", 0.5)),
    Method("reverse-kl", "reverse KL", distil(*PLAIN, "--divergence", "reverse-kl")),
    Method("jensen-shannon", "Jensen–Shannon, β = ½", distil(*PLAIN, "--divergence", "jensen-shannon:0.5")),
    Method("symmetric-kl", "symmetric KL", distil(*PLAIN, "--divergence", "symmetric-kl:0.5")),
    Method("skew-forward-kl", "skew forward KL, λ = 0.1", distil(*PLAIN, "--divergence", "skew-forward-kl:0.1")),
    Method("skew-reverse-kl", "skew reverse KL, λ = 0.1", distil(*PLAIN, "--divergence", "skew-reverse-kl:0.1")),
    Method("total-variation", "total variation", distil(*PLAIN, "--divergence", "total-variation")),
]


def chosen(names):
    """The methods of these names, or all."""
    known = {method.name: method for method in METHODS}
    return [known[name] for name in names] if names else METHODS
