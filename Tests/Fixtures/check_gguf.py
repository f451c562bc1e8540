"""Checks the files of Tests/Fixtures/gguf with the programs that they are made for: llama.cpp, and transformers' own
reader of GGUF where it knows the family. Not a fixture; CI does not run it.

Run:  venv/bin/pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 llama-cpp-python numpy
      venv/bin/python Tests/Fixtures/check_gguf.py [NAME ...]

Prints the largest difference of the logits from PyTorch's float64 ones, relative to the largest logit.
"""

import json
import pathlib
import sys
import warnings

import llama_cpp
import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

warnings.filterwarnings("ignore")
disable_progress_bar()
set_verbosity_error()
HERE = pathlib.Path(__file__).resolve().parent / "gguf"


def of_llama_cpp(file, ids):
    rows = []
    for sequence in ids:
        model = llama_cpp.Llama(
            str(file), n_ctx=128, n_batch=128, n_threads=1, logits_all=True, verbose=False, type_k=0, type_v=0,
            flash_attn=False,
        )
        model.eval(sequence)
        rows.append(np.array(model.scores[: len(sequence)]))
    return np.stack(rows)


def of_transformers(folder, ids):
    model = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        return model.eval()(torch.tensor(ids), use_cache=False).logits.numpy()


def difference(found, expected):
    return f"{np.abs(found - expected).max() / np.abs(expected).max():.1e}"


for name in sys.argv[1:] or sorted(path.name for path in HERE.iterdir()):
    folder = HERE / name
    ids = json.loads((folder / "expected.json").read_text())["ids"]
    expected = load_file(folder / "expected.safetensors")["logits"].numpy()
    line = f"{name}: llama.cpp "
    try:
        line += difference(of_llama_cpp(folder / "model.gguf", ids), expected)
    except Exception as error:
        line += f"{type(error).__name__} {error}"
    try:
        line += f", transformers {difference(of_transformers(folder, ids), expected)}"
    except Exception as error:
        line += f", transformers {type(error).__name__}: {str(error).splitlines()[0][:120]}"
    print(line, flush=True)
