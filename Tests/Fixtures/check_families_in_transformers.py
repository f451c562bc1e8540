"""Checks that what this project writes of each family is read by Hugging Face transformers and computes the same there.

Run:  venv/bin/python Tests/Fixtures/check_families_in_transformers.py .build/debug/limbeck [NAME ...]
      (with the packages that make_family_fixtures.py names, and sentencepiece; also with transformers 4.57)

Each folder of families/ is read and written again, whole and without some of its layers, by `limbeck student`. The
whole one must give the fixture's logits, the others logits that are numbers, with no weight missing and none left over.
Families that transformers has no class for are named and left out.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import sentencepiece
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()

FAMILIES = pathlib.Path(__file__).resolve().parent / "families"
TOLERANCE = 2e-5


def make_tokenizer(folder):
    """A tokenizer with fewer pieces than the fixtures have outputs."""
    text = folder / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the log\n" * 100)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=40, model_type="bpe", minloglevel=2
    )
    return folder / "tokenizer.model"


@torch.no_grad()
def logits(folder, ids):
    model, report = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[problem]:
            raise SystemExit(f"{folder}: {problem}: {sorted(report[problem])}")
    return model.eval()(ids, use_cache=False).logits


def check(limbeck, name, tokenizer, temporary):
    fixture = FAMILIES / name
    config = json.loads((fixture / "config.json").read_text())
    if config.get("model_type") not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        print(f"{name}: transformers has no class for it")
        return
    ids = torch.tensor(json.loads((fixture / "expected.json").read_text())["ids"])
    expected = load_file(fixture / "expected.safetensors")["logits"]
    source = temporary / name
    shutil.copytree(fixture, source)
    shutil.copy(tokenizer, source / "tokenizer.model")
    last = config["num_hidden_layers"] - 1
    # the layers to keep, by the flags of `limbeck student`
    students = {"whole": ["--every", "1"]} | {f"layer_{layer}": ["--layers", str(layer)] for layer in (0, last)}
    for student, flags in students.items():
        written = temporary / f"{name}_{student}"
        subprocess.run(
            [limbeck, "student", "--from", source, "--output", written, *flags], check=True, capture_output=True
        )
        found = logits(written, ids)
        if not found.isfinite().all():
            raise SystemExit(f"{name}, {student}: logits are not finite")
        if student == "whole":
            error = ((found - expected).abs().max() / expected.abs().max()).item()
            # "not <=" so that a NaN fails too
            if not error <= TOLERANCE:
                raise SystemExit(f"{name}: relative difference {error:.1e}, allowed {TOLERANCE:.0e}")
    print(f"{name}: relative difference {error:.1e}")


if __name__ == "__main__":
    print("transformers", transformers.__version__)
    with tempfile.TemporaryDirectory() as folder:
        temporary = pathlib.Path(folder)
        tokenizer = make_tokenizer(temporary)
        for name in sys.argv[2:] or sorted(path.name for path in FAMILIES.iterdir()):
            check(sys.argv[1], name, tokenizer, temporary)
