"""Measures how the distillation step grows, fits straight lines, prints tables, draws plots.

Called by Benchmarks/growth, which makes the environment and builds the programs.
"""

import argparse
import json
import os
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(
        prog="growth",
        description="Times the distillation step over vocabularies, lengths, batches and model sizes, and draws the "
        "results.",
        epilog="PYTHON=… names a Python with matplotlib and numpy; otherwise Benchmarks/.venv is made.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer points, none of them large: under a minute")
    parser.add_argument("--training-state", action="store_true", help="memory of a large step: estimated and measured")
    parser.add_argument("--on-paper", action="store_true", help="with --training-state: estimate only")
    parser.add_argument("--output", type=pathlib.Path, help="folder for plots (default: Benchmarks/results/growth)")
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"], help="of all products")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one per core")
    parser.add_argument("--programs", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads < 1:
        parser.error("--threads must be at least 1")
    options.output = options.output or REPOSITORY / "Benchmarks/results/growth"
    return options


def say(text):
    print(f"growth: {text}", file=sys.stderr, flush=True)


def main():
    options = arguments()
    # needed only to measure, so that --help works without the packages
    import growth_plot
    import machine
    import processes
    import training_state
    from growth_sweeps import fit, measure, sweeps, table

    facts = machine.basics(REPOSITORY, options.threads) | {"precision": options.precision}
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        if options.training_state:
            result = training_state.report(options, say)
        else:
            results = []
            for sweep in sweeps(options.quick):
                points = [measure(sweep, shape, options, say) for shape in sweep.shapes]
                names = {key: getattr(sweep, key) for key in ("letter", "axis", "unit", "rest")} | {"sweep": sweep.name}
                results.append(names | {"points": points, "fit": fit(sweep, points)})
            for path in growth_plot.draw(results, facts, options.output):
                say(f"drew {path}")
            result = {"sweeps": results}
            facts["load average"] += f" at the start, {machine.load()} at the end"
            print("\n".join([f"- {name}: {value}" for name, value in facts.items()] + ["", *table(results)]))
    except processes.Failure as failure:
        raise SystemExit(f"growth: {failure}") from None
    name = "training-state.json" if options.training_state else "growth.json"
    (options.output / name).write_text(json.dumps({"facts": facts} | result, indent=1) + "\n")


if __name__ == "__main__":
    main()
