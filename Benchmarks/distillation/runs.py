"""Trains one student by one method, once, and remembers how long it took."""

import json
import pathlib
import tempfile
import time

import processes


class Limbeck:
    """The command, called with a number of threads."""

    def __init__(self, binary, threads, say):
        self.binary, self.threads, self.say = binary, threads, say

    def __call__(self, *arguments):
        self.say("limbeck " + " ".join(str(part) for part in arguments))
        return processes.run([self.binary, *arguments, "--threads", self.threads])


class Run:
    """`folder` gets the student; `preparation` and `training` are wall-clock seconds."""

    def __init__(self, folder, facts):
        self.folder = folder
        self.flags, self.preparation, self.training = facts["flags"], facts["preparation"], facts["training"]

    @property
    def seconds(self):
        return self.preparation + self.training


def train(corpus, method, seed, learning_rate, steps):
    """Runs the method, or finds that it was run: a finished run is not repeated, another one is begun anew."""
    folder = corpus.folder / "runs" / f"{method.name}-{corpus.precision}-{steps}-{learning_rate}" / str(seed)
    record = folder.with_suffix(".json")
    if record.exists():
        return Run(folder, json.loads(record.read_text()))
    if folder.exists():
        raise processes.Failure(f"{folder} is from a run that was interrupted; remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=corpus.folder) as scratch:
        scratch = pathlib.Path(scratch)
        start = time.perf_counter()
        command = method.command(corpus, seed, scratch)
        text = method.text(corpus, seed, scratch) if method.text else None
        prepared = time.perf_counter()
        precision = ["--precision", corpus.precision]
        precision += ["--teacher-precision", corpus.precision] if "--teacher" in command else []
        flags = [*command, *corpus.recipe(steps, text), *precision, "--learning-rate", learning_rate, "--seed", seed]
        corpus.limbeck(*flags, "--output", folder)
        end = time.perf_counter()
    facts = {"flags": [str(flag) for flag in flags], "preparation": prepared - start, "training": end - prepared}
    record.write_text(json.dumps(facts, indent=1) + "\n")
    return Run(folder, facts)


def compare(corpus, students, files):
    """What `limbeck compare` says of students on a held-out text, in their order."""
    result = corpus.limbeck(
        "compare", "--teacher", corpus.teacher(), "--student", *students, "--text", *files, "--window", corpus.window,
        "--json",
    )
    return result.json()
