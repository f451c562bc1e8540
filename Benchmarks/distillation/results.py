"""From what was measured of every student to the table."""

import math
import statistics


def spread(values, digits=4):
    """Mean, and least and greatest where there are several."""
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} [{min(values):.{digits}f}..{max(values):.{digits}f}]"


def at_equal_time(controls, seconds):
    """Nats per token of a control that trains this long: between runs of several lengths, linear in log time.

    `controls`: (seconds, nats) of each length. Beyond the longest run, its nats; before the shortest, its.
    """
    points = sorted(controls)
    if seconds <= points[0][0]:
        return points[0][1]
    for (earlier, before), (later, after) in zip(points, points[1:]):
        if seconds <= later:
            share = math.log(seconds / earlier) / math.log(later / earlier)
            return before + share * (after - before)
    return points[-1][1]


def rows(methods, study):
    """One row a method: `measured[name][seed]` and `controls[seed]`, of each length, are of `Figures`."""
    controls, teacher = study["controls"], study["teacher"]
    for method in methods:
        figures = study["measured"][method.name]
        equal_tokens = [figures[seed].nats - controls[seed][0].nats for seed in figures]
        equal_time = [
            figures[seed].nats - at_equal_time([(each.seconds, each.nats) for each in controls[seed]], figures[seed].seconds)
            for seed in figures
        ]
        closed = [
            100 * (controls[seed][0].nats - figures[seed].nats) / (controls[seed][0].nats - teacher) for seed in figures
        ]
        slower = [figures[seed].seconds / controls[seed][0].seconds for seed in figures]
        yield [
            method.title,
            f"{study['rates'][method.name]:g}",
            spread([math.exp(each.nats) for each in figures.values()], 2),
            spread(equal_tokens),
            spread(equal_time),
            f"{statistics.fmean(closed):.0f} %",
            spread([each.divergence for each in figures.values()]),
            f"{statistics.fmean(slower):.1f}",
        ]


HEADER = [
    *("method", "learning rate", "perplexity", "nats, less control's, equal tokens", "equal time", "gap closed"),
    *("KL to the teacher", "time"),
]


def table(lines):
    yield "| " + " | ".join(HEADER) + " |"
    yield "| --- |" + " ---: |" * (len(HEADER) - 1)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def controls_line(lengths, controls, teacher):
    """The perplexities of teacher and controls."""
    parts = [
        f"{length} × the steps {spread([math.exp(each[index].nats) for each in controls.values()], 2)}"
        for index, length in enumerate(lengths)
    ]
    return f"Perplexity of the teacher {math.exp(teacher):.2f}; of the control, trained for {'; '.join(parts)}."
