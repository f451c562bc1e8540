"""Makes Tests/Fixtures/distillation: a tiny teacher and student with the losses and gradients distillation must give.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors numpy
      venv/bin/python Tests/Fixtures/make_distillation_fixtures.py

README.md beside this script says what each file holds. Everything is computed in float64 on one thread. The script first
checks its divergences against the numbers published by other distillation projects, and their gradients by autograd.
"""

import pathlib
import shutil

import torch

import divergences
import reference
from divergences import DIVERGENCES, SHARES
from reference import OPTIMISER, adamw_run, counted_rows, gradients, hard_loss

HERE = pathlib.Path(__file__).resolve().parent / "distillation"
VOCABULARY = 61
TEMPERATURE = 2.0
COLD = 0.05
HARD_LABEL_WEIGHT = 0.5
EXTREME = 1e4
NEVER = -torch.inf

TEACHER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}
STUDENT = {
    "vocab_size": VOCABULARY,
    "hidden_size": 24,
    "intermediate_size": 34,
    "num_hidden_layers": 1,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "tie_word_embeddings": True,
}


def soft_loss(divergence, teacher_logits, student_logits, labels):
    """The mean over the counted tokens, without the factor of temperature squared."""
    teacher_rows, _ = counted_rows(teacher_logits, labels)
    student_rows, _ = counted_rows(student_logits, labels)
    return divergences.by_row(divergence, teacher_rows, student_rows, TEMPERATURE).mean()


def parts(student, divergence, teacher_logits, ids, labels):
    logits = student(ids).logits
    hard = hard_loss(logits, labels)
    soft = soft_loss(divergence, teacher_logits, logits, labels)
    total = HARD_LABEL_WEIGHT * hard + (1 - HARD_LABEL_WEIGHT) * TEMPERATURE**2 * soft
    return total, hard, soft


def make_models():
    teacher = reference.make_model(21, **TEACHER).eval()
    student = reference.make_model(22, **STUDENT)
    ids, labels = reference.make_batch(121, 3, 13, VOCABULARY)
    with reference.float64():
        with torch.no_grad():
            teacher_logits = teacher(ids).logits
            student_logits = student(ids).logits
        objectives, stored = {}, {"teacher_logits": teacher_logits, "student_logits": student_logits}
        for name, divergence in DIVERGENCES.items():
            total, hard, soft = parts(student, divergence, teacher_logits, ids, labels)
            objectives[name] = {"soft": soft.item(), "hard": hard.item(), "total": total.item()}
            if name in SHARES:
                objectives[name]["share"] = SHARES[name]
            stored |= {f"{name}.grad.{key}": g for key, g in gradients(student, total).items()}

        def loss(model):
            return parts(model, DIVERGENCES["forward_kl"], teacher_logits, ids, labels)[0]

        run = adamw_run(student, loss)
    reference.requires_agreement_with_hugging_face(teacher, ids, teacher_logits)
    reference.requires_agreement_with_hugging_face(student, ids, student_logits)
    float32_logits = teacher_logits.float()
    drift = reference.requires_steady_losses(
        student, lambda m: parts(m, DIVERGENCES["forward_kl"], float32_logits, ids, labels)[0], run, "distillation"
    )
    clipped = sum(norm > OPTIMISER["gradient_clip"] for norm in run["adamw_gradient_norms"])
    if clipped == 0:
        raise SystemExit("distillation: no step was clipped")
    losses = " ".join(f"{value:.3f}" for value in run["adamw_losses"])
    print(f"distillation: losses {losses}; {clipped} steps clipped; float32 drift {drift:.1e}")

    shutil.rmtree(HERE, ignore_errors=True)
    for name, model in (("teacher", teacher), ("student", student)):
        (HERE / name).mkdir(parents=True)
        reference.save_model(model, HERE / name)
    reference.write_tensors(HERE / "expected.safetensors", stored)
    settings = {
        "ids": ids.tolist(),
        "labels": labels.tolist(),
        "counted_tokens": (labels[:, 1:] != reference.IGNORED).sum().item(),
        "temperature": TEMPERATURE,
        "hard_label_weight": HARD_LABEL_WEIGHT,
        "objectives": objectives,
    }
    reference.write_json(HERE / "expected.json", settings | {"adamw_objective": "forward_kl"} | run)


