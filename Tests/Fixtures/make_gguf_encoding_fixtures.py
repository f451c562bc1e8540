"""Makes Tests/Fixtures/gguf_encodings.json: weights, and the blocks that ggml's own quantiser makes of them.

Run:  venv/bin/pip install llama-cpp-python numpy && venv/bin/python Tests/Fixtures/make_gguf_encoding_fixtures.py

By type: `weights`, little-endian float32, and `blocks`, the bytes of `ggml_quantize_chunk`, both in base64. Weights are
normal, normal with a few large ones, all of one sign, small integers (many ties), and, in blocks of their own, zeros.
"""

import base64
import ctypes
import json
import pathlib

import llama_cpp
import numpy as np

OUTPUT = pathlib.Path(__file__).resolve().parent / "gguf_encodings.json"
# `enum ggml_type`, and the weights and bytes of a block
TYPES = {"Q4_0": (2, 32, 18), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210)}


def quantiser():
    folder = pathlib.Path(llama_cpp.__file__).parent
    for name in ("libggml-base.so", "libggml.so"):
        for file in sorted(folder.rglob(name + "*")):
            library = ctypes.CDLL(str(file))
            if hasattr(library, "ggml_quantize_chunk"):
                function = library.ggml_quantize_chunk
                function.restype = ctypes.c_size_t
                pointer = ctypes.c_void_p
                function.argtypes = [ctypes.c_int, pointer, pointer] + [ctypes.c_int64] * 3 + [pointer]
                return function
    raise SystemExit("llama-cpp-python has no ggml_quantize_chunk")


def weights(random, rows, length):
    kinds = [
        random.normal(0, 0.05, (rows, length)),
        random.normal(0, 0.05, (rows, length)) * np.where(random.random((rows, length)) < 0.02, 8, 1),
        np.abs(random.normal(0, 1, (rows, length))) * random.choice([-1, 1], (rows, 1)),
        random.integers(-20, 21, (rows, length)),
        np.zeros((1, length)),
    ]
    return np.concatenate(kinds).astype("<f4")


def main():
    quantise = quantiser()
    random = np.random.default_rng(22)
    result = {}
    for name, (number, length, size) in TYPES.items():
        rows = weights(random, 24 if length == 32 else 6, length)
        blocks = np.zeros((len(rows), size), np.uint8)
        written = quantise(number, rows.ctypes.data, blocks.ctypes.data, 0, len(rows), length, None)
        assert written == blocks.size, (name, written)
        result[name] = {
            "weights": base64.b64encode(rows.tobytes()).decode(),
            "blocks": base64.b64encode(blocks.tobytes()).decode(),
        }
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")


main()
