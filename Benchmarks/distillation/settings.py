"""Settings in which a teacher may be worth its time: short text, one teacher of several students, a real teacher."""

import dataclasses
from collections.abc import Callable

from corpora import Austen

HALF_TEXT = ("--hard-label-weight", 0.5)


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to make a student.

    `flags(setting, made)` gives the subcommand with its own flags; `made(name, command)` makes what it needs once, in a
    folder that it returns. `counted` are the names of what has to be made for this student alone, and counts as its
    time; `teacher` those of what makes the teacher.
    """

    name: str
    title: str
    flags: Callable
    # passes over the text that tuning begins with, or the lengths that all arms have
    epochs: float
    counted: tuple = ()
    teacher: tuple = ()


class Setting:
    """What all arms of a setting share. Of `learning_rates` and `epochs` the grid grows by factors of 2."""

    weight_decays = (0.1, 0.8, 1.6)
    # given, where tuning begins
    learning_rate, weight_decay = 8e-3, 0.8
    batch_size, sequence_length, window = 8, 256, 256
    # passes beyond which no student goes
    longest = 40
    # where the lengths are fixed instead of tuned, in passes over the text
    lengths = ()
    elsewhere = None

    def __init__(self, repository, folder, limbeck):
        self.limbeck, self.folder = limbeck, folder / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.corpus = Austen(repository, folder, limbeck)
        self.recipes, self.tokenizer = self.corpus.recipes, self.corpus.tokenizer
        self.student, self.train = self.corpus.student, self.corpus.train
        self.tuning, self.test = self.corpus.tuning, self.corpus.test

    def shape(self):
        return ["--text", *self.texts(), "--sequence-length", self.sequence_length]

    def teacher(self, made):
        """192 × 4 layers, trained on all of Austen."""
        flags = ["--model", self.recipes / "teacher.json", "--tokenizer", self.tokenizer, "--text", self.corpus.train]
        flags += ["--steps", 450, "--batch-size", 8, "--sequence-length", 256, "--warmup-steps", 50]
        return made("teacher", ["train", *flags, "--learning-rate", "3e-3", "--seed", 1])

    def texts(self):
        return [self.train]

    def shared(self):
        """Flags of every run."""
        return [*self.shape(), "--batch-size", self.batch_size, "--warmup-steps", 20]


def control(setting, made, model=None):
    return ["train", "--model", model or setting.student, "--tokenizer", setting.tokenizer]


def cut(setting, made):
    flags = ["--from", setting.teacher(made), *setting.cutting, "--calibration-text", *setting.texts()]
    return made("cut", ["student", *flags])


def cut_control(setting, made):
    return control(setting, made, cut(setting, made))


def live(*flags, student=None):
    def command(setting, made):
        start = student(setting, made) if student else setting.student
        return ["distill", "--teacher", setting.teacher(made), "--student", start, *flags]

    return command


def drawn(*flags, student=None, name="draws"):
    """50 draws for each token, made once."""

    def command(setting, made):
        start = student(setting, made) if student else setting.student
        cache = made(name, ["cache-teacher", "--teacher", setting.teacher(made), *setting.shape()])
        return ["distill", "--teacher-cache", cache, "--tokenizer", setting.tokenizer, "--student", start, *flags]

    return command


def itself(setting, made):
    """The teacher is a control of the student's own size that learnt from the same short text."""
    shared = [*setting.shared(), *("--epochs", 10, "--learning-rate", 8e-3, "--weight-decay", 1.6, "--seed", 99)]
    teacher = made("itself", ["train", "--model", setting.student, "--tokenizer", setting.tokenizer, *shared])
    return ["distill", "--teacher", teacher, "--student", setting.student, *HALF_TEXT]


class ShortText(Setting):
    """The beginnings of six novels; a teacher that has read all of them."""

    share = 10
    name = "short-10"
    title = "Short text: a tenth of Austen; teacher 192 × 4 that has read all, student 96 × 3"
    cutting = Austen.pruning
    arms = (
        Arm("control", "no teacher", control, 10),
        Arm("live", "forward KL", live(), 20, teacher=("teacher",)),
        Arm("first", "forward KL in the first 30 % of the steps", live("--distil-first", "30%"), 10, (), ("teacher",)),
        Arm("draws", "forward KL, 50 draws", drawn(), 20, ("draws",), ("teacher",)),
        Arm("itself", "a teacher of its own size and text, half cross-entropy", itself, 10, teacher=("itself",)),
        Arm("cut-control", "no teacher, cut out of it", cut_control, 5, ("cut",), ("teacher",)),
        Arm("cut-draws", "forward KL, 50 draws, cut out of it", drawn(student=cut), 10, ("cut", "draws"), ("teacher",)),
    )

    def __init__(self, *arguments):
        super().__init__(*arguments)
        whole, self.train = self.corpus.train, self.folder / "text"
        self.train.mkdir(exist_ok=True)
        for novel in sorted(whole.glob("*.txt")):
            text = novel.read_text()
            (self.train / novel.name).write_text(text[: text.find("\n", len(text) * self.share // 100) + 1])


class QuarterText(ShortText):
    share = 25
    name = "short-25"
    title = "Short text: a quarter of Austen; teacher 192 × 4 that has read all, student 96 × 3"


class SecondStudent(Setting):
    """The teacher and its draws are there, from another student."""

    name = "second-student"
    title = "A second student of one teacher and its cache: Austen; teacher 192 × 4, student 96 × 3"
    cutting = Austen.pruning
    weight_decay = 0.1
    lengths = (0.5, 1, 2, 4)
    arms = (
        Arm("control", "no teacher", control, 1),
        Arm("draws", "forward KL, 50 draws", drawn(), 1, teacher=("teacher", "draws")),
        Arm("cut-control", "no teacher, cut out of it", cut_control, 1, ("cut",), ("teacher",)),
        Arm("cut-draws", "forward KL, 50 draws, cut out of it", drawn(student=cut), 1, ("cut",), ("teacher", "draws")),
    )
