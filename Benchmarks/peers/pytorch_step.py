"""A training step in PyTorch with Hugging Face Llama, or another family, timed: what this project's step is measured
against.

Run:  Benchmarks/.venv/bin/python Benchmarks/peers/pytorch_step.py --compile
      (--compile needs g++; --dtype bfloat16 is autocast; --blocks 256 is a head by hand; --write DIR saves the inputs)

The sizes are those of shapes.py, all heads tied. Objective `distillation`: teacher forward, student forward and backward,
0.5 cross-entropy + 0.5 t^2 forward KL at t = 2; `language-model`: cross-entropy of the teacher by itself. Mean over the rows
that have a next token, clipping at 1.0, AdamW (0.9, 0.95, 1e-8; 0.1 on all but the embedding and norms). The same batch at
every step. Prints one JSON object: median tokens/s of the steps after the warm-up, peak memory, and the loss before each
step.
"""

import argparse
import contextlib
import json
import pathlib
import resource
import statistics
import time

import torch
import transformers
from families import model
from family_configurations import FAMILIES
from shapes import LENGTH, SHAPES

TEMPERATURE = 2.0
HARD_LABEL_WEIGHT = 0.5
IGNORED = -100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="reference")
    parser.add_argument("--family", choices=FAMILIES, default="llama")
    parser.add_argument("--objective", choices=["distillation", "language-model"], default="distillation")
    parser.add_argument("--compile", action="store_true", help="torch.compile (default: eager)")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--blocks", type=int, default=0, metavar="TOKENS", help="head and loss in blocks, gradients inside")
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--write", type=pathlib.Path, metavar="DIR", help="save teacher/, student/ and batch.json and stop")
    options = parser.parse_args()
    if options.blocks and options.objective != "distillation":
        parser.error("--blocks is for the distillation")
    return options


def make_batch(seed, shape):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, shape.vocabulary, (shape.batch, LENGTH), generator=generator)
    ids[:, 0] = 1
    return ids


def targets_of(ids):
    """The next token of every position; the last has none."""
    return torch.nn.functional.pad(ids[:, 1:], (0, 1), value=IGNORED)


def plain_loss(teacher_logits, student_logits, targets):
    """Float32 loss arithmetic over whole [N, V] tensors."""
    teacher_logits, student_logits = teacher_logits[:, :-1].float(), student_logits[:, :-1].float()
    counted = targets[:, :-1].reshape(-1)
    log_p = (teacher_logits / TEMPERATURE).log_softmax(-1)
    log_q = (student_logits / TEMPERATURE).log_softmax(-1)
    soft = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="sum") / counted.numel()
    hard = torch.nn.functional.cross_entropy(student_logits.flatten(0, 1), counted)
    return HARD_LABEL_WEIGHT * hard + (1 - HARD_LABEL_WEIGHT) * TEMPERATURE**2 * soft


def language_model_loss(logits, targets):
    return torch.nn.functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), targets[:, :-1].reshape(-1))


def block_value_and_gradients(student_rows, student_head, teacher_rows, teacher_head, targets):
    """One block's summed loss, with its gradients on the student's hidden rows and head, by hand."""
    logits = (student_rows @ student_head.T).float()
    teacher_logits = (teacher_rows @ teacher_head.T).float()
    counted = (targets != IGNORED).unsqueeze(-1)
    labels = targets.clamp_min(0).unsqueeze(-1)
    log_p = (teacher_logits / TEMPERATURE).log_softmax(-1)
    log_q = (logits / TEMPERATURE).log_softmax(-1)
    p = log_p.exp()
    soft = (p * (log_p - log_q)).sum(-1, keepdim=True)
    log_hard = logits.log_softmax(-1)
    hard = -log_hard.gather(-1, labels)
    value = HARD_LABEL_WEIGHT * hard + (1 - HARD_LABEL_WEIGHT) * TEMPERATURE**2 * soft
    total = torch.where(counted, value, 0.0).sum()
    one_hot = torch.arange(logits.shape[-1], device=logits.device).unsqueeze(0) == labels
    gradient = HARD_LABEL_WEIGHT * (log_hard.exp() - one_hot.float())
    gradient = gradient + (1 - HARD_LABEL_WEIGHT) * TEMPERATURE * (log_q.exp() - p)
    gradient = torch.where(counted, gradient, 0.0).to(student_rows.dtype)
    return total, gradient @ student_head, gradient.T @ student_rows


