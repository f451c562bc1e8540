"""Gemma 3 270M as the teacher of a student that is cut out of it, on novels and on a manual."""

import gzip
import os
import pathlib

from processes import Failure
from settings import HALF_TEXT, Arm, Setting

MANUAL = pathlib.Path("/usr/share/doc/debian-policy/policy.txt.gz")


def beginning(setting, made):
    flags = ["--from", setting.teacher(made), *setting.cutting, "--calibration-text", *setting.texts()]
    return made("beginning", ["student", *flags, "--calibration-tokens", 16_384])


def control(setting, made):
    return ["train", "--model", beginning(setting, made)]


def adapted(setting, made):
    """Gemma with adapters that learnt 102,400 tokens of the text."""
    flags = ["--model", setting.teacher(made), "--lora-rank", 8, *setting.shape(), "--steps", 200, "--batch-size", 2]
    return made("adapted", ["train", *flags, "--learning-rate", 5e-4, "--warmup-steps", 10])


def drawn(name, teacher, *flags):
    def command(setting, made):
        cache = made(name, ["cache-teacher", "--teacher", teacher(setting, made), *setting.shape()])
        return ["distill", "--teacher-cache", cache, "--student", beginning(setting, made), *flags]

    return command


def as_it_is(setting, made):
    return setting.teacher(made)


class RealTeacher(Setting):
    learning_rate, weight_decay = 1e-3, 0.1
    batch_size = 4
    cutting = ("--count", 6, "--hidden-size", 320, "--feed-forward-size", 1024)
    cost = ("beginning",)
    longest = 8
    arms = (
        Arm("control", "no teacher", control, 2, cost),
        Arm(
            *("adapted", "50 draws of the teacher, adapted first", drawn("adapted-draws", adapted)),
            *(4, (*cost, "adapted-draws"), ("adapted",)),
        ),
        Arm(
            *("draws", "50 draws of the teacher as it is, half cross-entropy"),
            *(drawn("draws", as_it_is, *HALF_TEXT), 4, (*cost, "draws")),
        ),
    )

    def teacher(self, made):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        gemma = os.environ.get("LIMBECK_GEMMA", cache / "limbeck-models/gemma-3-270m-q4_k_m.gguf")
        return made("gemma.gguf", ["vocabulary", "--from", gemma, "--text", *self.vocabulary])


class RealTeacherOfNovels(RealTeacher):
    name = "real-novels"
    title = "A real teacher: Gemma 3 270M, two novels by Austen; student 320 × 6 cut out of it"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.elsewhere = manual(self.folder)[2]
        self.vocabulary = self.texts()

    def texts(self):
        return [self.corpus.train / f"{novel}.txt" for novel in ("persuasion", "pride-and-prejudice")]


class RealTeacherOfAManual(RealTeacher):
    name = "real-manual"
    title = "A real teacher: Gemma 3 270M, the Debian Policy Manual; student 320 × 6 cut out of it"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.train, tuning, test = manual(self.folder)
        self.tuning, self.test, self.elsewhere = [tuning], [test], self.corpus.test[0]
        self.vocabulary = [self.train]


def manual(folder):
    """The manual as files to learn from, tune on and measure on: 90, 5 and 5 % of each twentieth, at paragraphs."""
    if not MANUAL.exists():
        raise Failure(f"{MANUAL} is missing; Scripts/setup --text installs it")
    text = gzip.decompress(MANUAL.read_bytes()).decode()
    parts = {"train": "", "tuning": "", "test": ""}
    start = 0
    for section in range(1, 21):
        for name, end in zip(parts, (section - 0.1, section - 0.05, section)):
            stop = text.find("\n\n", int(end / 20 * len(text))) + 1 or len(text)
            parts[name] += text[start:stop]
            start = stop
    for name, part in parts.items():
        (folder / f"manual-{name}.txt").write_text(part)
    return [folder / f"manual-{name}.txt" for name in parts]
