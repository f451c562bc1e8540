"""Trains a student in plain PyTorch with Hugging Face Llama: what `limbeck train` and `distill` are measured against.

Run:  python pytorch_training.py CONFIG.json --tokenizer TOKENIZER.model --text TRAIN.txt --validation-text HELD_OUT.txt

What a careful user would write in 40 lines: AdamW with decay of all matrices, warm-up and cosine, clipping at 1,
sequences cut at places drawn anew at each step, BOS before each. The flags change one part each. --teacher DIR distils
by forward KL at temperature 1 with no cross-entropy. The held-out text is cut into disjoint windows of one sequence's
length, each fed BOS and its tokens but the last, as `limbeck perplexity --window` does. Prints one JSON object.
"""

import argparse
import json
import math
import pathlib
import shutil
import time

import sentencepiece
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from transformers import LlamaConfig, LlamaForCausalLM


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=pathlib.Path, help="the student's config.json")
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--validation-text", type=pathlib.Path, required=True)
    parser.add_argument("--teacher", type=pathlib.Path, help="a model folder")
    parser.add_argument("--output", type=pathlib.Path, help="the folder to write (default: none)")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--sequence-length", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=6e-3)
    parser.add_argument("--minimum-learning-rate-ratio", type=float, default=0.1)
    parser.add_argument("--warmup-steps", type=int, default=50)
    parser.add_argument("--weight-decay", type=float, default=0.1)
    parser.add_argument("--beta2", type=float, default=0.95)
    parser.add_argument(
        "--offsets",
        choices=["drawn", "shifted", "fixed"],
        default="drawn",
        help="where sequences begin: anywhere, drawn with replacement; one after another from an offset that is drawn "
        "for each epoch, shuffled; the same with no offset",
    )
    parser.add_argument("--bos", choices=["every", "documents"], default="every", help="which sequences begin with BOS")
    parser.add_argument("--initial-deviation", type=float, help="of all matrices (default: initializer_range)")
    parser.add_argument("--embedding-deviation", type=float, help="of the embedding (default: that of all matrices)")
    scaling = "whether output and down projections begin divided by sqrt(2 L)"
    parser.add_argument("--residual-scaling", choices=["on", "off"], default="off", help=scaling)
    parser.add_argument("--embedding-decay", choices=["on", "off"], default="on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def student(options):
    config = LlamaConfig.from_json_file(options.config)
    if options.initial_deviation:
        config.initializer_range = options.initial_deviation
    model = LlamaForCausalLM(config)
    for name, parameter in model.named_parameters():
        if options.residual_scaling == "on" and ("o_proj" in name or "down_proj" in name):
            parameter.data /= math.sqrt(2 * config.num_hidden_layers)
        if options.embedding_deviation and "embed" in name:
            parameter.data *= options.embedding_deviation / config.initializer_range
    return model


def optimiser(model, options):
    def decays(name, parameter):
        return parameter.dim() > 1 and (options.embedding_decay == "on" or "embed" not in name)

    groups = {True: [], False: []}
    for name, parameter in model.named_parameters():
        groups[decays(name, parameter)].append(parameter)
    return torch.optim.AdamW(
        [{"params": groups[True], "weight_decay": options.weight_decay}, {"params": groups[False], "weight_decay": 0}],
        lr=options.learning_rate,
        betas=(0.9, options.beta2),
        fused=True,
    )


def learning_rate(step, options):
    """Of step 1...S: linear warm-up, then half a cosine wave down to the minimum."""
    warmup = max(1, options.warmup_steps)
    if step <= warmup:
        return options.learning_rate * step / warmup
    minimum = options.learning_rate * options.minimum_learning_rate_ratio
    progress = (step - warmup) / (options.steps - warmup)
    return minimum + (options.learning_rate - minimum) * (1 + math.cos(math.pi * progress)) / 2


def starts(ids, span, options, generator):
    """The first token of each sequence, without end."""
    while True:
        if options.offsets == "drawn":
            yield from torch.randint(len(ids) - span + 1, (1024,), generator=generator).tolist()
        else:
            offset = torch.randint(span, (), generator=generator).item() if options.offsets == "shifted" else 0
            cuts = torch.arange(offset, len(ids) - span + 1, options.sequence_length)
            yield from cuts[torch.randperm(len(cuts), generator=generator)].tolist()


def fed(windows, bos):
    return torch.cat([torch.full((len(windows), 1), bos), windows[:, :-1]], dim=1)


@torch.inference_mode()
def nats_per_token(model, ids, bos, options):
    length = options.sequence_length
    windows = [window.unsqueeze(0) for window in ids.split(length)]
    sums = (cross_entropy(model(fed(window, bos)).logits[0], window[0], reduction="sum").item() for window in windows)
    return sum(sums) / len(ids)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(options.tokenizer))
    bos = tokenizer.bos_id()
    texts = (options.text, options.validation_text)
    ids, held_out = (torch.tensor(tokenizer.encode(path.read_text())) for path in texts)
    if options.bos == "documents":
        ids = torch.cat([torch.tensor([bos]), ids, torch.tensor([tokenizer.eos_id()])])
    model = student(options)
    teacher = LlamaForCausalLM.from_pretrained(options.teacher, dtype=torch.float32).eval() if options.teacher else None
    optimizer = optimiser(model, options)
    # with BOS a sequence has as many targets as tokens; without, the first is no target
    span = options.sequence_length + (options.bos == "documents")
    following = starts(ids, span, options, torch.Generator().manual_seed(options.seed))
    start = time.perf_counter()
    losses = []
    for step in range(1, options.steps + 1):
        firsts = [next(following) for _ in range(options.batch_size)]
        windows = torch.stack([ids[first : first + span] for first in firsts])
        inputs, targets = (fed(windows, bos), windows) if options.bos == "every" else (windows[:, :-1], windows[:, 1:])
        logits = model(inputs).logits.flatten(0, 1)
        if teacher:
            with torch.inference_mode():
                expected = log_softmax(teacher(inputs).logits.flatten(0, 1), dim=-1)
            loss = kl_div(log_softmax(logits, dim=-1), expected.clone(), log_target=True, reduction="batchmean")
        else:
            loss = cross_entropy(logits, targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    seconds = time.perf_counter() - start
    model.eval()
    if options.output:
        model.save_pretrained(options.output)
        shutil.copy(options.tokenizer, options.output / "tokenizer.model")
    nats = nats_per_token(model, held_out, bos, options)
    last = losses[-50:]
    print(
        json.dumps(
            {
                "nats_per_token": nats,
                "perplexity": math.exp(nats),
                "last_losses": sum(last) / len(last),
                "training_tokens": len(ids),
                "held_out_tokens": len(held_out),
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
