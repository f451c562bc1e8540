"""Models of every family in one size, random: what differs between their speeds is the families' own arithmetic.

Run:  python families.py FAMILY DIR     writes a folder with a tokenizer, to generate from
"""

import argparse
import pathlib

import random_models
import torch
import transformers
from family_configurations import FAMILIES
from shapes import LENGTH, SHAPES

def model(family, vocabulary, sizes, seed, attention="sdpa", context=LENGTH, tied=True):
    """A model of the family with `sizes`, as its class initialises it."""
    name, own = FAMILIES[family]
    torch.manual_seed(seed)
    config = getattr(transformers, name)(
        vocab_size=vocabulary,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.intermediate,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.heads,
        head_dim=sizes.hidden // sizes.heads,
        max_position_embeddings=context,
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
        # PyTorch's own attention has no soft cap
        attn_implementation="eager" if family == "gemma2" else attention,
        use_cache=False,
        bos_token_id=random_models.BOS,
        eos_token_id=random_models.EOS,
        pad_token_id=None,
        **own,
    )
    return transformers.AutoModelForCausalLM.from_config(config)


def write(family, folder):
    """A model of the small shape's teacher, whose texts do not end: its head's rows of BOS and EOS are 0."""
    shape = SHAPES["small"]
    made = model(family, shape.vocabulary, shape.teacher, seed=1, context=random_models.CONTEXT, tied=False)
    with torch.no_grad():
        made.get_output_embeddings().weight[[random_models.BOS, random_models.EOS]] = 0
    made.save_pretrained(folder)
    (folder / "tokenizer.model").write_bytes(random_models.tokenizer(shape.vocabulary))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args()
    write(options.family, options.folder)


if __name__ == "__main__":
    main()
