"""The points at which the distillation step is measured, and the straight lines through them."""

import pathlib
import statistics
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import numpy
import processes
from shapes import SHAPES, Shape, Sizes

REFERENCE = SHAPES["reference"]
# The rates that are assumed to choose the number of steps.
EXPECTED_GFLOP_PER_SECOND = 120
SECONDS_PER_POINT = 5

# Teacher and student; about 1.5 M to 100 M weights together with the vocabulary below.
MODELS = [
    (Sizes(128, 4, 4, 352), Sizes(64, 2, 2, 176)),
    (Sizes(192, 6, 6, 512), Sizes(96, 3, 3, 256)),
    (Sizes(288, 8, 6, 768), Sizes(144, 4, 6, 384)),
    (Sizes(384, 8, 6, 1_024), Sizes(192, 4, 6, 512)),
    (Sizes(512, 10, 8, 1_408), Sizes(256, 5, 8, 704)),
    (Sizes(768, 12, 12, 2_048), Sizes(384, 6, 12, 1_024)),
]


class Sweep(NamedTuple):
    """`value` is what the shapes differ in; `separate_attention` fits attention's products apart from the others."""

    name: str
    letter: str
    axis: str
    unit: str
    rest: str
    value: Callable[[Shape], float]
    shapes: list[Shape]
    separate_attention: bool = False


def sweeps(quick):
    def chosen(values, short):
        return short if quick else values

    def step(**changes):
        return REFERENCE._replace(**changes)

    vocabularies = chosen([2**power for power in range(10, 18)], [1_024, 8_192, 32_768])
    lengths = chosen([2**power for power in range(7, 13)], [128, 512, 1_024, 2_048])
    batches = chosen([2**power for power in range(6)], [1, 2, 4])
    models = chosen(MODELS, MODELS[:4])
    return [
        Sweep(
            "vocabulary",
            "V",
            "V, token ids",
            "token id",
            "4 × 256 tokens",
            lambda shape: shape.vocabulary,
            [step(batch=4, vocabulary=count) for count in vocabularies],
        ),
        Sweep(
            "length",
            "T",
            "T, tokens of a sequence",
            "token of a sequence",
            "2 sequences, V = 4,096",
            lambda shape: shape.length,
            [step(batch=2, vocabulary=4_096, length=count) for count in lengths],
            separate_attention=True,
        ),
        Sweep(
            "tokens",
            "N",
            "N, tokens of a step",
            "token of a step",
            "sequences of 256, V = 32,000",
            lambda shape: shape.tokens(),
            [step(batch=count) for count in batches],
        ),
        Sweep(
            "model",
            "weights",
            "weights of teacher and student",
            "weight of teacher or student",
            "4 × 256 tokens, V = 4,096",
            lambda shape: shape.weights(),
            [Shape(4_096, 4, teacher, student) for teacher, student in models],
        ),
    ]


def step_report(shape, options, steps, warmup=1):
    """What StepTimer says of random models of that shape."""

    def flag(sizes):
        return f"{sizes.hidden},{sizes.layers},{sizes.heads},{sizes.intermediate}"

    with tempfile.TemporaryDirectory(prefix="growth-") as name:
        folder = pathlib.Path(name)
        models = ["--teacher", flag(shape.teacher), "--student", flag(shape.student)]
        batch = ["--vocabulary", shape.vocabulary, "--batch", shape.batch, "--length", shape.length]
        processes.run([options.programs / "RandomInputs", folder, *models, *batch])
        flags = ["--precision", options.precision, "--threads", options.threads]
        return processes.run(
            [options.programs / "StepTimer", folder, "--steps", steps, "--warmup", warmup, *flags]
        ).json()


