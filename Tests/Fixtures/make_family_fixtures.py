"""Makes Tests/Fixtures/families: a tiny Hugging Face folder of each family of models, with all that is the family's own
turned on, and the logits, gradients and AdamW losses that it must give. Names after the script make those alone.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 safetensors numpy
      venv/bin/python Tests/Fixtures/make_family_fixtures.py

README.md beside this script says what each file holds. Everything is computed in float64 on one thread by transformers'
own classes. Sizes differ from each other, so that a mix-up shows: heads are not as large as C / H, windows are shorter
than the sequences, and the vocabulary has rows that no id uses.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import reference
import remote_code  # noqa: F401, which lets transformers make what it has no classes for
from make_llama_fixtures import finish, write_trained

LARGEST_FOLDER = 150_000


@dataclass
class Family:
    """A tiny model, and a batch of `batch` sequences of `length` ids below `tokens`."""

    # the class of transformers that computes it
    model_type: str
    # of weights and batch; one whose AdamW losses rounding does not move (`reference.requires_steady_losses`)
    seed: int
    # what the class's configuration is made of
    config: dict
    batch: int = 3
    length: int = 23
    tokens: int = 61
    # what config.json and the tensors become where the folder is not what the class saves, as in `reference.save_model`
    rewrite: Callable | None = None
    saving: dict = field(default_factory=dict)


def sizes(hidden, heads, groups, head_size, layers, feed_forward=28, vocabulary=67, **others):
    return {
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": feed_forward,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "head_dim": head_size,
        **others,
    }


def rope(theta, kind="default", **others):
    return {"rope_type": kind, "rope_theta": theta, **others}


def without(*keys, **others):
    """A rewriting of config.json: some keys less, some more."""

    def rewrite(config, tensors):
        return {key: value for key, value in config.items() if key not in keys} | others, tensors

    return rewrite


LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 40}

SHORT, LONG = [1.0, 1.1, 1.25, 1.5, 2.0], [1.5, 2.0, 3.0, 5.0, 9.0]
INTERNLM2_SCALING = {"type": "linear", "factor": 3.0}
MINICPM_SCALING = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.2, 1.7, 2.5],
    "long_factor": [2.0, 3.0, 4.0, 5.0],
    "original_max_position_embeddings": 128,
}

FAMILIES = {
    # wavelengths of 6 to 2,900 tokens in an original context of 40: kept, mixed and divided
    "llama": Family(
        "llama",
        seed=1,
        config=sizes(20, heads=5, groups=1, head_size=6, layers=3, attention_bias=True, mlp_bias=True)
        | {"rope_parameters": rope(500000.0, "llama3", **LLAMA3), "tie_word_embeddings": False},
    ),
    "mistral": Family(
        "mistral",
        seed=1,
        config=sizes(20, heads=6, groups=2, head_size=4, layers=3, sliding_window=5)
        | {"rope_parameters": rope(1000000.0), "tie_word_embeddings": False},
    ),
    # the keys of transformers 4, in which the last two layers have the window
    "qwen2": Family(
        "qwen2",
        seed=1,
        config=sizes(24, heads=3, groups=1, head_size=8, layers=3, use_sliding_window=True)
        | {"sliding_window": 7, "max_window_layers": 1, "tie_word_embeddings": True},
        rewrite=without("layer_types", "head_dim", "rope_parameters", rope_theta=10000.0),
    ),
    "qwen3": Family(
        "qwen3",
        seed=1,
        config=sizes(20, heads=4, groups=2, head_size=10, layers=3, feed_forward=24, attention_bias=True)
        | {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}
        | {"use_sliding_window": True, "sliding_window": 6}
        | {"rope_parameters": rope(1000000.0), "tie_word_embeddings": False},
    ),
    # every other layer does not rotate, and these have the window; without rotation a bias of keys moves all scores
    # alike, so that its gradient is nothing but rounding: attention has none
    "smollm3": Family(
        "smollm3",
        seed=1,
        config=sizes(20, heads=4, groups=1, head_size=6, layers=5, feed_forward=18, mlp_bias=True)
        | {"no_rope_layer_interval": 2, "use_sliding_window": True, "sliding_window": 5}
        | {"bos_token_id": 1, "eos_token_id": [2, 5], "pad_token_id": 0},
    ),
    "gemma": Family(
        "gemma",
        seed=1,
        config=sizes(20, heads=3, groups=1, head_size=10, layers=3, attention_bias=True, hidden_act="gelu"),
        rewrite=without(hidden_act="gelu"),
    ),
    "gemma2": Family(
        "gemma2",
        seed=1,
        config=sizes(20, heads=4, groups=2, head_size=8, layers=3, attention_bias=True, sliding_window=5)
        | {"query_pre_attn_scalar": 7, "attn_logit_softcapping": 1.5, "final_logit_softcapping": 4.0}
        | {"tie_word_embeddings": False},
    ),
    # two windows, one layer that sees everything, with linear scaling, and another window
    "gemma3_text": Family(
        "gemma3_text",
        seed=1,
        config=sizes(21, heads=3, groups=1, head_size=8, layers=4, feed_forward=24, sliding_window=4)
        | {"sliding_window_pattern": 3, "query_pre_attn_scalar": 14, "final_logit_softcapping": 5.0}
        | {"attention_bias": True}
        | {
            "rope_parameters": {
                "sliding_attention": rope(100.0),
                "full_attention": rope(10000.0, "linear", factor=4.0),
            }
        },
    ),
    # sequences beyond the original context, so that the long factors hold; a part of each head turns
    "phi3": Family(
        "phi3",
        seed=3,
        config=sizes(24, heads=3, groups=1, head_size=8, layers=3, sliding_window=5)
        | {"original_max_position_embeddings": 16, "partial_rotary_factor": 0.75, "tie_word_embeddings": False}
        | {"rope_parameters": rope(100.0, "longrope", short_factor=[1.0, 1.5, 2.0], long_factor=[1.2, 2.5, 6.0])}
        | {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
        rewrite=without("head_dim"),
    ),
    # the keys of transformers 4, and sequences within the original context
    "phi3_short": Family(
        "phi3",
        seed=3,
        config=sizes(20, heads=2, groups=2, head_size=10, layers=1)
        | {"original_max_position_embeddings": 64, "tie_word_embeddings": True}
        | {"rope_parameters": rope(10000.0, "longrope", short_factor=SHORT, long_factor=LONG)}
        | {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
        rewrite=without(
            "head_dim", "rope_parameters", rope_theta=10000.0,
            rope_scaling={"type": "su", "short_factor": SHORT, "long_factor": LONG},
        ),
    ),
    # wqkv in two groups of three queries, a key and a value
    "internlm2": Family(
        "internlm2",
        seed=1,
        config=sizes(24, heads=6, groups=2, head_size=4, layers=3, bias=True, rope_theta=1000.0)
        | {"rope_scaling": dict(INTERNLM2_SCALING), "tie_word_embeddings": False},
        rewrite=without("head_dim", "rope_parameters", rope_theta=1000.0, rope_scaling=INTERNLM2_SCALING),
    ),
    "internlm3": Family(
        "internlm3",
        seed=1,
        config=sizes(20, heads=5, groups=1, head_size=6, layers=3, qkv_bias=True, bias=True)
        | {"rope_parameters": rope(50000.0, "dynamic", factor=6.0), "tie_word_embeddings": False},
        rewrite=without("attention_bias", "mlp_bias", qkv_bias=True, bias=True),
    ),
    # without model_type, as its makers' first folders are
    "minicpm": Family(
        "minicpm",
        seed=1,
        config=sizes(24, heads=3, groups=1, head_size=8, layers=3, attention_bias=True, rope_theta=10000.0)
        | {"scale_emb": 3, "scale_depth": 1.4, "dim_model_base": 10, "tie_word_embeddings": True}
        | {"rope_scaling": dict(MINICPM_SCALING)},
        rewrite=without(
            "head_dim", "model_type", "rope_parameters", rope_scaling=MINICPM_SCALING,
            auto_map={"AutoConfig": "configuration_minicpm.MiniCPMConfig"},
        ),
    ),
    "granite": Family(
        "granite",
        seed=1,
        config=sizes(20, heads=5, groups=1, head_size=6, layers=3, attention_bias=True, mlp_bias=True)
        | {"embedding_multiplier": 3.0, "residual_multiplier": 0.7, "attention_multiplier": 0.3, "logits_scaling": 0.6}
        | {"rope_parameters": rope(10000.0, "llama3", **LLAMA3), "tie_word_embeddings": False},
    ),
    "ernie4_5": Family(
        "ernie4_5",
        seed=1,
        config=sizes(20, heads=3, groups=1, head_size=10, layers=3, use_bias=True)
        | {"rope_parameters": rope(500000.0, "linear", factor=2.0)},
    ),
    "helium": Family(
        "helium",
        seed=1,
        config=sizes(24, heads=4, groups=2, head_size=6, layers=3, feed_forward=26, attention_bias=True, mlp_bias=True)
        | {"rms_norm_eps": 1e-8, "tie_word_embeddings": False, "rope_parameters": rope(100000.0)}
        # the default, 3, is an id of the batch, and PyTorch would not train its embedding
        | {"pad_token_id": 0},
    ),
}


if __name__ == "__main__":
    for name in sys.argv[1:] or FAMILIES:
        family = FAMILIES[name]
        model = reference.make_model(family.seed, family=family.model_type, **family.config)
        ids, labels = reference.make_batch(family.seed + 100, family.batch, family.length, family.tokens)
        folder = write_trained(f"families/{name}", model, ids, labels, rewrite=family.rewrite, **family.saving)
        finish(name, folder, LARGEST_FOLDER)
