"""Makes Tests/Fixtures/llama: tiny Hugging Face folders with the logits, gradients and losses they must give. Names
after the script make those alone.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors numpy
      venv/bin/python Tests/Fixtures/make_llama_fixtures.py

README.md beside this script says what each file holds. Everything is computed in float64 on one thread.
"""

import pathlib
import shutil
import sys

import torch

import reference
from reference import OPTIMISER, adamw_run, gradients, hard_loss

HERE = pathlib.Path(__file__).resolve().parent
LARGEST_FOLDER = 300_000


def sizes(vocabulary, hidden, intermediate, heads, groups, **others):
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": 2,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        **others,
    }


GROUPED = sizes(61, 32, 40, heads=4, groups=2, tie_word_embeddings=True)
BIASES = {"attention_bias": True, "mlp_bias": True}

# name: seed, configuration, batch, length, how it is saved. AdamW's first step is almost the sign of the gradient, so
# an entry near zero may step either way in float32; these seeds are ones where that does not reach the losses
# (`requires_steady_losses`).
FULL = {
    "mha": (4, sizes(61, 32, 40, heads=4, groups=4, tie_word_embeddings=False), 3, 13),
    "gqa": (6, GROUPED, 3, 37),
    "mqa_bias": (3, sizes(61, 24, 40, heads=3, groups=1, tie_word_embeddings=False, **BIASES), 3, 13),
    "head_dim": (
        5,
        sizes(61, 32, 40, heads=4, groups=2, head_dim=12, tie_word_embeddings=True)
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
        3,
        37,
    ),
    "linear": (
        3,
        GROUPED | {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}},
        3,
        37,
    ),
    # wavelengths of 6 to 2,000 tokens: one pair turns as without scaling, one in between, the others eight times slower
    "llama3": (
        2,
        sizes(61, 32, 40, heads=2, groups=1, tie_word_embeddings=True)
        | {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 100,
            }
        },
        3,
        37,
        {"legacy_config": True},
    ),
    "odd": (6, sizes(131, 36, 42, heads=6, groups=3, tie_word_embeddings=True, **BIASES), 2, 67),
}
# name: seed, type of the stored weights, how they are saved
STORED = {
    "sharded": (11, torch.float32, {"max_shard_size": "20KB", "legacy_config": True}),
    "float16": (12, torch.float16, {}),
    "bfloat16": (13, torch.bfloat16, {}),
}


def inference(model, ids, labels):
    """The float64 logits and loss, checked against Hugging Face's own float32 code."""
    with reference.float64():
        logits = model(ids).logits
        loss = hard_loss(logits, labels)
    reference.requires_agreement_with_hugging_face(model, ids, logits)
    return logits, loss


def counted(labels):
    return (labels[:, 1:] != reference.IGNORED).sum().item()


def expectation(ids, labels, loss):
    return {"ids": ids.tolist(), "labels": labels.tolist(), "counted_tokens": counted(labels), "loss": loss.item()}


def empty_folder(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def finish(name, folder, largest=LARGEST_FOLDER):
    size = reference.folder_size(folder)
    if size > largest:
        raise SystemExit(f"{name}: {size} bytes, allowed {largest}")
    print(f"{name}: {size:,} bytes")


def write_trained(name, model, ids, labels, rewrite=None, **saving):
    """The folder of a model, with its logits, gradients and AdamW losses; `rewrite` as in `reference.save_model`."""
    logits, loss = inference(model, ids, labels)
    with reference.float64():
        gradient = gradients(model, hard_loss(model(ids).logits, labels))
        run = adamw_run(model, lambda m: hard_loss(m(ids).logits, labels))
    drift = reference.requires_steady_losses(model, lambda m: hard_loss(m(ids).logits, labels), run, name)
    clipped = sum(norm > OPTIMISER["gradient_clip"] for norm in run["adamw_gradient_norms"])
    if clipped == 0:
        raise SystemExit(f"{name}: no step was clipped")
    losses = " ".join(f"{value:.3f}" for value in run["adamw_losses"])
    print(f"{name}: losses {losses}; {clipped} steps clipped; float32 drift {drift:.1e}")
    if rewrite:
        gradient = rewrite({}, gradient)[1]
        run["adamw_decayed_parameters"] = [key for key, g in gradient.items() if reference.decays(key, g)]

    folder = empty_folder(name)
    reference.save_model(model, folder, rewrite=rewrite, **saving)
    reference.write_tensors(
        folder / "expected.safetensors", {"logits": logits} | {f"grad.{key}": g for key, g in gradient.items()}
    )
    reference.write_json(folder / "expected.json", expectation(ids, labels, loss) | run)
    return folder


def make_full(seed, name, configuration, batch, length, **saving):
    model = reference.make_model(seed, **configuration)
    ids, labels = reference.make_batch(seed + 100, batch, length, configuration["vocab_size"])
    finish(name, write_trained(f"llama/{name}", model, ids, labels, **saving))


def make_stored(seed, name, storage, saving):
    model = reference.make_model(seed, storage=storage, **GROUPED)
    ids, labels = reference.make_batch(seed + 100, 3, 13, GROUPED["vocab_size"])
    logits, loss = inference(model, ids, labels)
    folder = empty_folder(f"llama/{name}")
    reference.save_model(model, folder, storage, **saving)
    reference.write_tensors(folder / "expected.safetensors", {"logits": logits})
    reference.write_json(folder / "expected.json", expectation(ids, labels, loss))
    finish(name, folder)


if __name__ == "__main__":
    wanted = sys.argv[1:] or [*FULL, *STORED]
    for name in wanted:
        if name in FULL:
            seed, configuration, batch, length, *saving = FULL[name]
            make_full(seed, name, configuration, batch, length, **(saving[0] if saving else {}))
        else:
            seed, storage, saving = STORED[name]
            make_stored(seed, name, storage, saving)