def measure(sweep, shape, options, say):
    maps, attention = shape.distillation_gflop(), shape.attention_gflop()
    expected = (maps + attention) / EXPECTED_GFLOP_PER_SECOND
    steps = 3 if options.quick else int(min(15, max(3, SECONDS_PER_POINT / expected)))
    run = step_report(shape, options, steps)
    seconds = statistics.median(run["seconds_per_step"])
    point = {
        "value": sweep.value(shape),
        "shape": {"vocabulary": shape.vocabulary, "batch": shape.batch, "length": shape.length}
        | {"teacher": shape.teacher._asdict(), "student": shape.student._asdict()},
        "seconds": seconds,
        "cpu_seconds": statistics.median(run["cpu_seconds_per_step"]),
        "seconds_per_step": run["seconds_per_step"],
        "maps_and_heads_gflop": maps,
        "attention_gflop": attention,
        "gflop_per_second": (maps + attention) / seconds,
        "peak_resident_mib": run["peak_resident_mib"],
    }
    say(
        f"{sweep.name} {point['value']:,}: {seconds * 1e3:,.1f} ms, {point['gflop_per_second']:.0f} GFLOP/s, "
        f"{point['peak_resident_mib']:,.0f} MiB"
    )
    return point


def straight_line(columns, values):
    """Coefficients of least squares of the relative deviations, for what is timed errs by a share of itself."""
    values = numpy.array(values)
    matrix = numpy.stack([numpy.ones(len(values)), *map(numpy.array, columns)], axis=1)
    coefficients, *_ = numpy.linalg.lstsq(matrix / values[:, None], numpy.ones(len(values)), rcond=None)
    deviations = matrix @ coefficients / values - 1
    return [float(c) for c in coefficients], float(numpy.abs(deviations).max())


def fit(sweep, points):
    """Time over work, and memory over what the points differ in."""
    maps = [point["maps_and_heads_gflop"] for point in points]
    attention = [point["attention_gflop"] for point in points]
    works = [maps, attention] if sweep.separate_attention else [[sum(pair) for pair in zip(maps, attention)]]
    time, deviation = straight_line(works, [point["seconds"] for point in points])
    memory, memory_deviation = straight_line(
        [[point["value"] for point in points]], [point["peak_resident_mib"] for point in points]
    )
    return {
        "constant_seconds": time[0],
        "seconds_per_gflop": time[1],
        "attention_seconds_per_gflop": time[2] if sweep.separate_attention else None,
        "largest_time_deviation": deviation,
        "constant_mib": memory[0],
        "mib_per_unit": memory[1],
        "largest_memory_deviation": memory_deviation,
    }


def within(share):
    return f"within {100 * share:.1f} %"


def describe(line):
    """The line of time over work, in words."""

    def term(seconds, of):
        return f"GFLOP{of} / {1 / seconds:.0f} GFLOP/s" if seconds > 0 else f"{seconds * 1e3:.2f} ms × GFLOP{of}"

    parts = [f"{line['constant_seconds'] * 1e3:.1f} ms"]
    if line["attention_seconds_per_gflop"] is None:
        parts.append(term(line["seconds_per_gflop"], ""))
    else:
        parts.append(term(line["seconds_per_gflop"], " of maps and heads"))
        parts.append(term(line["attention_seconds_per_gflop"], " of attention"))
    return f"{' + '.join(parts)}, {within(line['largest_time_deviation'])}"


def describe_memory(result):
    line, bytes_each = result["fit"], result["fit"]["mib_per_unit"] * 2**20
    return (
        f"{line['constant_mib']:.0f} MiB + {bytes_each:,.{0 if bytes_each >= 100 else 1}f} bytes per {result['unit']}, "
        f"{within(line['largest_memory_deviation'])}"
    )


def table(results):
    """Markdown: a line for each point, and below each sweep its straight lines."""
    for result in results:
        yield f"### Against the {result['sweep']} ({result['rest']})"
        yield ""
        yield (
            f"| {result['letter']} | step, ms | CPU, ms | maps and heads, GFLOP | attention, GFLOP | GFLOP/s | "
            "peak memory, MiB |"
        )
        yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
        for point in result["points"]:
            cells = [
                f"{point['value']:,}",
                f"{1e3 * point['seconds']:,.1f}",
                f"{1e3 * point['cpu_seconds']:,.1f}",
                f"{point['maps_and_heads_gflop']:,.2f}",
                f"{point['attention_gflop']:,.2f}",
                f"{point['gflop_per_second']:.0f}",
                f"{point['peak_resident_mib']:,.0f}",
            ]
            yield f"| {' | '.join(cells)} |"
        yield ""
        yield f"Time: {describe(result['fit'])}. Memory: {describe_memory(result)}."
        yield ""
