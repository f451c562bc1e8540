"""Prints what Hugging Face transformers makes of a model folder, as JSON, to compare by hand with this project's output.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 sentencepiece safetensors
      venv/bin/python Tests/Fixtures/check_in_transformers.py DIR --prompt 'Once upon a time' --greedy 20
      venv/bin/python Tests/Fixtures/check_in_transformers.py DIR --ids 1,403,407 --compare ours.json

DIR has config.json, model.safetensors and, for --prompt, tokenizer.model. `logits` is [T, V] of one sequence (--last: only
the last row). --compare reads an object whose `logits` has the same shape, prints the largest difference relative to the
largest logit, and exits with 1 above --tolerance.
"""

import argparse
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--ids", help="comma-separated token ids, used as they are")
    source.add_argument("--prompt", help="text; BOS is put before its ids")
    parser.add_argument("--greedy", type=int, default=0, metavar="N", help="also continue greedily by N tokens")
    parser.add_argument("--last", action="store_true", help="print only the last position's logits")
    parser.add_argument("--compare", type=pathlib.Path, help="a JSON file with logits to compare with")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    return parser.parse_args()


def load_tokenizer(folder):
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def greedy(model, ids, count):
    ids = list(ids)
    for _ in range(count):
        ids.append(model(torch.tensor([ids])).logits[0, -1].argmax().item())
    return ids


@torch.no_grad()
def main():
    options = arguments()
    model, report = AutoModelForCausalLM.from_pretrained(
        options.folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[problem]:
            sys.exit(f"{options.folder}: {problem}: {sorted(report[problem])}")
    tokenizer = load_tokenizer(options.folder) if options.prompt is not None else None
    if tokenizer:
        ids = [tokenizer.bos_id(), *tokenizer.encode(options.prompt)]
    else:
        ids = [int(part) for part in options.ids.split(",")]
    logits = model.eval()(torch.tensor([ids])).logits[0]
    if options.last:
        logits = logits[-1:]
    result = {"ids": ids, "parameters": sum(p.numel() for p in model.parameters())}
    if options.greedy:
        result["greedy_ids"] = greedy(model, ids, options.greedy)
        if tokenizer:
            result["greedy_text"] = tokenizer.decode(result["greedy_ids"][1:])
    if options.compare:
        ours = torch.tensor(json.loads(options.compare.read_text())["logits"])
        if ours.shape != logits.shape:
            sys.exit(f"{options.compare}: logits {list(ours.shape)}, expected {list(logits.shape)}")
        result["relative_difference"] = ((ours - logits).abs().max() / logits.abs().max()).item()
    else:
        result["logits"] = logits.tolist()
    print(json.dumps(result))
    # "not <=" so that a NaN fails too.
    if options.compare and not result["relative_difference"] <= options.tolerance:
        sys.exit(1)


if __name__ == "__main__":
    main()
