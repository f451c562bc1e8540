"""How fast this machine multiplies float32 matrices 2,048 x 2,048 on some threads: the better of PyTorch and NumPy.

Run:  OPENBLAS_NUM_THREADS=2 python matrix_rate.py

PyTorch multiplies with Intel's library, NumPy with the OpenBLAS of its wheel. They are timed in alternation; a rate is that
of the median time. Prints one JSON object.
"""

import argparse
import json
import statistics
import time

import numpy
import torch

SIZE = 2_048


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; of NumPy by OPENBLAS_NUM_THREADS")
    parser.add_argument("--products", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    random = numpy.random.default_rng(1)
    a, b = (random.standard_normal((SIZE, SIZE), dtype=numpy.float32) for _ in range(2))
    out = numpy.empty_like(a)
    tensors = [torch.from_numpy(x) for x in (a, b, numpy.empty_like(a))]
    products = {
        "PyTorch": lambda: torch.mm(tensors[0], tensors[1], out=tensors[2]),
        "NumPy": lambda: numpy.matmul(a, b, out=out),
    }
    seconds = {name: [] for name in products}
    for run in range(options.products + 1):
        for name, product in products.items():
            start = time.perf_counter()
            product()
            if run > 0:
                seconds[name].append(time.perf_counter() - start)
    rates = {name: 2e-9 * SIZE**3 / statistics.median(times) for name, times in seconds.items()}
    fastest = max(rates, key=rates.get)
    print(json.dumps({"threads": options.threads, "rates": rates, "fastest": fastest, "gflop_per_second": rates[fastest]}))


if __name__ == "__main__":
    main()
