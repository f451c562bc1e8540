"""Makes Tests/Fixtures/adapters: low-rank adapters of models in Tests/Fixtures, as PEFT writes them, and the logits,
gradients and AdamW losses that they must give. Names after the script make those alone.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors peft==0.21.2
      venv/bin/python Tests/Fixtures/make_adapter_fixtures.py

`make_adapter_fixtures.py --check BASE ADAPTERS MERGED` makes nothing: it has PEFT load a folder of adapters that
Limbeck wrote for a folder BASE, and compares its logits with those of what `limbeck merge` made of it.

Everything is computed in float64 on one thread; both factors are random, for a B of zeros would hide what A does.
"""

import json
import pathlib
import shutil
import sys

import reference
import remote_code  # noqa: F401
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

ROOT = pathlib.Path(__file__).parent
LARGEST_FOLDER = 60_000
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
FEED_FORWARD = ["gate_proj", "up_proj", "down_proj"]

# base, seed and what LoraConfig is made of
ADAPTERS = {
    "gqa": ("llama/gqa", 1, {"r": 3, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj"]}),
    # all matrices, with biases of their own; ranks scaled by their root, in some of the layers
    "ernie4_5": (
        "families/ernie4_5",
        2,
        {
            "r": 2,
            "lora_alpha": 3,
            "use_rslora": True,
            "target_modules": ATTENTION + FEED_FORWARD,
            "layers_to_transform": [0, 2],
        },
    ),
    # several matrices in one tensor
    "phi3": (
        "families/phi3",
        3,
        {"r": 2, "lora_alpha": 4, "target_modules": ["qkv_proj", "gate_up_proj", "down_proj"]},
    ),
    "gemma3_text": (
        "families/gemma3_text",
        4,
        {"r": 2, "lora_alpha": 4, "target_modules": ATTENTION + FEED_FORWARD},
    ),
}


def base_model(folder):
    """The model of a folder in float64."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager", use_safetensors=True
    )
    model.config.use_cache = False
    return reference.exact(model)


def adapted(name):
    base, seed, settings = ADAPTERS[name]
    model = base_model(ROOT / base)
    torch.manual_seed(seed)
    model = get_peft_model(
        model, LoraConfig(task_type="CAUSAL_LM", **settings), autocast_adapter_dtype=False
    ).double()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if ".lora_" in key:
                parameter.copy_((0.3 * torch.randn_like(parameter)).float())
    return model.train()


def trained(model):
    return {key.replace(".default", ""): p for key, p in model.named_parameters() if p.requires_grad}


def make(name):
    base, seed, _ = ADAPTERS[name]
    # read here, for `reference.float64` would read float32 as float64
    model, merged = adapted(name), adapted(name)
    vocabulary = model.config.vocab_size
    ids, labels = reference.make_batch(seed + 100, 2, 11, min(61, vocabulary))

    def loss_of(model):
        return reference.hard_loss(model(input_ids=ids).logits, labels)

    with reference.float64():
        with torch.no_grad():
            logits = model(input_ids=ids).logits
        loss = loss_of(model)
        model.zero_grad()
        loss.backward()
        gradient = {key: p.grad.clone() for key, p in trained(model).items()}
        run = reference.adamw_run(model, loss_of)
        merged = merged.merge_and_unload()
        with torch.no_grad():
            reference.requires_close(merged(input_ids=ids).logits, logits, 1e-12, f"{name}: merged")
    run["adamw_decayed_parameters"] = list(gradient)
    folder = ROOT / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.float().save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text())
    settings["base_model_name_or_path"] = f"../../{base}"
    # a set, in any order
    settings["target_modules"] = sorted(settings["target_modules"])
    reference.write_json(path, dict(sorted(settings.items())))
    path.chmod(0o644)
    (folder / "adapter_model.safetensors").chmod(0o644)
    reference.write_tensors(
        folder / "expected.safetensors", {"logits": logits} | {f"grad.{key}": g for key, g in gradient.items()}
    )
    counted = int((labels[:, 1:] != reference.IGNORED).sum())
    reference.write_json(
        folder / "expected.json",
        {"ids": ids.tolist(), "labels": labels.tolist(), "counted_tokens": counted, "loss": loss.item()} | run,
    )
    size = reference.folder_size(folder)
    print(f"{name}: losses {' '.join(f'{x:.3f}' for x in run['adamw_losses'])}; {size:,} bytes")
    if size > LARGEST_FOLDER:
        raise SystemExit(f"{name}: {size} bytes")


def check(base, folder, merged):
    plain = base_model(base).eval()
    whole = base_model(merged).eval()
    model = PeftModel.from_pretrained(base_model(base), folder, autocast_adapter_dtype=False).double().eval()
    ids, _ = reference.make_batch(1, 3, 32, plain.config.vocab_size)
    with reference.float64(), torch.no_grad():
        logits, expected = model(input_ids=ids).logits, whole(input_ids=ids).logits
        moved = (plain(input_ids=ids).logits - expected).abs().max().item()
        error = reference.requires_close(logits, expected, 1e-5, "logits in PEFT")
    print(f"PEFT's logits differ by {error:.1e} of the largest; the adapters move them by up to {moved:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(*sys.argv[2:])
    else:
        for name in sys.argv[1:] or ADAPTERS:
            make(name)
