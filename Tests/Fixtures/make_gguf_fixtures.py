"""Makes Tests/Fixtures/gguf: a tiny model of each family as a GGUF file, as llama.cpp's converter makes it, with the
config.json and the logits that it must give; and `types`, a file with weights of every type, and the digests of their
float32 values. Names after the script make those alone.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors numpy gguf==0.19.0
      venv/bin/python Tests/Fixtures/make_gguf_fixtures.py

The models are those of make_family_fixtures.py without what a GGUF file of the family cannot say. Tensor names are
gguf-py's own table; keys, the order of rows and the ones added to Gemma's norms are those of llama.cpp's converter
(conversion/*.py, 2026). `check_gguf.py` has llama.cpp and transformers compute the files.
"""

import hashlib
import json
import math
import pathlib
import re
import sys

import gguf
import numpy as np
import torch

import reference
from make_family_fixtures import FAMILIES, rope, sizes

HERE = pathlib.Path(__file__).resolve().parent / "gguf"
ARCHITECTURES = {"mistral": "llama", "internlm3": "llama", "gemma3_text": "gemma3"}
# whose converters reorder queries and keys (`LlamaModel.permute`); ERNIE's are in that order from the beginning
PERMUTED = {"llama", "mistral", "internlm3", "smollm3", "internlm2", "minicpm", "granite"}

MINICPM_SCALING = FAMILIES["minicpm"].config["rope_scaling"] | {"original_max_position_embeddings": 256}

# what is turned off or set otherwise, for the family's file cannot say it, or llama.cpp does not read it
CHANGES = {
    "llama": {},
    "mistral": {"sliding_window": None},
    "qwen2": {"use_sliding_window": False, "layer_types": None},
    "qwen3": {"use_sliding_window": False, "layer_types": None, "attention_bias": False},
    "smollm3": {"use_sliding_window": False, "no_rope_layer_interval": 4, "mlp_bias": False},
    "gemma": {"attention_bias": False},
    "gemma2": {"attention_bias": False, "query_pre_attn_scalar": 8, "tie_word_embeddings": True},
    "gemma3_text": {"attention_bias": False, "query_pre_attn_scalar": 8, "sliding_window_pattern": 6,
                    "num_hidden_layers": 7},
    "phi3": {"sliding_window": None},
    "internlm2": {"bias": False},
    "internlm3": {"rope_parameters": rope(50000.0)},
    # llama.cpp takes the long factors in contexts of more than the original one, and has none below 256
    "minicpm": {"attention_bias": False, "max_position_embeddings": 256, "rope_scaling": MINICPM_SCALING},
    # its converter ignores head_dim
    "granite": {"head_dim": 4},
    "ernie4_5": {"use_bias": False},
}