def draw(generator, scale):
    """Logits on a grid of 1/1024, so that float32 holds them exactly even beside an offset of 10,000."""
    values = scale * torch.randn(VOCABULARY, generator=generator, dtype=torch.float64)
    return (values * 1024).round() / 1024


def peak(index):
    """One entry at +10,000, all others at -10,000."""
    row = torch.full((VOCABULARY,), -EXTREME, dtype=torch.float64)
    row[index] = EXTREME
    return row


def halves(generator):
    """Each entry at +10,000 or -10,000."""
    return EXTREME * (2.0 * torch.randint(0, 2, (VOCABULARY,), generator=generator).double() - 1)


def masked(row, indices):
    row = row.clone()
    row[indices] = NEVER
    return row


def warm_rows(g):
    last, some = slice(VOCABULARY - 5, None), [0, 7, 30]
    shared, flat = draw(g, 2), torch.zeros(VOCABULARY, dtype=torch.float64)
    opposed = draw(g, 3)
    return {
        "ordinary": (draw(g, 2), draw(g, 2)),
        "sharp": (draw(g, 8), draw(g, 8)),
        "equal": (shared, shared),
        "both masked": (masked(draw(g, 2), last), masked(draw(g, 2), last)),
        "teacher masked": (masked(draw(g, 2), some), draw(g, 2)),
        "student masked": (draw(g, 2), masked(draw(g, 2), some)),
        "student offset by 50": (draw(g, 2), draw(g, 2) + 50),
        "opposed": (opposed, -opposed),
        "flat student": (draw(g, 3), flat),
        "teacher of one token": (peak(11), draw(g, 2)),
    }


def cold_rows(g):
    last = slice(VOCABULARY - 5, None)
    return {
        "ordinary": (draw(g, 2), draw(g, 2)),
        "sharp": (draw(g, 8), draw(g, 8)),
        "student of one token": (draw(g, 2), peak(3)),
        "the same one token": (peak(3), peak(3)),
        "two different tokens": (peak(3), peak(40)),
        "all at 10,000": (torch.full((VOCABULARY,), EXTREME, dtype=torch.float64),) * 2,
        "student offset by 10,000": (draw(g, 0.1), draw(g, 0.1) + EXTREME),
        "teacher offset by -10,000": (draw(g, 0.1) - EXTREME, draw(g, 0.1)),
        "one token and both masked": (masked(peak(3), last), masked(peak(40), last)),
        "halves": (halves(g), halves(g)),
    }


def make_rows(name, temperature, rows):
    """Logits [2, 5, V] with the value and the gradient of every divergence in every row."""

    def stack(index):
        return torch.stack([pair[index] for pair in rows.values()]).reshape(2, 5, VOCABULARY)

    teacher, student = stack(0), stack(1)
    for logits in (teacher, student):
        if not torch.equal(logits, logits.float().double()):
            raise SystemExit(f"{name}: a logit is not a float32 number")
    stored = {"teacher": teacher, "student": student}
    for key, divergence in DIVERGENCES.items():
        value, gradient = divergences.with_gradient(divergence, teacher, student, temperature)
        if value.isnan().any() or (gradient.isnan().any(-1) != value.isinf()).any():
            raise SystemExit(f"{name}: {key} is not a number in a row whose value should be finite")
        if not (value >= -1e-12).all() or not (gradient.sum(-1).nan_to_num().abs() < 1e-9).all():
            raise SystemExit(f"{name}: {key} is negative, or its gradient does not sum to zero")
        stored[f"{key}.value"] = value
        stored[f"{key}.gradient"] = temperature**2 * gradient
    reference.write_tensors(HERE / f"{name}.safetensors", stored)
    reference.write_json(HERE / f"{name}.json", {"temperature": temperature, "rows": list(rows), "shares": SHARES})


if __name__ == "__main__":
    divergences.requires_golden_numbers()
    divergences.requires_matching_autograd()
    make_models()
    make_rows("rows", TEMPERATURE, warm_rows(torch.Generator().manual_seed(31)))
    make_rows("rows_cold", COLD, cold_rows(torch.Generator().manual_seed(32)))
    print(f"distillation: {reference.folder_size(HERE):,} bytes")
