"""Tunes every arm of a setting alike, trains it by three seeds, and sets it beside students without a teacher."""

import dataclasses
import itertools
import json
import math
import statistics
from typing import NamedTuple

from processes import Failure
from results import at_equal_time, spread

TUNING_SEED = 100
# the grid of learning rates and passes grows by this
FACTOR = 2
AXES = ("epochs", "learning_rate", "weight_decay")


@dataclasses.dataclass(frozen=True)
class Choice:
    learning_rate: float
    weight_decay: float
    epochs: float


class Student(NamedTuple):
    """Nats per token on the tuning text, infinite where the run diverged, and CPU seconds of one thread."""

    tuning: float
    seconds: float
    folder: str


class Measured(NamedTuple):
    """One row: nats and KL of each seed, and CPU seconds of one thread; `reference` are the teacher's nats."""

    arm: object
    choice: Choice
    nats: list
    divergence: list
    elsewhere: list
    seconds: float
    counted: float
    teacher: float
    reference: float


class Study:
    """One setting; everything is made once, below its folder, and a finished run is not repeated."""

    def __init__(self, setting, precision, say):
        self.setting, self.precision, self.say = setting, precision, say

    def made(self, name, command):
        """The folder that `command` writes, made once."""
        folder = self.setting.folder / name
        self.once(folder, lambda: self.setting.limbeck(*command, "--output", folder).cpu_seconds)
        return folder

    def once(self, folder, make):
        record = folder.with_name(folder.name + ".json")
        if not record.exists():
            record.write_text(json.dumps({"seconds": make()}) + "\n")
        return json.loads(record.read_text())["seconds"]

    def train(self, arm, choice, seed):
        flags = arm.flags(self.setting, self.made)
        name = f"{arm.name}-{choice.learning_rate:g}-{choice.weight_decay:g}-{choice.epochs:g}-{seed}"
        folder = self.setting.folder / "runs" / self.precision / name
        record = folder.with_name(name + ".json")
        if not record.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            flags = [*flags, *self.setting.shared(), "--precision", self.precision, "--seed", seed]
            flags += ["--teacher-precision", self.precision] if "--teacher" in flags else []
            flags += ["--epochs", choice.epochs, "--learning-rate", choice.learning_rate]
            try:
                finished = self.setting.limbeck(*flags, "--weight-decay", choice.weight_decay, "--output", folder)
                found = {"tuning": self.nats(folder, self.setting.tuning), "seconds": finished.cpu_seconds}
            except Failure as failure:
                if "try a lower learning rate" not in str(failure):
                    raise
                found = {"tuning": math.inf, "seconds": math.inf}
            record.write_text(json.dumps(found) + "\n")
        return Student(folder=folder, **json.loads(record.read_text()))

    def nats(self, model, files):
        measured = ["--model", model, "--text", *files, "--window", self.setting.window]
        result = self.setting.limbeck("perplexity", *measured, "--json")
        return result.json()["nats_per_token"]

    def tuned(self, arm):
        """The best choice on the tuning text: one axis after the other, until none gains.

        Learning rates and passes are a factor of 2 apart, and the grid grows at an end as long as that end is the best;
        passes no further than the setting's longest.
        """
        setting = self.setting
        best, settled = Choice(setting.learning_rate, setting.weight_decay, arm.epochs), 0
        axes = AXES[1:] if setting.lengths else AXES
        for axis in itertools.cycle(axes):
            before, best = best, self.best_along(axis, arm, best)
            settled = settled + 1 if best == before else 1
            if settled == len(axes):
                return best

    def best_along(self, axis, arm, start):
        decays = axis == "weight_decay"
        middle = getattr(start, axis)
        values = self.setting.weight_decays if decays else (middle / FACTOR, middle, middle * FACTOR)
        nats = {}

        def measure(value):
            nats[value] = self.train(arm, dataclasses.replace(start, **{axis: value}), TUNING_SEED).tuning

        def further(value):
            """The next value where the grid ends with this one, or None."""
            if decays or value not in (min(nats), max(nats)):
                return None
            found = value / FACTOR if value == min(nats) else value * FACTOR
            return None if axis == "epochs" and found > self.setting.longest else found

        for value in values:
            if axis != "epochs" or value <= self.setting.longest:
                measure(value)
        while (value := further(best := min(nats, key=nats.get))) is not None:
            measure(value)
        found = ", ".join(f"{value:g}: {nats[value]:.4f}" for value in sorted(nats))
        self.say(f"{self.setting.name}, {arm.title}: nats per token by {axis} {found}")
        return dataclasses.replace(start, **{axis: best})

    def cost(self, names):
        return sum(json.loads((self.setting.folder / f"{name}.json").read_text())["seconds"] for name in names)

    def measured(self, arm, choice, seeds):
        """What the table says of one arm at one choice."""
        students = [self.train(arm, choice, seed) for seed in seeds]
        folders = [student.folder for student in students]
        teacher = self.setting.teacher(self.made)
        found = self.setting.limbeck(
            "compare", "--teacher", teacher, "--student", *folders, "--text", *self.setting.test,
            "--window", self.setting.window, "--json",
        ).json()
        statistic = [each["statistics"] for each in found["students"]]
        other = self.setting.elsewhere
        elsewhere = [self.nats(folder, [other]) for folder in folders] if other else []
        return Measured(
            arm, choice, [each["perplexity"]["nats_per_token"] for each in statistic],
            [each["kl_divergence"]["mean"] for each in statistic], elsewhere,
            statistics.fmean(student.seconds for student in students), self.cost(arm.counted), self.cost(arm.teacher),
            found["teacher"]["statistics"]["nats_per_token"],
        )

    def results(self, seeds, only):
        """The rows of the table, controls first."""
        for arm in self.setting.arms:
            if only and arm.name not in only and arm.name != "control":
                continue
            choice = self.tuned(arm)
            lengths = self.setting.lengths or (choice.epochs,)
            # one more, for no arm takes longer than this
            for length in lengths + (2 * lengths[-1],) if self.setting.lengths and arm.name == "control" else lengths:
                yield self.measured(arm, dataclasses.replace(choice, epochs=length), seeds)