def converted(name, config, state):
    """Tensors by their names in the file, as float32 arrays."""
    architecture = ARCHITECTURES.get(name, name)
    number = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    heads, groups = config.num_attention_heads, config.num_key_value_heads
    tensors = {}
    for key, tensor in state.items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        tensor = tensor.float().numpy()
        if name.startswith("gemma") and key.endswith("norm.weight"):
            tensor = tensor + 1
        for projection, count in (("q_proj", heads), ("k_proj", groups)):
            if name in PERMUTED and f".{projection}." in key:
                tensor = permuted(tensor, count)
        if key.endswith("attention.wqkv.weight"):
            size = config.hidden_size // heads
            grouped = tensor.reshape(groups, heads // groups + 2, size, -1)
            parts = {"q": grouped[:, :-2], "k": grouped[:, -2], "v": grouped[:, -1]}
            for letter, part in parts.items():
                part = part.reshape(-1, part.shape[-1])
                if letter != "v":
                    part = permuted(part, heads if letter == "q" else groups)
                tensors[f"blk.{re.search(r'[0-9]+', key)[0]}.attn_{letter}.weight"] = part
            continue
        tensors[names.get_name(key, try_suffixes=(".weight", ".bias"))] = tensor
    return tensors | rotary_factors(config)


def permuted(rows, heads):
    """Channel i and i + D/2 of each head next to each other."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def rotary_factors(config):
    scaling = config.rope_parameters
    kind = scaling.get("rope_type")
    if kind == "longrope":
        return {
            f"rope_factors_{key}.weight": np.array(scaling[f"{key}_factor"], dtype=np.float32)
            for key in ("long", "short")
        }
    if kind != "llama3":
        return {}
    size = head_size(config)
    frequencies = 1.0 / (scaling["rope_theta"] ** (torch.arange(0, size, 2, dtype=torch.float32) / size))
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    context, factor = scaling["original_max_position_embeddings"], scaling["factor"]
    factors = []
    for wavelength in (2 * math.pi / frequencies).tolist():
        share = (context / wavelength - low) / (high - low)
        factors.append(
            1 if wavelength < context / high
            else factor if wavelength > context / low
            else 1 / ((1 - share) / factor + share)
        )
    return {"rope_freqs.weight": np.array(factors, dtype=np.float32)}


def head_size(config):
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def write_metadata(writer, name, config):
    """The keys that llama.cpp's converter writes for the family."""
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    rotary = config.rope_parameters
    rotary = rotary.get("full_attention", rotary)
    if not name.startswith("gemma") or name == "gemma3_text":
        writer.add_rope_freq_base(rotary["rope_theta"])
    if rotary["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rotary["factor"])
    if rotary["rope_type"] == "longrope" and name != "phi3":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
    if name not in ("granite", "phi3") and getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if name in ("llama", "mistral", "internlm3", "smollm3", "granite"):
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(head_size(config))
    if name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
        writer.add_sliding_window(config.sliding_window)
    if name == "gemma3_text":
        writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"]["rope_theta"])
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
        writer.add_sliding_window(config.sliding_window)
    if name == "minicpm":
        writer.add_embedding_scale(float(config.scale_emb))
        writer.add_residual_scale(config.scale_depth / config.num_hidden_layers**0.5)
        writer.add_logit_scale(config.hidden_size / config.dim_model_base)
    if name == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if name == "phi3":
        original = rotary["original_max_position_embeddings"]
        scale = config.max_position_embeddings / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_dimension_count(int(rotary["partial_rotary_factor"] * config.hidden_size) // config.num_attention_heads)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        writer.add_sliding_window(config.sliding_window or 0)


def write_tokenizer(writer, size, config):
    """A tiny SentencePiece vocabulary: the letters, and a few merges of them."""
    merges = ["he", "in", "th", "er", "an", "on", "the", "ing", "▁the", "▁a", "▁th", "▁t"]
    pieces = ["<unk>", "<s>", "</s>", "▁", *"etaoinshrdlucmfwypvbgkqjxz", *merges]
    kinds = [gguf.TokenType.UNKNOWN] + [gguf.TokenType.CONTROL] * 2
    kinds += [gguf.TokenType.NORMAL] * (len(pieces) - len(kinds))
    padding = size - len(pieces)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(pieces + [f"[PAD{len(pieces) + index}]" for index in range(padding)])
    writer.add_token_scores([0.0 if index < 3 else 3.0 - index for index in range(len(pieces))] + [-10000.0] * padding)
    writer.add_token_types([int(kind) for kind in kinds] + [int(gguf.TokenType.UNUSED)] * padding)
    # the defaults of InternLM2 and MiniCPM, whose classes here have none
    ids = {"bos_token_id": 1, "eos_token_id": 2} | ({"pad_token_id": 0} if config.model_type == "internlm2" else {})
    ids |= {key: value for key in (*ids, "pad_token_id") if (value := getattr(config, key, None)) is not None}
    ends = ids["eos_token_id"] if isinstance(ids["eos_token_id"], list) else [ids["eos_token_id"]]
    if config.model_type not in ("qwen2", "qwen3"):
        writer.add_bos_token_id(ids["bos_token_id"])
        writer.add_eos_token_id(ends[0])
    if "pad_token_id" in ids:
        writer.add_pad_token_id(ids["pad_token_id"])
    if len(ends) > 1:
        writer.add_eot_token_id(ends[1])
    writer.add_add_space_prefix(True)


def write_file(path, name, config, tensors, encode=lambda name, tensor: (tensor, None)):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, ARCHITECTURES.get(name, name))
    writer.add_type(gguf.GGUFType.MODEL)
    # llama.cpp asks more of a vocabulary where the name has a family in it
    writer.add_name("tiny")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    write_metadata(writer, name, config)
    write_tokenizer(writer, config.vocab_size, config)
    for key, tensor in tensors.items():
        data, kind = encode(key, tensor)
        writer.add_tensor(key, np.ascontiguousarray(data), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.chmod(0o644)


def write_family(name):
    """`model.gguf`, the config.json that says the same, and logits."""
    family = FAMILIES[name]
    config = {key: value for key, value in (family.config | CHANGES[name]).items() if value is not None}
    model = reference.make_model(family.seed, family=family.model_type, **config)
    ids, labels = reference.make_batch(family.seed + 100, 2, family.length, family.tokens)
    with torch.no_grad():
        logits = model.eval()(ids).logits
    reference.requires_agreement_with_hugging_face(model, ids, logits)
    folder = HERE / name

    def rewrite(config, tensors):
        if family.rewrite:
            config, tensors = family.rewrite(config, tensors)
        return config | ({"rope_scaling": MINICPM_SCALING} if name == "minicpm" else {}), tensors

    write_expected(folder, model, ids, labels, logits, rewrite)
    write_file(folder / "model.gguf", name, model.config, converted(name, model.config, model.state_dict()))


def write_expected(folder, model, ids, labels, logits, rewrite=None):
    """config.json without weights, ids and logits."""
    folder.mkdir(parents=True, exist_ok=True)
    reference.save_model(model, folder, rewrite=rewrite)
    for file in folder.iterdir():
        if file.name not in ("config.json", "model.gguf"):
            file.unlink()
    counted = int((labels[:, 1:] != reference.IGNORED).sum())
    expected = {"ids": ids.tolist(), "labels": labels.tolist(), "counted_tokens": counted}
    reference.write_json(folder / "expected.json", expected)
    reference.write_tensors(folder / "expected.safetensors", {"logits": logits})


# a type of each kind; blocks of 256 need rows of as many weights
TYPES = {
    "token_embd.weight": "Q8_0", "output.weight": "Q6_K",
    "blk.0.attn_q.weight": "Q4_K", "blk.0.attn_k.weight": "Q2_K", "blk.0.attn_v.weight": "Q3_K",
    "blk.0.attn_output.weight": "Q4_0", "blk.0.ffn_gate.weight": "Q5_K", "blk.0.ffn_up.weight": "Q6_K",
    "blk.0.ffn_down.weight": "Q4_1",
    "blk.1.attn_q.weight": "Q8_0", "blk.1.attn_k.weight": "BF16", "blk.1.attn_v.weight": "F16",
    "blk.1.attn_output.weight": "Q5_0", "blk.1.ffn_gate.weight": "IQ4_NL", "blk.1.ffn_up.weight": "F32",
    "blk.1.ffn_down.weight": "Q5_1",
}
# where in a block its scales lie, as halves
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "IQ4_NL": [0], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def write_types():
    """Random blocks, whose weights are what gguf-py makes of them."""
    generator = np.random.default_rng(5)
    config = sizes(256, heads=4, groups=2, head_size=8, layers=2, feed_forward=32, vocabulary=44)
    model = reference.make_model(5, family="llama", **config, tie_word_embeddings=False)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    encoded, folder = {}, HERE / "types"

    def encode(name, tensor):
        kind = TYPES.get(name, "F32")
        if kind == "F32":
            return tensor, None
        number = gguf.GGMLQuantizationType[kind]
        if kind in HALVES:
            length, size = gguf.GGML_QUANT_SIZES[number]
            blocks = generator.integers(0, 256, (tensor.shape[0], tensor.shape[1] // length, size), dtype=np.uint8)
            for place in HALVES[kind]:
                scales = generator.uniform(-0.004, 0.004, blocks.shape[:2]).astype(np.float16)
                blocks[..., place : place + 2] = scales[..., None].view(np.uint8)
            data = blocks.reshape(tensor.shape[0], -1)
        else:
            data = gguf.quants.quantize(tensor, number)
        encoded[name] = gguf.quants.dequantize(data, number)
        return data, number

    tensors = converted("llama", model.config, model.state_dict())
    write_file(folder / "model.gguf", "llama", model.config, tensors, encode)
    state = {}
    for key, tensor in model.state_dict().items():
        name = names.get_name(key, try_suffixes=(".weight", ".bias"))
        rows = encoded.get(name, tensor.float().numpy())
        for projection, count in (("q_proj", 4), ("k_proj", 2)):
            if f".{projection}." in key:
                rows = rows if name in encoded else permuted(rows, count)
                rows = rows.reshape(count, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)
        state[key] = torch.tensor(rows.copy())
    model.load_state_dict(state)
    ids, labels = reference.make_batch(6, 2, 17, 44)
    with torch.no_grad():
        logits = model.eval()(ids).logits
    reference.requires_agreement_with_hugging_face(model, ids, logits)
    write_expected(folder, model, ids, labels, logits)
    expected = json.loads((folder / "expected.json").read_text())
    expected["digests"] = {
        key: hashlib.sha256(tensor.float().numpy().tobytes()).hexdigest() for key, tensor in state.items()
    }
    reference.write_json(folder / "expected.json", expected)


if __name__ == "__main__":
    for name in sys.argv[1:] or [*CHANGES, "types"]:
        write_types() if name == "types" else write_family(name)
        print(f"{name}: {reference.folder_size(HERE / name)} bytes")
