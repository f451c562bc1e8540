"""Draws what growth measured: a row for each sweep, with time, memory, and time over work."""

import textwrap

import matplotlib

matplotlib.use("Agg")
import numpy
from growth_sweeps import describe, describe_memory
from matplotlib import pyplot

MEASURED, LINE, ATTENTION = "#1f4e79", "#c0504d", "#7f9a3c"


def works(result):
    maps = numpy.array([point["maps_and_heads_gflop"] for point in result["points"]])
    return maps, numpy.array([point["attention_gflop"] for point in result["points"]])


def terms(result):
    """The fitted time of each point: all of it, and attention's part where that was fitted apart."""
    (maps, attention), line = works(result), result["fit"]
    apart = line["attention_seconds_per_gflop"]
    if apart is None:
        return line["constant_seconds"] + line["seconds_per_gflop"] * (maps + attention), None
    return line["constant_seconds"] + line["seconds_per_gflop"] * maps + apart * attention, apart * attention


def short(value):
    for size, letter in ((1e6, " M"), (1_024, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:g}"


def title(axes, text):
    axes.set_title("\n".join(textwrap.wrap(text, 80)), fontsize=9)


def draw_time(axes, result):
    values = [point["value"] for point in result["points"]]
    fitted, attention = terms(result)
    axes.plot(values, [point["seconds"] for point in result["points"]], "o", color=MEASURED, label="measured, with GFLOP/s")
    axes.plot(values, fitted, "-", color=LINE, label="the line on the right")
    if attention is not None:
        axes.plot(values, attention, "--", color=ATTENTION, label="attention's term, ∝ T²")
    for point in result["points"]:
        rate = f"{point['gflop_per_second']:.0f}"
        place = (point["value"], point["seconds"])
        axes.annotate(rate, place, textcoords="offset points", xytext=(0, -14), ha="center", fontsize=8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [short(value) for value in values])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}" if max(fitted) < 10 * min(fitted) else "")
    axes.margins(y=0.2)
    title(axes, f"{result['rest']}: seconds per step")


def draw_memory(axes, result):
    values = [point["value"] for point in result["points"]]
    line = result["fit"]
    axes.plot(values, [point["peak_resident_mib"] for point in result["points"]], "o", color=MEASURED, label="measured")
    ends = numpy.array([0, values[-1]])
    axes.plot(ends, line["constant_mib"] + line["mib_per_unit"] * ends, "-", color=LINE, label="straight line")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(lambda value, _: short(value))
    if values[-1] % 1_024 == 0:
        axes.set_xticks([value for value in values if value >= values[-1] // 8])
    title(axes, f"peak memory, MiB: {describe_memory(result)}")


def draw_line(axes, result):
    (maps, attention), line = works(result), result["fit"]
    seconds = numpy.array([point["seconds"] for point in result["points"]])
    _, apart = terms(result)
    if apart is None:
        work = maps + attention
        axes.plot(work, seconds, "o", color=MEASURED, label="measured")
    else:
        work = maps
        axes.plot(work, seconds, "o", mfc="none", color=ATTENTION, label="measured")
        axes.plot(work, seconds - apart, "o", color=MEASURED, label="measured, less attention's term")
    ends = numpy.array([0, work.max()])
    fitted = line["constant_seconds"] + line["seconds_per_gflop"] * ends
    axes.plot(ends, fitted, "-", color=LINE, label="straight line")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("GFLOP of matrix products" if apart is None else "GFLOP of linear maps and heads")
    title(axes, f"seconds per step: {describe(line)}")


def draw(results, facts, folder):
    """Writes growth.svg and growth.png into the folder and returns their paths."""
    # so that the same figures give the same file
    pyplot.rcParams.update({"svg.hashsalt": "growth", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    figure, grid = pyplot.subplots(len(results), 3, figsize=(18, 3.8 * len(results)), layout="constrained")
    for row, result in zip(grid, results, strict=True):
        drawings = (draw_time, "upper left"), (draw_memory, "lower right"), (draw_line, "lower right")
        for axes, (drawing, corner) in zip(row, drawings, strict=True):
            drawing(axes, result)
            axes.legend(fontsize=8, loc=corner)
        for axes in row[:2]:
            axes.set_xlabel(result["axis"])
    origin = ", ".join(facts[name] for name in ("processor", "date", "commit"))
    figure.suptitle(f"The distillation step, {facts['precision']}, {facts['threads']} threads, {origin}")
    paths = [folder / "growth.svg", folder / "growth.png"]
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=80)
    pyplot.close(figure)
    return paths
