"""The perplexity of a text with Hugging Face transformers, timed: what `limbeck perplexity` is measured against.

Run:  python pytorch_perplexity.py MODEL_DIR TEXT

The text is one document, encoded with the folder's tokenizer.model by SentencePiece, and cut into disjoint windows; each is
fed BOS and its tokens but the last, and every token is scored. Float32, without gradients, several windows at a time: 4,096
tokens together by default. Prints one JSON object; the time is that of the evaluation, without loading and encoding.
"""

import argparse
import json
import pathlib
import resource
import time

import sentencepiece
import torch
import transformers
from transformers import LlamaForCausalLM


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--batch", type=int, help="windows at a time (default: 4,096 tokens)")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def nats(model, inputs, targets):
    """The summed -ln q of targets [B, T]."""
    logits = model(inputs).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.double().sum().item()


@torch.inference_mode()
def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(options.model / "tokenizer.model"))
    ids = torch.tensor(tokenizer.encode(options.text.read_bytes().decode()))
    model = LlamaForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval()
    batch = options.batch or max(1, 4096 // options.window)
    count = len(ids) // options.window
    full = ids[: count * options.window].view(count, options.window)
    rest = ids[count * options.window :].unsqueeze(0)

    def fed(windows):
        beginnings = torch.full((len(windows), 1), tokenizer.bos_id())
        return torch.cat([beginnings, windows[:, :-1]], dim=1)

    batches = list(full.split(batch)) if count else []
    if rest.numel():
        batches.append(rest)
    nats(model, fed(batches[0]), batches[0])
    start = time.perf_counter()
    total = sum(nats(model, fed(windows), windows) for windows in batches)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "threads": options.threads,
                "tokens": len(ids),
                "nats_per_token": total / len(ids),
                "tokens_per_second": len(ids) / seconds,
                "peak_resident_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "torch": torch.__version__,
                "transformers": transformers.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
