"""Trains a student by every method of distilling, beside controls that learn without a teacher, and prints a table.

Called by Benchmarks/methods, which builds limbeck and makes the text.
"""

import argparse
import json
import os
import pathlib
import sys
from typing import NamedTuple

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Benchmarks/peers"))

# how much longer than a method's run the controls are, from which equal time is read off
LENGTHS = (1, 1.5, 2, 3, 5)
TUNING_SEED = 100


class Figures(NamedTuple):
    nats: float
    divergence: float
    seconds: float


def arguments(names, settings):
    parser = argparse.ArgumentParser(
        prog="methods", description="Compares every method of distilling with students that learn without a teacher."
    )
    parser.add_argument("--corpus", nargs="+", choices=["austen", "tinystories"], default=["austen", "tinystories"])
    parser.add_argument("--setting", choices=settings, help="one of the settings in which a teacher may pay, instead")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", choices=names, metavar="METHOD", help="default: all; a control always")
    parser.add_argument("--list", action="store_true", help="name the methods and stop")
    parser.add_argument("--steps", type=int, help="of every run but the longer controls (default: 250)")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="of products (default: float32)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every figure")
    parser.add_argument("--folder", type=pathlib.Path, help="of all runs; finished ones are not repeated")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: one per core")
    parser.add_argument("--limbeck", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder = options.folder or REPOSITORY / "Benchmarks/results/methods"
    return options


def say(text):
    print(f"methods: {text}", file=sys.stderr, flush=True)


def tuned(corpus, method):
    """The learning rate that is best on the tuning text, on a seed that the table does not have.

    A grid of three, a factor of 2 apart, which grows at an end as long as that end is the best.
    """
    from runs import compare, train

    def measured(rate):
        student = train(corpus, method, TUNING_SEED, rate, corpus.steps)
        (found,) = compare(corpus, [student.folder], corpus.tuning)["students"]
        return found["statistics"]["perplexity"]["nats_per_token"]

    nats = {rate: measured(rate) for rate in corpus.learning_rates}
    while (best := min(nats, key=nats.get)) in (min(nats), max(nats)):
        further = best / 2 if best == min(nats) else 2 * best
        nats[further] = measured(further)
    say(f"{corpus.name}, {method.title}: nats per token by learning rate {dict(sorted(nats.items()))}")
    return best


def measure(corpus, runs):
    """Figures of each run on the text that is reported, and the teacher's nats."""
    from runs import compare

    found = compare(corpus, [run.folder for run in runs], corpus.test)
    figures = [
        Figures(
            student["statistics"]["perplexity"]["nats_per_token"], student["statistics"]["kl_divergence"]["mean"], run.seconds
        )
        for run, student in zip(runs, found["students"])
    ]
    return figures, found["teacher"]["statistics"]["nats_per_token"]


def study(corpus, methods, seeds):
    """Learning rates, then all runs of each seed beside its controls."""
    from catalogue import Method, control
    from runs import train

    for number in (1, 2):
        corpus.teacher(number)  # what the teachers cost is nobody's
    plain = Method("control", "control", control)
    rates = {method.name: tuned(corpus, method) for method in [plain, *methods]}
    measured, controls, teacher = {method.name: {} for method in methods}, {}, None
    for seed in seeds:
        runs = [train(corpus, plain, seed, rates["control"], int(length * corpus.steps)) for length in LENGTHS]
        runs += [train(corpus, method, seed, rates[method.name], corpus.steps) for method in methods]
        figures, teacher = measure(corpus, runs)
        controls[seed] = figures[: len(LENGTHS)]
        for method, figure in zip(methods, figures[len(LENGTHS) :]):
            measured[method.name][seed] = figure
    return {"rates": rates, "teacher": teacher, "controls": controls, "measured": measured}


def pay(kind, options):
    """One setting in which a teacher may pay."""
    if options.list:
        for arm in kind.arms:
            print(f"{arm.name:18} {arm.title}")
        return
    from paying import Study, table
    from processes import Failure
    from runs import Limbeck

    try:
        setting = kind(REPOSITORY, options.folder, Limbeck(options.limbeck, options.threads, say))
        rows = list(Study(setting, options.precision, say).results(options.seeds, options.only))
        print(f"\n{setting.title}\n\nNats per token of the teacher {rows[0].reference:.3f}\n")
        print("\n".join(table(setting, rows)))
    except Failure as failure:
        sys.exit(f"methods: {failure}")


def main():
    from catalogue import METHODS, chosen
    from real_teacher import RealTeacherOfAManual, RealTeacherOfNovels
    from settings import QuarterText, SecondStudent, ShortText

    kinds = (ShortText, QuarterText, SecondStudent, RealTeacherOfNovels, RealTeacherOfAManual)
    settings = {kind.name: kind for kind in kinds}

    names = [method.name for method in METHODS] + [arm.name for kind in kinds for arm in kind.arms]
    options = arguments(names, settings)
    if options.setting:
        pay(settings[options.setting], options)
        return
    methods = chosen(options.only)
    if options.list:
        for method in methods:
            print(f"{method.name:18} {method.title}")
        return
    import machine
    from corpora import CORPORA
    from processes import Failure
    from results import controls_line, rows, table
    from runs import Limbeck

    limbeck = Limbeck(options.limbeck, options.threads, say)
    facts = machine.basics(REPOSITORY, options.threads)
    found = {}
    try:
        for name in options.corpus:
            corpus = CORPORA[name](REPOSITORY, options.folder, limbeck)
            corpus.steps, corpus.precision = options.steps or corpus.steps, options.precision
            result = found[name] = study(corpus, methods, options.seeds)
            print(f"\n{corpus.title}; {corpus.steps} steps of {corpus.batch_size} × {corpus.sequence_length} tokens "
                  f"in {corpus.precision}, seeds {', '.join(map(str, options.seeds))}; "
                  f"learning rate of the control {result['rates']['control']}\n")
            print(controls_line(LENGTHS, result["controls"], result["teacher"]) + "\n")
            for line in table(rows(methods, result)):
                print(line)
            sys.stdout.flush()
    except Failure as failure:
        sys.exit(f"methods: {failure}")
    print("\n" + "\n".join(f"- {key}: {value}" for key, value in facts.items()))
    if options.json:
        options.json.write_text(json.dumps({"facts": facts, "corpora": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
