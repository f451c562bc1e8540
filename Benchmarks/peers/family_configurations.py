"""The families that are timed, and what is said of them beside their sizes."""

from shapes import LENGTH

# Half of a sequence, that windows cut something off.
WINDOW = LENGTH // 2

# The configuration's class and what it is given beside the sizes. Families that compute what others do are not
# here: InternLM2 and 3 and MiniCPM compute what Llama and Granite do.
FAMILIES = {
    "llama": ("LlamaConfig", {}),
    "mistral": ("MistralConfig", {"sliding_window": WINDOW}),
    "smollm3": ("SmolLM3Config", {"no_rope_layer_interval": 4}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {}),
    "gemma": ("GemmaConfig", {}),
    "gemma2": ("Gemma2Config", {"sliding_window": WINDOW, "query_pre_attn_scalar": 32}),
    "gemma3": ("Gemma3TextConfig", {"sliding_window": WINDOW, "query_pre_attn_scalar": 32}),
    "phi3": ("Phi3Config", {}),
    "granite": (
        "GraniteConfig",
        {"embedding_multiplier": 12.0, "residual_multiplier": 0.22, "attention_multiplier": 0.2, "logits_scaling": 2.0},
    ),
    "ernie4_5": ("Ernie4_5Config", {}),
    "helium": ("HeliumConfig", {}),
}
