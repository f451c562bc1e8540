"""Runs this project and its peers in alternation on the same work, checks that both computed the same, prints a table.

Called by Benchmarks/compare-peers, which makes the environment and builds the programs.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import machine
import processes
from export_comparisons import ExportComparisons
from family_comparisons import FamilyComparisons
from gemma_comparisons import GemmaComparisons, found_file
from inputs import Inputs
from model_comparisons import ModelComparisons
from register_rate import RegisterRate
from quantised_comparisons import QuantisedComparisons
from report import markdown
from step_comparisons import StepComparisons

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(
        prog="compare-peers",
        description="Runs Limbeck and its peers in alternation on the same work, and prints a table.",
        epilog="PYTHON=… names a Python with the packages of peers/requirements.txt; otherwise Benchmarks/.venv is made.",
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs (default: 3)")
    parser.add_argument("--only", nargs="+", metavar="ROW", default=[], help="rows by the names of --list, or their beginnings")
    parser.add_argument("--list", action="store_true", help="print the names of the rows and stop")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every round's figures")
    parser.add_argument("--steps", type=int, default=7, help="timed training steps of a run (default: 7)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of both (default: one per core)")
    parser.add_argument("--model", type=pathlib.Path, help="for the perplexity (default: see README.md)")
    parser.add_argument("--text", type=pathlib.Path, help="for the perplexity and the encoding (default: see README.md)")
    parser.add_argument("--gemma", type=pathlib.Path, default=found_file(), help="the file of Scripts/gemma (default: where that puts it)")
    parser.add_argument("--window", type=int, default=512, help="tokens of a window of the perplexity (default: 512)")
    parser.add_argument("--programs", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--limbeck", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name in ("rounds", "steps", "threads", "window"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    if not options.gemma and any(name.startswith(("gemma", "export-gemma")) for name in options.only):
        parser.error("there is no Gemma here; Scripts/gemma fetches it")
    return parser, options


def say(text):
    print(f"compare-peers: {text}", file=sys.stderr, flush=True)


def chosen(comparisons, names, parser):
    """Those with the very names, or else with names that begin so."""
    keys = set()
    for name in names:
        found = {c.key for c in comparisons if c.key == name} or {c.key for c in comparisons if c.key.startswith(name)}
        if not found:
            parser.error(f"no row is called {name}; --list names them")
        keys |= found
    return [c for c in comparisons if not names or c.key in keys]


def run_rounds(comparisons, rounds, registers):
    """Measurements by comparison and side, round by round, and the last round's agreement."""
    measured = {c.key: {side.name: [] for side in [*c.ours, *c.peers]} for c in comparisons}
    agreements = {c.key: {} for c in comparisons}
    for number in range(1, rounds + 1):
        registers.measure()
        for comparison in comparisons:
            runs = measured[comparison.key]
            for side in comparison.alternating():
                runs[side.name].append(side.measure())
                load = f"{os.getloadavg()[0]:.1f}"
                value = f"{runs[side.name][-1].value:,.2f} {comparison.figures[0].unit}"
                say(f"round {number} of {rounds}, {comparison.key}, {side.name or 'Limbeck'}: {value} (load {load})")
            peers = {side.name: runs[side.name][-1] for side in comparison.peers}
            for side in comparison.ours:
                agreements[comparison.key][side.name] = comparison.agree(runs[side.name][-1], peers)
    return measured, agreements


def main():
    parser, options = arguments()
    with tempfile.TemporaryDirectory(prefix="compare-peers-") as folder:
        inputs = Inputs(pathlib.Path(folder), sys.executable, options.limbeck, REPOSITORY, options.model, options.text)
        registers = RegisterRate(options.programs, options.threads)
        comparisons = StepComparisons(options.programs, inputs, registers, options).all()
        comparisons += ModelComparisons(options.programs, options.limbeck, inputs, registers, options).all()
        comparisons += FamilyComparisons(options.programs, inputs, options).all()
        comparisons += GemmaComparisons(options.programs, options.limbeck, inputs, options).all()
        comparisons += QuantisedComparisons(options.programs, inputs, options).all()
        comparisons += ExportComparisons(options.programs, options.limbeck, inputs, options).all()
        if options.list:
            print("\n".join(comparison.key for comparison in comparisons))
            return
        comparisons = chosen(comparisons, options.only, parser)
        try:
            facts = machine.facts(REPOSITORY, options.limbeck, options.threads)
            measured, agreements = run_rounds(comparisons, options.rounds, registers)
        except processes.Failure as failure:
            raise SystemExit(f"compare-peers: {failure}") from None
    facts["load average"] += f" at the start, {machine.load()} at the end"
    facts["registers alone"] = str(registers)
    facts["rounds"] = str(options.rounds)
    rows = [row for c in comparisons for row in c.rows(measured[c.key], agreements[c.key])]
    print(markdown(facts, rows))
    if options.json:
        options.json.write_text(json.dumps({"facts": facts, "rows": [row.object() for row in rows]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
