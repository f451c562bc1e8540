"""What the table is headed by: the machine, the versions, the commit."""

import datetime
import os
import pathlib
import platform
import subprocess
from importlib import metadata

import processes

PACKAGES = ("torch", "transformers", "sentencepiece", "numpy", "llama-cpp-python")


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()

    def field(name):
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "?")

    return f"{field('model name')} (family {field('cpu family')}, model {field('model')})"


def load():
    return f"{os.getloadavg()[0]:.2f}"


def first_line(*command):
    try:
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return next(iter(finished.stdout.strip().splitlines()), "")


def package_version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def backends(limbeck):
    """What `limbeck doctor` says of each backend, by its name; the chosen one is marked."""
    lines = processes.run([limbeck, "doctor"]).output.decode().splitlines()
    facts = (line.split(maxsplit=2)[1:] for line in lines if line.startswith("backend "))
    return {name: state for name, state in facts}


def has(state):
    """Whether a backend of that state can compute here."""
    return not state.startswith("not ")


def basics(repository, threads):
    """Name and value, in the order in which they are printed."""
    commit = first_line("git", "-C", repository, "rev-parse", "--short", "HEAD")
    if first_line("git", "-C", repository, "status", "--porcelain"):
        commit += " with uncommitted changes"
    return {
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "commit": commit,
        "processor": processor(),
        "threads": str(threads),
        "system": platform.platform(),
        "Swift": first_line("swift", "--version"),
        "load average": load(),
    }


def facts(repository, limbeck, threads):
    """The basics, and what the peers are."""
    versions = [f"{name} {package_version(name)}" for name in PACKAGES]
    states = backends(limbeck)
    return basics(repository, threads) | {
        "backend": next(f"{name}, {state}" for name, state in states.items() if state.endswith("(chosen)")),
        "OpenBLAS": states["openblas"],
        "peers": ", ".join([f"Python {platform.python_version()}", *versions]),
    }
