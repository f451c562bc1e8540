"""InternLM2 and MiniCPM in plain PyTorch: transformers has no classes for them and runs code from the models' folders.

What they compute, and how their tensors lie, is taken from llama.cpp (conversion/internlm.py and minicpm.py) and from
the configuration files that their makers publish. Importing this module lets transformers make them by their `model_type`.
"""

import math

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput


class Norm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self.epsilon = config.rms_norm_eps

    def forward(self, x):
        return self.weight * x * (x.square().mean(-1, keepdim=True) + self.epsilon).rsqrt()


def frequencies(config, size, dtype):
    """transformers gathers `rope_theta` and `rope_scaling` in `rope_parameters`."""
    scaling = config.rope_parameters
    plain = scaling["rope_theta"] ** -(torch.arange(0, size, 2, dtype=dtype) / size)
    if scaling["rope_type"] == "default":
        return plain
    if scaling["rope_type"] == "linear":
        return plain / scaling["factor"]
    if scaling["rope_type"] == "longrope":
        # the amplitude is 1 where the context is the original one
        assert scaling["original_max_position_embeddings"] == config.max_position_embeddings
        return plain / torch.tensor(scaling["short_factor"], dtype=dtype)
    raise SystemExit(f"unknown scaling {scaling}")


def rotated(x, config):
    """Turns channel i of each head [B, T, heads, D] with channel i + D/2."""
    angles = torch.outer(torch.arange(x.shape[1], dtype=x.dtype), frequencies(config, x.shape[-1], x.dtype))
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def attention(config, query, key, value):
    """Of queries [B, T, H, D] over keys and values [B, T, K, D], of which H / K heads share each; [B, T, H·D]."""
    batch, length, heads, size = query.shape
    query = rotated(query, config).unflatten(2, (key.shape[2], -1))
    scores = torch.einsum("btkgd,bskd->bkgts", query, rotated(key, config)) / math.sqrt(size)
    future = torch.ones(length, length).triu(1).bool()
    weights = scores.masked_fill(future, -math.inf).softmax(-1)
    return torch.einsum("bkgts,bskd->btkgd", weights, value).reshape(batch, length, heads * size)


class Layer(nn.Module):
    """attention, then a gated network, each of the norm's output and added to what came in."""

    def forward(self, x, config, scale=1.0):
        x = x + scale * self.attend(self.norms()[0](x), config)
        return x + scale * self.feed(self.norms()[1](x))


class InternLM2Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        size, groups = config.hidden_size // config.num_attention_heads, config.num_key_value_heads
        self.wqkv = nn.Linear(
            config.hidden_size, (config.num_attention_heads + 2 * groups) * size, bias=config.bias
        )
        self.wo = nn.Linear(config.num_attention_heads * size, config.hidden_size, bias=config.bias)


class InternLM2FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.w1 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.w2 = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.w3 = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)


class InternLM2Layer(Layer):
    def __init__(self, config):
        super().__init__()
        self.attention = InternLM2Attention(config)
        self.feed_forward = InternLM2FeedForward(config)
        self.attention_norm, self.ffn_norm = Norm(config), Norm(config)

    def norms(self):
        return self.attention_norm, self.ffn_norm

    def attend(self, x, config):
        # each key-value head has its queries, its key and its value together
        groups, heads = config.num_key_value_heads, config.num_attention_heads
        mixed = self.attention.wqkv(x).unflatten(-1, (groups, heads // groups + 2, -1))
        query, key, value = mixed[..., :-2, :].flatten(2, 3), mixed[..., -2, :], mixed[..., -1, :]
        return self.attention.wo(attention(config, query, key, value))

    def feed(self, x):
        return self.feed_forward.w2(nn.functional.silu(self.feed_forward.w1(x)) * self.feed_forward.w3(x))


class MiniCPMAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        size = config.hidden_size // config.num_attention_heads
        for name, heads in [("q", config.num_attention_heads)] + [(n, config.num_key_value_heads) for n in "kv"]:
            setattr(self, f"{name}_proj", nn.Linear(config.hidden_size, heads * size, bias=config.attention_bias))
        self.o_proj = nn.Linear(config.num_attention_heads * size, config.hidden_size, bias=config.attention_bias)


class MiniCPMFeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)


class MiniCPMLayer(Layer):
    def __init__(self, config):
        super().__init__()
        self.self_attn = MiniCPMAttention(config)
        self.mlp = MiniCPMFeedForward(config)
        self.input_layernorm, self.post_attention_layernorm = Norm(config), Norm(config)

    def norms(self):
        return self.input_layernorm, self.post_attention_layernorm

    def attend(self, x, config):
        maps, size = self.self_attn, config.hidden_size // config.num_attention_heads
        query, key, value = (f(x).unflatten(-1, (-1, size)) for f in (maps.q_proj, maps.k_proj, maps.v_proj))
        return maps.o_proj(attention(config, query, key, value))

    def feed(self, x):
        return self.mlp.down_proj(nn.functional.silu(self.mlp.gate_proj(x)) * self.mlp.up_proj(x))


class Decoder(nn.Module):
    def __init__(self, config, layer, embedding):
        super().__init__()
        self.add_module(embedding, nn.Embedding(config.vocab_size, config.hidden_size))
        self.layers = nn.ModuleList(layer(config) for _ in range(config.num_hidden_layers))
        self.norm = Norm(config)


class RemoteModel(PreTrainedModel):
    """A decoder with a head. The names of the embedding and of the head differ between families."""

    base_model_prefix = "model"
    embedding = "embed_tokens"
    head = "lm_head"

    def __init__(self, config):
        super().__init__(config)
        self.model = Decoder(config, self.layer, self.embedding)
        self.add_module(self.head, nn.Linear(config.hidden_size, config.vocab_size, bias=False))
        self.post_init()

    def get_input_embeddings(self):
        return getattr(self.model, self.embedding)

    def get_output_embeddings(self):
        return getattr(self, self.head)

    def multipliers(self):
        """Of embeddings, residuals and logits."""
        return 1.0, 1.0, 1.0

    def forward(self, ids):
        embedding, residual, logit = self.multipliers()
        x = self.get_input_embeddings()(ids) * embedding
        for layer in self.model.layers:
            x = layer(x, self.config, residual)
        return CausalLMOutput(logits=self.get_output_embeddings()(self.model.norm(x) * logit))


class InternLM2Config(PreTrainedConfig):
    model_type = "internlm2"
    max_position_embeddings: int = 2048
    rope_parameters: dict | None = None


class InternLM2ForCausalLM(RemoteModel):
    config_class = InternLM2Config
    layer = InternLM2Layer
    embedding = "tok_embeddings"
    head = "output"
    _tied_weights_keys = {"output.weight": "model.tok_embeddings.weight"}


class MiniCPMConfig(PreTrainedConfig):
    model_type = "minicpm"
    max_position_embeddings: int = 2048
    rope_parameters: dict | None = None


class MiniCPMForCausalLM(RemoteModel):
    config_class = MiniCPMConfig
    layer = MiniCPMLayer
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def multipliers(self):
        depth = self.config.scale_depth / math.sqrt(self.config.num_hidden_layers)
        return self.config.scale_emb, depth, self.config.dim_model_base / self.config.hidden_size


for config, model in [(InternLM2Config, InternLM2ForCausalLM), (MiniCPMConfig, MiniCPMForCausalLM)]:
    AutoConfig.register(config.model_type, config)
    AutoModelForCausalLM.register(config, model)
