"""What the fixture scripts share: Hugging Face models in float64, seeded weights and batches, ten AdamW steps, files.

Hugging Face's models drop to float32 inside RMSNorm, the rotary tables and the attention softmax, whatever the type of
their weights. `float64` keeps them from it, so that a fixture is exact to the last float32 digit;
`requires_agreement_with_hugging_face` then checks them against the untouched float32 model.
"""

import copy
import json
import pathlib

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

torch.set_num_threads(1)
disable_progress_bar()

IGNORED = -100
OPTIMISER = {
    "learning_rate": 0.01,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "gradient_clip": 1.0,
    "steps": 10,
}


class float64:
    """Within this context every model computes in float64 throughout, if it was made within it.

    Hugging Face's code names float32 where it drops to it: here these names mean float64.
    """

    def __enter__(self):
        self.saved = torch.float32, torch.float, torch.Tensor.float
        torch.float32 = torch.float = torch.float64
        torch.Tensor.float = torch.Tensor.double
        self.default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)

    def __exit__(self, *_):
        torch.float32, torch.float, torch.Tensor.float = self.saved
        torch.set_default_dtype(self.default)


def make_model(seed, storage=torch.float32, initializer_range=0.2, family="llama", **configuration):
    """A float64 model whose random weights are exactly representable in `storage`."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        family,
        **{"max_position_embeddings": 128, "rms_norm_eps": 1e-5} | configuration,
        initializer_range=initializer_range,
        attn_implementation="eager",
        use_cache=False,
    )
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 1 and "norm" in name:
                parameter.add_(0.2 * torch.randn_like(parameter))
            elif name.endswith("bias"):
                parameter.copy_(0.2 * torch.randn_like(parameter))
            parameter.copy_(parameter.to(storage))  # only the weights: the rotary frequencies are never rounded
    return exact(model).train()


def exact(model):
    """The same model in float64, with rotary frequencies that no float32 has rounded."""
    with float64():
        return rebuilt(model)


def rebuilt(model):
    other = type(model)(model.config)
    other.load_state_dict(model.state_dict())
    return other


def make_batch(seed, batch, length, vocabulary):
    """Ids below `vocabulary`, starting with BOS, and Hugging Face labels: a masked prompt, masked padding and a masked
    run in the middle."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, vocabulary, (batch, length), generator=generator)
    ids[:, 0] = 1
    labels = ids.clone()
    labels[0, : length // 3] = IGNORED
    labels[1, length - length // 4 :] = IGNORED
    if batch > 2:
        labels[2, length // 2 : length // 2 + 3] = IGNORED
    return ids, labels


def counted_rows(logits, labels):
    """The rows of `logits` that predict a counted label, and those labels: row t - 1 predicts the label at t."""
    targets = labels[:, 1:]
    counted = targets != IGNORED
    return logits[:, :-1][counted], targets[counted]


def hard_loss(logits, labels):
    rows, targets = counted_rows(logits, labels)
    return torch.nn.functional.cross_entropy(rows, targets)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


def decays(name, parameter):
    return parameter.ndim > 1 and not any(part in name for part in ("embed_tokens", "tok_embeddings"))


def adamw_run(model, loss_of, settings=OPTIMISER):
    """Losses before each step and after the last one, and each step's gradient norm before clipping."""
    model = copy.deepcopy(model)
    named = list(model.named_parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for n, p in named if decays(n, p)], "weight_decay": settings["weight_decay"]},
            {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0.0},
        ],
        lr=settings["learning_rate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
        foreach=False,
    )
    losses, norms = [], []
    for _ in range(settings["steps"]):
        optimiser.zero_grad()
        loss = loss_of(model)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), settings["gradient_clip"]).item())
        losses.append(loss.item())
        optimiser.step()
    with torch.no_grad():
        losses.append(loss_of(model).item())
    return {
        "adamw_losses": losses,
        "adamw_gradient_norms": norms,
        **{f"adamw_{key}": value for key, value in settings.items()},
        "adamw_decayed_parameters": [n for n, p in named if decays(n, p)],
    }


def requires_close(actual, expected, relative, what):
    """Compares two lists of numbers; the difference is relative to the largest expected magnitude."""
    actual, expected = torch.as_tensor(actual).double(), torch.as_tensor(expected).double()
    error = ((actual - expected).abs().max() / expected.abs().max().clamp_min(1e-30)).item()
    if not error <= relative:
        raise SystemExit(f"{what}: relative difference {error:.2e}, allowed {relative:.0e}")
    return error


def requires_agreement_with_hugging_face(model, ids, logits):
    """The float64 logits against those of the same weights in unchanged float32 Hugging Face code."""
    plain = rebuilt(model).eval()
    with torch.no_grad():
        requires_close(plain(ids).logits, logits, 1e-5, "float32 Hugging Face logits")


def requires_steady_losses(model, loss_of, run, name):
    """Float32 steps from slightly disturbed weights must reach the tests' tolerance, 1e-4, with much room to spare."""
    worst = 0.0
    for seed in range(4):
        torch.manual_seed(seed)
        disturbed = copy.deepcopy(model).float()
        with torch.no_grad():
            for parameter in disturbed.parameters():
                parameter.mul_(1 + 2e-7 * torch.randn_like(parameter))
        losses = adamw_run(disturbed, loss_of)["adamw_losses"]
        worst = max(worst, *(abs(a / e - 1) for a, e in zip(losses, run["adamw_losses"])))
    if not worst <= 1e-5:
        raise SystemExit(f"{name}: float32 AdamW losses move by {worst:.1e}; take another seed")
    return worst


def save_model(model, folder, storage=torch.float32, max_shard_size=None, legacy_config=False, rewrite=None):
    """`rewrite` makes of config.json and of the tensors by name what the folder is to hold instead."""
    stored = copy.deepcopy(model).to(storage)
    stored.save_pretrained(folder, **({"max_shard_size": max_shard_size} if max_shard_size else {}))
    for file in folder.iterdir():
        file.chmod(0o644)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if legacy_config:
        rewrite_as_transformers_4(folder / "config.json")
    if rewrite:
        config = json.loads((folder / "config.json").read_text())
        config, tensors = rewrite(config, load_file(folder / "model.safetensors"))
        write_json(folder / "config.json", config)
        write_tensors(folder / "model.safetensors", tensors)


def rewrite_as_transformers_4(path):
    """Most published folders carry the keys of transformers 4: `rope_theta`, `torch_dtype`, and no `head_dim`."""
    config = json.loads(path.read_text())
    rotary = config.pop("rope_parameters")
    config["rope_theta"] = rotary.pop("rope_theta")
    config["rope_scaling"] = None if rotary["rope_type"] == "default" else rotary
    del config["head_dim"]
    config["transformers_version"] = "4.40.0"
    config["torch_dtype"] = config.pop("dtype")
    write_json(path, config)


def write_tensors(path, tensors):
    save_file({name: t.detach().float().contiguous().clone() for name, t in tensors.items()}, path)
    path.chmod(0o644)


def write_json(path, value):
    """One key a line, lists of numbers on one line."""
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items())
    path.write_text("{\n" + lines + "\n}\n")


def folder_size(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())
