"""Trains one student in several ways, each way changing one part of the default, and prints what each part gains.

Called by Benchmarks/training-quality, which builds limbeck and makes the text.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Benchmarks/peers"))

WINDOW = 256
STORY_STUDENT = {
    **{"model_type": "llama", "vocab_size": 512, "hidden_size": 48, "intermediate_size": 128, "num_hidden_layers": 3},
    **{"num_attention_heads": 3, "num_key_value_heads": 3, "max_position_embeddings": WINDOW, "rms_norm_eps": 1e-05},
    **{"tie_word_embeddings": True, "initializer_range": 0.05, "bos_token_id": 1, "eos_token_id": 2},
}


@dataclasses.dataclass(frozen=True)
class Part:
    """`flags` of limbeck, or None where it has none for this; `peer`: those of pytorch_training.py; `deviation`: that
    of the initial weights."""

    name: str
    title: str
    flags: tuple | None
    peer: tuple
    deviation: float = 0.05


# limbeck's defaults in pytorch_training.py
LIKE_LIMBECK = ("--residual-scaling", "on", "--embedding-decay", "off", "--offsets", "shifted")
FIXED, NO_BOS = ("--packing", "fixed"), ("--no-sequence-bos",)
PEER_FIXED, PEER_NO_BOS = ("--offsets", "fixed"), ("--bos", "documents")
PARTS = [
    Part("before", "fixed places, BOS at documents", FIXED + NO_BOS, LIKE_LIMBECK + PEER_FIXED + PEER_NO_BOS),
    Part("offsets", "shifted, BOS at documents", NO_BOS, LIKE_LIMBECK + PEER_NO_BOS),
    Part("bos", "fixed places, BOS at each sequence", FIXED, LIKE_LIMBECK + PEER_FIXED),
    Part("default", "shifted, BOS at each sequence: the default", (), LIKE_LIMBECK),
    Part("small", "the default, initial deviation 0.02", (), LIKE_LIMBECK, deviation=0.02),
    Part("unscaled", "the default, no residual scaling", None, (*LIKE_LIMBECK, "--residual-scaling", "off")),
    Part("decay", "the default, decay of the embedding", None, (*LIKE_LIMBECK, "--embedding-decay", "on")),
    Part("plain", "drawn at each step, no scaling, decay of all", None, ()),
]


@dataclasses.dataclass(frozen=True)
class Task:
    """A text with a student and its teacher."""

    name: str
    title: str
    train: pathlib.Path
    held_out: pathlib.Path
    tokenizer: pathlib.Path
    config: dict
    teacher: pathlib.Path
    steps: int
    batch_size: int
    learning_rate: float


def arguments():
    parser = argparse.ArgumentParser(
        prog="training-quality", description="What each part of training gains on held-out text."
    )
    names, corpora, objectives = [part.name for part in PARTS], ["tinystories", "austen"], ["train", "distill"]
    parser.add_argument("--corpus", nargs="+", choices=corpora, default=corpora)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parts = f"of {', '.join(names)} (default: all)"
    parser.add_argument("--only", nargs="+", choices=names, metavar="PART", help=parts)
    parser.add_argument("--objectives", nargs="+", choices=objectives, default=objectives)
    parser.add_argument("--steps", type=int, help="of every run (default: the task's)")
    parser.add_argument("--quick", action="store_true", help="one seed, 60 steps")
    parser.add_argument("--peer", action="store_true", help="train in PyTorch, too")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="of limbeck's products")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one per core")
    parser.add_argument("--folder", type=pathlib.Path, default=REPOSITORY / "Benchmarks/results/training-quality")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every figure")
    parser.add_argument("--limbeck", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.steps = options.seeds[:1], options.steps or 60
    return options


def joined(folder, target):
    """Writes the texts of a folder, one after another."""
    files = sorted(folder.glob("*.txt"))
    if not any(file.stat().st_size for file in files):
        parent = folder.parent
        sys.exit(f"{folder}: expected .txt files, found none; remove {parent} and give: Scripts/austen {parent}")
    target.write_text("".join(file.read_text() for file in files))
    return target


def tasks(options, limbeck):
    """Teachers that no one gave are trained once."""
    shared = REPOSITORY.parent / "shared"
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    if "tinystories" in options.corpus:
        text = (shared / "data/tinystories.txt").read_text()
        cut = text.index("\n\n", int(0.9 * len(text))) + 2
        train, held_out = folder / "stories-train.txt", folder / "stories-held-out.txt"
        train.write_text(text[:cut])
        held_out.write_text(text[cut:])
        given = shared / "models/stories260K"
        yield Task(
            "tinystories", "TinyStories, V = 512; student 48 × 3 layers, teacher stories260K (64 × 5)",
            train, held_out, given / "tokenizer.model", STORY_STUDENT, given, 600, 16, 6e-3,
        )  # fmt: skip
    if "austen" in options.corpus:
        recipes, text = REPOSITORY / "recipes/austen", REPOSITORY / "runs/austen"
        train = joined(text / "train", folder / "austen-train.txt")
        held_out = joined(text / "validation", folder / "austen-held-out.txt")
        teacher = folder / "austen-teacher"
        tokenizer = REPOSITORY / "tokenizers/austen-2048.model"
        if not teacher.exists() and "distill" in options.objectives:
            flags = ["--steps", options.steps or 450, "--batch-size", 8, "--sequence-length", WINDOW, "--seed", 1]
            flags += ["--learning-rate", "3e-3", "--warmup-steps", 50, "--precision", options.precision]
            model = ["--model", recipes / "teacher.json", "--tokenizer", tokenizer, "--text", train]
            limbeck("train", *model, *flags, "--output", teacher)
        student = json.loads((recipes / "student.json").read_text())
        yield Task(
            "austen", "Austen, V = 2,048; student 96 × 3 layers, teacher 192 × 4",
            train, held_out, tokenizer, student, teacher, 400, 8, 8e-3,
        )  # fmt: skip


def in_limbeck(task, part, objective, seed, options, limbeck):
    name = f"{task.name}-{objective}-{part.name}-{options.precision}-{task.steps}-{seed}"
    folder = options.folder / "runs" / name
    config = options.folder / f"{task.name}-{part.deviation}.json"
    config.write_text(json.dumps(task.config | {"initializer_range": part.deviation}) + "\n")
    if objective == "train":
        command = ["train", "--model", config, "--tokenizer", task.tokenizer]
    else:
        command = ["distill", "--teacher", task.teacher, "--student", config, "--teacher-precision", options.precision]
    command += [*part.flags, "--text", task.train, "--steps", task.steps, "--batch-size", task.batch_size]
    command += ["--sequence-length", WINDOW, "--learning-rate", task.learning_rate, "--warmup-steps", task.steps // 12]
    command += ["--seed", seed]
    if not folder.exists():
        limbeck(*command, "--precision", options.precision, "--output", folder)
    found = limbeck("perplexity", "--model", folder, "--text", task.held_out, "--window", WINDOW, "--json").json()
    return found["nats_per_token"]


def in_pytorch(task, part, objective, seed, options):
    import processes

    record = options.folder / "runs" / f"{task.name}-{objective}-{part.name}-pytorch-{task.steps}-{seed}.json"
    if not record.exists():
        config = options.folder / f"{task.name}.json"
        config.write_text(json.dumps(task.config) + "\n")
        command = [os.environ["PYTHON"], REPOSITORY / "Benchmarks/peers/pytorch_training.py", config]
        command += ["--tokenizer", task.tokenizer, "--text", task.train, "--validation-text", task.held_out]
        command += ["--initial-deviation", part.deviation, "--steps", task.steps, "--batch-size", task.batch_size]
        command += ["--learning-rate", task.learning_rate, "--warmup-steps", task.steps // 12, "--seed", seed]
        command += ["--threads", options.threads, *part.peer]
        command += ["--teacher", task.teacher] if objective == "distill" else []
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_bytes(processes.run(command).output)
    return json.loads(record.read_text())["nats_per_token"]


def cell(values, reference):
    """Mean and range of the seeds; what the mean gains against the first row."""
    if not values:
        return "–"
    mean = statistics.fmean(values)
    spread = f" [{min(values):.4f}..{max(values):.4f}]" if len(values) > 1 else ""
    return f"{mean:.4f}{spread} ({mean - statistics.fmean(reference):+.4f})"


def main():
    options = arguments()
    import machine
    from processes import Failure
    from runs import Limbeck

    def say(text):
        print(f"training-quality: {text}", file=sys.stderr, flush=True)

    limbeck = Limbeck(options.limbeck, options.threads, say)
    parts = [part for part in PARTS if not options.only or part.name in options.only]
    start, found = time.monotonic(), {}
    try:
        for task in tasks(options, limbeck):
            task = dataclasses.replace(task, steps=options.steps or task.steps)
            columns = [(program, objective) for objective in options.objectives for program in ("limbeck", "PyTorch")]
            columns = [column for column in columns if options.peer or column[0] == "limbeck"]
            figures = {}
            for part in parts:
                for program, objective in columns:
                    if program == "PyTorch":
                        values = [in_pytorch(task, part, objective, seed, options) for seed in options.seeds]
                    elif part.flags is None:
                        continue
                    else:
                        values = [in_limbeck(task, part, objective, seed, options, limbeck) for seed in options.seeds]
                    figures[part.name, program, objective] = values
                    say(f"{task.name}, {part.name}, {program} {objective}: {values}")
            found[task.name] = {" ".join(key): values for key, values in figures.items()}
            seeds = ", ".join(map(str, options.seeds))
            print(
                f"\n{task.title}; {task.steps} steps of {task.batch_size} × {WINDOW} tokens, learning rate "
                f"{task.learning_rate:g}; nats per held-out token, seeds {seeds}\n"
            )
            print("| training | " + " | ".join(f"{program} {objective}" for program, objective in columns) + " |")
            print("| --- |" + " --- |" * len(columns))
            for part in parts:
                first = {
                    column: next(values for key, values in figures.items() if key[1:] == column) for column in columns
                }
                cells = [cell(figures.get((part.name, *column)), first[column]) for column in columns]
                print(f"| {part.title} | " + " | ".join(cells) + " |", flush=True)
    except Failure as failure:
        sys.exit(f"training-quality: {failure}")
    facts = machine.basics(REPOSITORY, options.threads) | {"minutes": f"{(time.monotonic() - start) / 60:.1f}"}
    print("\n" + "\n".join(f"- {key}: {value}" for key, value in facts.items()))
    if options.json:
        options.json.write_text(json.dumps({"facts": facts, "tasks": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
