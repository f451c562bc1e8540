"""Runs one program to its end, alone, and tells what it printed, how long it took, and how much memory."""

import json
import os
import pathlib
import subprocess
import time
from typing import NamedTuple

# Where a machine sets these, they pin OpenBLAS to the kernels of an older CPU.
BLAS_PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Failure(Exception):
    """A program failed, or two disagree."""


class Finished(NamedTuple):
    output: bytes
    seconds: float
    peak_mib: float
    cpu_seconds: float

    def json(self):
        """The object that was printed."""
        return json.loads(self.output)


def environment(**changes):
    kept = {name: value for name, value in os.environ.items() if name not in BLAS_PINS}
    return kept | {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"} | changes


def run(command, *, stdin=None, stdout=None, **changes):
    """`stdin` and `stdout` are files to read from and write to; `changes` are environment variables."""
    command = [str(part) for part in command]
    source = open(stdin, "rb") if stdin else subprocess.DEVNULL
    target = open(stdout, "wb") if stdout else subprocess.PIPE
    errors = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"limbeck-benchmarks-{os.getpid()}.log"
    try:
        with open(errors, "wb") as log:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdin=source, stdout=target, stderr=log, env=environment(**changes))
            output = process.stdout.read() if process.stdout else b""
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            tail = errors.read_text(errors="replace")[-2_000:]
            raise Failure(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
        return Finished(output, seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
    finally:
        errors.unlink(missing_ok=True)
        for file in (source, target):
            if hasattr(file, "close"):
                file.close()