HEADER = (
    *("student", "passes", "learning rate", "weight decay", "nats", "less control's", "gap closed", "KL"),
    *("training, s", "made for it, s", "teacher, s"),
)


def seconds(value):
    return f"{value:,.0f}"


def table(setting, rows):
    """`less control's` sets a row beside the controls: the best of all, or at fixed lengths one that takes as long."""
    controls = [row for row in rows if row.arm.name == "control"]
    header = [*HEADER, "elsewhere"] if setting.elsewhere else HEADER
    yield "| " + " | ".join(header) + " |"
    yield "| --- |" + " ---: |" * (len(header) - 1)
    for row in rows:
        if setting.lengths:
            best = [
                at_equal_time([(each.seconds, each.nats[seed]) for each in controls], row.seconds + row.counted)
                for seed in range(len(row.nats))
            ]
        else:
            best = controls[0].nats
        gains = [nats - other for nats, other in zip(row.nats, best)]
        closed = -100 * statistics.fmean(gains) / (statistics.fmean(best) - row.reference)
        choice = row.choice
        cells = [row.arm.title, f"{choice.epochs:g}", f"{choice.learning_rate:g}", f"{choice.weight_decay:g}"]
        cells += [spread(row.nats, 3), spread(gains, 3), f"{closed:.0f} %", spread(row.divergence, 3)]
        cells += [seconds(row.seconds), seconds(row.counted), seconds(row.teacher)]
        cells += [spread(row.elsewhere, 3)] if setting.elsewhere else []
        yield "| " + " | ".join(cells) + " |"
