"""Makes Tests/Fixtures/gguf_blocks.json: quantised blocks, and their weights as gguf-py dequantises them.

Run:  venv/bin/pip install gguf==0.19.0 && venv/bin/python Tests/Fixtures/make_gguf_block_fixtures.py

Every byte of a block is random but those of its scales, which go through a list of edges: zeros, subnormal and largest
halves of both signs. By type: `blocks`, the bytes, and `weights`, little-endian float32, both in base64.
"""

import base64
import json
import pathlib

import numpy as np
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

OUTPUT = pathlib.Path(__file__).resolve().parent / "gguf_blocks.json"
# where each type has its halves
SCALES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "IQ4_NL": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
EDGES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x7BFF, 0xFBFF]


def blocks_of(name, random):
    length, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    halves = EDGES + [int(x) for x in random.normal(0, 0.1, 4).astype(np.float16).view(np.uint16)]
    if length == 256:
        # fewer of the long ones
        halves = halves[1::2]
    blocks = random.integers(0, 256, (len(halves), size), np.uint8)
    for index, offset in enumerate(SCALES[name]):
        order = random.permutation(halves) if index else halves
        blocks[:, offset : offset + 2] = np.array(order, "<u2").view(np.uint8).reshape(-1, 2)
    return blocks


def main():
    random = np.random.default_rng(21)
    result = {}
    for name in SCALES:
        blocks = blocks_of(name, random)
        weights = quants.dequantize(blocks, GGMLQuantizationType[name]).astype("<f4")
        assert np.isfinite(weights).all(), name
        result[name] = {
            "blocks": base64.b64encode(blocks.tobytes()).decode(),
            "weights": base64.b64encode(weights.tobytes()).decode(),
        }
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")


main()
