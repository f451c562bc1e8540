"""Makes Tests/Fixtures/hidden_states: what comparing the insides of the distillation fixture's two models must give.

Run:  venv/bin/python Tests/Fixtures/make_hidden_state_fixtures.py  (after make_distillation_fixtures.py, in its venv)

README.md beside this script says what each file holds. Everything is computed in float64 on one thread. Cosine and squares
are PyTorch's own losses; the relations are those of MiniLMv2 (arXiv 2012.15828, equations 4 and 5) under a causal mask.
"""

import pathlib

import torch
from torch.nn.functional import cosine_embedding_loss, kl_div, mse_loss
from transformers import LlamaForCausalLM

import reference

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = HERE / "hidden_states"
# layers as in `hidden_states` of transformers, the teacher's first
PAIRS = [(1, 0), (2, 1)]
WEIGHTS = {"cosine": 0.7, "mean_square": 0.4, "relation": 1.5}
RELATION_LAYERS = (1, 1)
RELATION_HEADS = 4


def load(name):
    folder = HERE / "distillation" / name
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return reference.exact(model)


def forward(model, ids, layer):
    """Hidden states, and the outputs of a layer's three projections."""
    attention = model.model.layers[layer - 1].self_attn
    outputs, hooks = {}, []
    for name in ("q_proj", "k_proj", "v_proj"):

        def keep(_module, _inputs, output, name=name):
            outputs[name] = output

        hooks.append(getattr(attention, name).register_forward_hook(keep))
    states = model(ids, output_hidden_states=True).hidden_states
    for hook in hooks:
        hook.remove()
    return states, outputs


def log_relations(x):
    """[B, T, W] → log softmax(x·xᵀ/√D) [B, A, T, T] over the tokens up to each."""
    batch, length, width = x.shape
    heads = x.reshape(batch, length, RELATION_HEADS, width // RELATION_HEADS).transpose(1, 2)
    scores = heads @ heads.transpose(2, 3) / heads.shape[-1] ** 0.5
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    return scores.masked_fill(later, -torch.inf).log_softmax(-1)


def relation_divergence(student, teacher, counted):
    """The mean over heads and counted tokens of KL(teacher ‖ student)."""
    p, q = log_relations(teacher), log_relations(student)
    visible = torch.isfinite(p)
    terms = kl_div(q.masked_fill(~visible, 0), p.masked_fill(~visible, 0), log_target=True, reduction="none")
    by_token = (terms * visible).sum(-1).mean(1)
    return by_token[counted].mean()


def main():
    teacher, student = load("teacher").eval(), load("student").train()
    ids, labels = reference.make_batch(121, 3, 13, teacher.config.vocab_size)
    # the label at t + 1 belongs to the states at t; the last states of a sequence have none
    counted = torch.zeros_like(ids, dtype=torch.bool)
    counted[:, :-1] = labels[:, 1:] != reference.IGNORED
    generator = torch.Generator().manual_seed(41)
    size = (teacher.config.hidden_size, student.config.hidden_size)
    projections = [
        (0.2 * torch.randn(size, generator=generator)).double().requires_grad_() for _ in PAIRS
    ]
    with reference.float64():
        with torch.no_grad():
            targets, target_projections = forward(teacher, ids, RELATION_LAYERS[0])
        states, own_projections = forward(student, ids, RELATION_LAYERS[1])
    cosine = mean_square = 0
    for (of_teacher, of_student), projection in zip(PAIRS, projections):
        x, y = (states[of_student] @ projection.T)[counted], targets[of_teacher][counted]
        cosine = cosine + cosine_embedding_loss(x, y, torch.ones(len(x))) / len(PAIRS)
        mean_square = mean_square + mse_loss(x, y) / len(PAIRS)
    relation = sum(
        relation_divergence(own_projections[name], target_projections[name], counted)
        for name in ("q_proj", "k_proj", "v_proj")
    )
    terms = {"cosine": cosine, "mean_square": mean_square, "relation": relation}
    total = sum(WEIGHTS[name] * term for name, term in terms.items())
    total.backward()

    stored = {}
    for index, projection in enumerate(projections):
        stored |= {f"projection.{index}": projection, f"projection.{index}.grad": projection.grad}
    for name, parameter in student.named_parameters():
        # what no term reads has no gradient
        stored[f"grad.{name}"] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    OUTPUT.mkdir(exist_ok=True)
    reference.write_tensors(OUTPUT / "expected.safetensors", stored)
    values = {name: term.item() for name, term in terms.items()} | {"total": total.item()}
    reference.write_json(OUTPUT / "expected.json", values)
    print("hidden_states:", " ".join(f"{name} {value:.6f}" for name, value in values.items()))


if __name__ == "__main__":
    main()
