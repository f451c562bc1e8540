"""Hugging Face folders of Llama models with random weights, with a tokenizer of as many pieces as the model has outputs.

Run:  python random_models.py SHAPE DIR [--type bfloat16]     (see SHAPES)

The layers' outputs are large beside the embedding, so that a greedy text does not repeat one token. EOS has a zero row in
the tied head: its logit is 0, never the largest, so that every text has the length that was asked for.
"""

import argparse
import itertools
import json
import pathlib
import struct
from typing import NamedTuple

import numpy
from safetensors.numpy import save_file

BOS, EOS = 1, 2
CONTEXT = 512


class Shape(NamedTuple):
    vocabulary: int
    hidden: int
    layers: int
    heads: int
    intermediate: int


SHAPES = {
    "tiny": Shape(512, 64, 2, 2, 128),
    "3M": Shape(4_096, 192, 5, 6, 512),
    "15M": Shape(32_000, 288, 6, 6, 768),
    "110M": Shape(32_000, 768, 12, 12, 2_048),
    "1GiB": Shape(32_000, 1_024, 18, 16, 2_896),
    # 1 GiB in bfloat16
    "540M": Shape(32_000, 1_024, 39, 16, 2_880),
}


def weights(shape, seed=1):
    """Name and float32 array of every tensor."""
    random = numpy.random.default_rng(seed)

    def normal(outputs, inputs, deviation):
        return random.standard_normal((outputs, inputs), dtype=numpy.float32) * numpy.float32(deviation)

    hidden, inner = shape.hidden, shape.intermediate
    embedding = normal(shape.vocabulary, hidden, 0.02)
    embedding[EOS] = 0
    tensors = {"model.embed_tokens.weight": embedding, "model.norm.weight": numpy.ones(hidden, numpy.float32)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{prefix}self_attn.{name}.weight"] = normal(hidden, hidden, hidden**-0.5)
        for name in ("gate_proj", "up_proj"):
            tensors[f"{prefix}mlp.{name}.weight"] = normal(inner, hidden, hidden**-0.5)
        tensors[f"{prefix}mlp.down_proj.weight"] = normal(hidden, inner, inner**-0.5)
        for name in ("input_layernorm", "post_attention_layernorm"):
            gain = 1 + 0.1 * random.standard_normal(hidden, dtype=numpy.float32)
            tensors[f"{prefix}{name}.weight"] = gain.astype(numpy.float32)
    return tensors


def configuration(shape, dtype="float32"):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "torch_dtype": dtype,
    }


def spellings(count):
    """`count` BPE pieces, each of which encodes to itself: first and last letters, pairs of them, pairs of pairs."""
    firsts = [chr(ord("A") + letter) for letter in range(26)] + list("ΑΒΓΔΕΖ")
    lasts = [chr(ord("a") + letter) for letter in range(26)] + list("αβγδεζ")
    pairs = [first + last for first in firsts for last in lasts]
    return list(itertools.islice(itertools.chain(firsts, lasts, pairs, (a + b for a in pairs for b in pairs)), count))


def tokenizer(vocabulary):
    """A serialized SentencePiece model (sentencepiece_model.proto): <unk>, <s>, </s>, the bytes, then BPE pieces."""

    def field(number, content):
        length, size = len(content), b""
        while length >= 128:
            size, length = size + bytes([length % 128 | 128]), length // 128
        return bytes([number << 3 | 2]) + size + bytes([length]) + content

    def piece(text, score, kind):
        return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([0x18, kind]))

    normal, unknown, control, byte = 1, 2, 3, 6
    pieces = [piece("<unk>", 0, unknown), piece("<s>", 0, control), piece("</s>", 0, control)]
    pieces += [piece(f"<0x{value:02X}>", 0, byte) for value in range(256)]
    pieces += [piece(text, -rank, normal) for rank, text in enumerate(spellings(vocabulary - len(pieces)))]
    # normalizer_spec: identity, no dummy prefix, white space kept, a space is U+2581
    normalizer = field(1, b"identity") + bytes([0x18, 0, 0x20, 0, 0x28, 1])
    # trainer_spec: model_type BPE, byte_fallback
    return b"".join(pieces) + field(2, bytes([0x18, 2, 0x98, 0x02, 1])) + field(3, normalizer)


def bfloat16(array):
    """The upper halves of floats, rounded to nearest even."""
    bits = array.view(numpy.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(numpy.uint16)


def save(tensors, path, dtype):
    """A safetensors file; NumPy has no bfloat16, so that the library cannot write it."""
    if dtype == "float32":
        save_file(tensors, path, metadata={"format": "pt"})
        return
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, array in tensors.items():
        end = offset + 2 * array.size
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(bfloat16(array).tobytes())


def write(shape, folder, dtype="float32"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(configuration(shape, dtype), indent=1) + "\n")
    (folder / "tokenizer.model").write_bytes(tokenizer(shape.vocabulary))
    save(weights(shape), folder / "model.safetensors", dtype)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--type", choices=("float32", "bfloat16"), default="float32", help="how weights are kept")
    options = parser.parse_args()
    write(SHAPES[options.shape], options.folder, options.type)


if __name__ == "__main__":
    main()