class BlockedHead(torch.autograd.Function):
    """The mean loss over counted rows; no [N, V] tensor exists. `run` is `block_value_and_gradients`, maybe compiled."""

    @staticmethod
    def forward(ctx, hidden, head, teacher_hidden, teacher_head, targets, block, run, dtype):
        count = (targets != IGNORED).sum()
        student_head, frozen_head = head.detach().to(dtype), teacher_head.to(dtype)
        total = torch.zeros(())
        hidden_gradient = torch.empty_like(hidden)
        head_gradient = torch.zeros_like(head)
        for start in range(0, hidden.shape[0], block):
            rows = slice(start, start + block)
            value, for_hidden, for_head = run(
                hidden[rows].detach().to(dtype), student_head, teacher_hidden[rows].to(dtype), frozen_head, targets[rows]
            )
            total += value
            hidden_gradient[rows] = for_hidden
            head_gradient += for_head
        ctx.save_for_backward(hidden_gradient.div_(count), head_gradient.div_(count))
        return total / count

    @staticmethod
    def backward(ctx, upstream):
        hidden_gradient, head_gradient = ctx.saved_tensors
        return upstream * hidden_gradient, upstream * head_gradient, *(None,) * 6


def make_loss(options, teacher, student):
    """A function from (ids, targets) to the scalar loss; `student` is what is trained."""
    autocast = options.dtype == "bfloat16"
    context = (lambda: torch.autocast("cpu", torch.bfloat16)) if autocast else contextlib.nullcontext
    compiled = torch.compile if options.compile else (lambda function: function)

    if options.objective == "language-model":

        def plain(ids, targets):
            with context():
                logits = student(ids).logits
            return language_model_loss(logits, targets)

        return compiled(plain)

    if not options.blocks:

        def whole(ids, targets):
            with context():
                with torch.no_grad():
                    teacher_logits = teacher(ids).logits
                student_logits = student(ids).logits
            return plain_loss(teacher_logits, student_logits, targets)

        return compiled(whole)

    teacher_body, student_body = compiled(teacher.model), compiled(student.model)
    run = compiled(block_value_and_gradients)
    dtype = torch.bfloat16 if autocast else torch.float32

    def blocked(ids, targets):
        with context():
            with torch.no_grad():
                teacher_hidden = teacher_body(ids).last_hidden_state.flatten(0, 1)
            hidden = student_body(ids).last_hidden_state.flatten(0, 1)
        heads = student.lm_head.weight, teacher.lm_head.weight.detach()
        return BlockedHead.apply(
            hidden, heads[0], teacher_hidden, heads[1], targets.flatten(), options.blocks, run, dtype
        )

    return blocked


def make_optimiser(student, learning_rate):
    decayed = [p for n, p in student.named_parameters() if p.ndim > 1 and "embed_tokens" not in n]
    others = [p for n, p in student.named_parameters() if p.ndim <= 1 or "embed_tokens" in n]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=learning_rate,
        betas=(0.9, 0.95),
        eps=1e-8,
    )


def write_inputs(options, teacher, student, ids):
    teacher.save_pretrained(options.write / "teacher")
    student.save_pretrained(options.write / "student")
    (options.write / "batch.json").write_text(json.dumps({"ids": ids.tolist(), "seed": options.seed}) + "\n")


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    shape = SHAPES[options.shape]
    teacher, student = (
        model(options.family, shape.vocabulary, sizes, options.seed + index, options.attention)
        for index, sizes in enumerate([shape.teacher, shape.student])
    )
    student.train()
    ids = make_batch(options.seed + 2, shape)
    if options.write:
        write_inputs(options, teacher, student, ids)
        return
    if options.objective == "language-model":
        student = teacher.train()
    else:
        teacher.eval().requires_grad_(False)
    targets = targets_of(ids)
    loss_of = make_loss(options, teacher, student)
    optimiser = make_optimiser(student, options.learning_rate)
    losses, norms, seconds, cpu_seconds = [], [], [], []
    for _ in range(options.warmup + options.steps):
        start, cpu_start = time.perf_counter(), time.process_time()
        optimiser.zero_grad()
        loss = loss_of(ids, targets)
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0).item())
        optimiser.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    timed = seconds[options.warmup :]
    print(
        json.dumps(
            {
                "shape": options.shape,
                "family": options.family,
                "objective": options.objective,
                "mode": "compile" if options.compile else "eager",
                "dtype": options.dtype,
                "block_tokens": options.blocks or None,
                "attention": options.attention,
                "threads": options.threads,
                "seed": options.seed,
                "steps": options.steps,
                "warmup": options.warmup,
                "tokens_per_step": ids.numel(),
                "tokens_per_second": ids.numel() / statistics.median(timed),
                "seconds_per_step": timed,
                "cpu_seconds_per_step": cpu_seconds[options.warmup :],
                "first_step_seconds": seconds[0],
                "peak_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "losses": losses,
                "gradient_norms": norms,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
