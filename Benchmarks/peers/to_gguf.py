"""A Hugging Face folder of a Llama model as a GGUF file in float32, without a tokenizer, for llama.cpp.

Run:  python to_gguf.py DIR FILE

llama.cpp turns neighbouring pairs of a head's channels, Hugging Face the halves of a head, so the rows of the query and key
projections change places.
"""

import argparse
import json
import pathlib

import gguf
import numpy
from safetensors.numpy import load_file

TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def neighbouring_pairs(rows, heads):
    """Rows [H * 2 * (D / 2), C] by halves of a head, put in the order of pairs."""
    outputs, inputs = rows.shape
    halves = rows.reshape(heads, 2, outputs // heads // 2, inputs)
    return numpy.ascontiguousarray(halves.swapaxes(1, 2).reshape(outputs, inputs))


def convert(folder, file):
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    # without an output matrix llama.cpp takes the embedding
    writer.add_tensor("token_embd.weight", weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["model.norm.weight"])
    if "lm_head.weight" in weights:
        writer.add_tensor("output.weight", weights["lm_head.weight"])
    for layer in range(config["num_hidden_layers"]):
        for theirs, name in TENSORS.items():
            tensor = weights[f"model.layers.{layer}.{theirs}.weight"]
            if name == "attn_q":
                tensor = neighbouring_pairs(tensor, heads)
            elif name == "attn_k":
                tensor = neighbouring_pairs(tensor, key_heads)
            writer.add_tensor(f"blk.{layer}.{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    options = parser.parse_args()
    convert(options.folder, options.file)


if __name__ == "__main__":
    main()
