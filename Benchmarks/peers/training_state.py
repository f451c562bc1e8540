"""Memory of distilling a student of 100 M weights from a teacher of 1 B: estimated for batches, measured for one."""

import statistics

from growth_sweeps import step_report
from shapes import Shape, Sizes

VOCABULARY = 32_000
TEACHER = Sizes(2_048, 18, 16, 5_632)
STUDENT = Sizes(768, 11, 12, 2_048)
# Sequences and tokens of each. The first is measured.
BATCHES = [(2, 128), (8, 256), (8, 1_024), (8, 2_048)]
STEPS = 3
FLOAT_BYTES = 4
# As in VocabularyProjection.blockRows.
LOGITS_BYTES = 32 << 20
# As in TokenBatch.pieces: whole sequences, of models whose head is not the greater part.
TOKENS_AT_ONCE = 1_024


def estimated(shape, options):
    """Bytes by name. They are not all in use at the same moment; but buffers that were given back stay in the pool."""
    vocabulary = shape.vocabulary
    tokens = min(shape.tokens(), max(1, TOKENS_AT_ONCE // shape.length) * shape.length)
    teacher, student = shape.teacher, shape.student
    block = min(tokens, max(16, min(256, LOGITS_BYTES // (FLOAT_BYTES * vocabulary) // 16 * 16)))
    # of each layer: what comes in and its norm, Q, K, V, what they give, the sum and its norm; gate, up, their product
    kept = student.layers * (8 * student.hidden + 3 * student.intermediate + student.heads + 2) + 2 * student.hidden
    floats = {
        "student: weights": student.weights(vocabulary),
        "student: gradients": student.weights(vocabulary),
        "student: AdamW's two moments": 2 * student.weights(vocabulary),
        "teacher: weights, mapped float32": teacher.weights(vocabulary),
        "student: activations kept for the backward pass": tokens * kept,
        "student: gradients on the way": tokens * (4 * student.hidden + 3 * student.intermediate),
        "final hidden states, their counted rows, their gradient": tokens * (2 * teacher.hidden + 4 * student.hidden),
        "logits of both, a block of tokens at a time": (2 * block + options.threads) * vocabulary,
    }
    if options.precision == "bf16":
        floats["heads, packed in bf16"] = vocabulary * (teacher.hidden + 2 * student.hidden) // 2
    # nothing of the teacher is kept; a layer's buffers serve the next one
    layer = tokens * (3 * teacher.hidden + 3 * teacher.intermediate)
    return {name: FLOAT_BYTES * count for name, count in floats.items()} | {"teacher: one layer": FLOAT_BYTES * layer}


def shapes():
    return [Shape(VOCABULARY, batch, TEACHER, STUDENT, length) for batch, length in BATCHES]


def mib(count):
    return f"{count / 2**20:,.0f}"


def paper_table(columns):
    """`columns` has the batch and the bytes by name."""
    yield f"| MiB | {' | '.join(f'{shape.batch} × {shape.length} tokens' for shape, _ in columns)} |"
    yield f"| --- |{' ---: |' * len(columns)}"
    for name in columns[0][1]:
        yield f"| {name} | {' | '.join(mib(parts[name]) for _, parts in columns)} |"
    yield f"| **together** | {' | '.join(mib(sum(parts.values())) for _, parts in columns)} |"
    whole = [mib(2 * FLOAT_BYTES * shape.tokens() * shape.vocabulary) for shape, _ in columns]
    yield f"| (logits of all tokens at once, which never exist) | {' | '.join(whole)} |"


def report(options, say):
    """Prints the tables; returns all figures."""
    columns = [(shape, estimated(shape, options)) for shape in shapes()]
    weights = [f"{sizes} ({sizes.weights(VOCABULARY) / 1e6:,.0f} M weights)" for sizes in (TEACHER, STUDENT)]
    print(f"Teacher {weights[0]}, student {weights[1]}, V = {VOCABULARY:,}, {options.precision} products.\n")
    print("\n".join(paper_table(columns)))
    paper = [{"batch": shape.batch, "length": shape.length, "bytes": parts} for shape, parts in columns]
    if options.on_paper:
        return {"estimate": paper}
    shape, parts = columns[0]
    say(f"{STEPS} steps of {shape.batch} × {shape.length} tokens; the teacher's weights are 4 GB on disk for that time")
    run = step_report(shape, options, STEPS, warmup=0)
    seconds, work = statistics.median(run["seconds_per_step"]), shape.distillation_gflop() + shape.attention_gflop()
    print(
        f"\nMeasured, {STEPS} steps of {shape.batch} × {shape.length} tokens: "
        f"{run['peak_resident_mib']:,.0f} MiB at the peak "
        f"(estimated: {mib(sum(parts.values()))}, without the program itself); {seconds:.2f} s per step, "
        f"{work / seconds:.0f} GFLOP/s; losses {', '.join(f'{loss:.4f}' for loss in run['losses'])}."
    )
    return {"estimate": paper, "measured": run}
