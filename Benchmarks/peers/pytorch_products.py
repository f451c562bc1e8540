"""What a step would take if it were nothing but the products of its linear maps and heads, by PyTorch.

Run:  python pytorch_products.py --shape small --dtype bfloat16

Each product of a different size is timed by itself, on factors that are already in its precision, and counted as often as
the step has it: once for a model that is only read; for one that is trained once forward, once for the gradient of what came
in, and once for that of the weight. Objective `distillation` trains the student and reads the teacher, `language-model`
trains the teacher, `perplexity` reads it. Attention, everything that is no product, and memory for anything else are left
out, so that no step on these libraries (oneDNN for bfloat16) can take less. Prints one JSON object.
"""

import argparse
import collections
import json
import statistics
import time

import torch

from shapes import SHAPES

OBJECTIVES = ("distillation", "language-model", "perplexity")
FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = "forward", "input gradient", "weight gradient"


def maps(sizes, vocabulary):
    """Inputs and outputs of each linear map of a model and of its head."""
    layer = 4 * [(sizes.hidden, sizes.hidden)] + 2 * [(sizes.hidden, sizes.intermediate)]
    layer.append((sizes.intermediate, sizes.hidden))
    return sizes.layers * layer + [(sizes.hidden, vocabulary)]


def products(shape, objective):
    """How many there are of each kind and size."""
    read, trained = {
        "distillation": ([shape.teacher], [shape.student]),
        "language-model": ([], [shape.teacher]),
        "perplexity": ([shape.teacher], []),
    }[objective]
    counts = collections.Counter()
    for model in read:
        counts.update((FORWARD, *sizes) for sizes in maps(model, shape.vocabulary))
    for model in trained:
        for kind in (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT):
            counts.update((kind, *sizes) for sizes in maps(model, shape.vocabulary))
    return counts


def product(kind, tokens, inputs, outputs, dtype):
    x, weight, gradient = (
        torch.randn(size, dtype=dtype) for size in ((tokens, inputs), (outputs, inputs), (tokens, outputs))
    )
    return {
        FORWARD: lambda: torch.nn.functional.linear(x, weight),
        INPUT_GRADIENT: lambda: torch.mm(gradient, weight),
        WEIGHT_GRADIENT: lambda: torch.mm(gradient.t(), x),
    }[kind]


def seconds(run, repetitions):
    times = []
    for _ in range(repetitions + 2):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--objective", choices=OBJECTIVES, default="distillation")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    shape, dtype = SHAPES[options.shape], getattr(torch, options.dtype)
    with torch.inference_mode():
        total = sum(
            count * seconds(product(kind, shape.tokens(), inputs, outputs, dtype), options.repetitions)
            for (kind, inputs, outputs), count in products(shape, options.objective).items()
        )
    result = {name: getattr(options, name) for name in ("shape", "objective", "dtype", "threads")}
    print(json.dumps(result | {"seconds": total, "tokens_per_second": shape.tokens() / total}))


if __name__ == "__main__":
    main()
