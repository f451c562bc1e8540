"""Makes tokenizer/: a small tokenizer as Llama's, files with added tokens beside it, and transformers' ids for them.

The tokenizer is trained on this repository's README; it is only made if it is not there, so that ids stay as they are.
Needs protobuf and tiktoken besides what README.md lists.
"""

import json
import pathlib
import shutil
import tempfile

import sentencepiece
from transformers import AutoTokenizer

HERE = pathlib.Path(__file__).parent
OUT = HERE / "tokenizer"
MODEL = OUT / "tokenizer.model"
TEXTS = [
    "<|im_start|>user\nHi there<|im_end|>\n<|im_start|> a",
    "x <L> y <R> z <N> w <W> v<W>v <W>",
    "She</s> had <s>a <unk>b",
    "<|im_end|>",
    "a <L><R> b\u00a0<L> é<W> <W>é_<W>",
    "<Lo><Long><Lon",
    "[PAD] x [PAD]",
    "No token at all, only text: é 日本.",
    "",
]


def token(content, **flags):
    plain = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    return {"content": content, **plain, **flags}


SEVERAL = {
    "400": token("<|im_start|>"), "401": token("<|im_end|>"), "402": token("<L>", lstrip=True),
    "403": token("<R>", rstrip=True), "404": token("<N>", normalized=True, special=False),
    "405": token("<W>", single_word=True, special=False, normalized=True), "406": token("<Lo>", special=False),
    "407": token("<Long>", special=False),
}  # fmt: skip
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
LLAMA = {"tokenizer_class": "LlamaTokenizer", "legacy": False, **SPECIAL}
CASES = {
    "several": {"tokenizer_config.json": LLAMA | {"added_tokens_decoder": SEVERAL}},
    "legacy": {"tokenizer_config.json": LLAMA | {"legacy": True, "added_tokens_decoder": SEVERAL}},
    "split": {"tokenizer_config.json": LLAMA | {"split_special_tokens": True, "added_tokens_decoder": SEVERAL}},
    "file": {"tokenizer_config.json": LLAMA, "added_tokens.json": {"<|im_end|>": 401, "<|im_start|>": 400}},
    "end": {
        "tokenizer_config.json": LLAMA | {"eos_token": "<|im_end|>"},
        "added_tokens.json": {"<|im_end|>": 401, "<|im_start|>": 400},
    },
    "padding": {"tokenizer_config.json": LLAMA | {"pad_token": "[PAD]"}},
    "listed": {
        "tokenizer_config.json": LLAMA
        | {"added_tokens_decoder": {"0": token("<unk>"), "1": token("<s>"), "2": token("</s>", rstrip=True)}}
    },
}


def main():
    OUT.mkdir(exist_ok=True)
    if not MODEL.exists():
        sentencepiece.SentencePieceTrainer.train(
            input=str(HERE.parent.parent / "README.md"), model_prefix=str(OUT / "tokenizer"), vocab_size=400,
            model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False, normalization_rule_name="identity",
            character_coverage=0.98, minloglevel=2,
        )  # fmt: skip
        (OUT / "tokenizer.vocab").unlink()
    cases = []
    for name, files in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            shutil.copy(MODEL, folder)
            (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 420}))
            for file, content in files.items():
                (folder / file).write_text(json.dumps(content))
            tokenizer = AutoTokenizer.from_pretrained(folder)
            ids = [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS]
            cases.append({
                "name": name, "files": {file: json.dumps(content) for file, content in files.items()}, "ids": ids,
                "decoded": [tokenizer.decode(row, skip_special_tokens=True) for row in ids], "length": len(tokenizer),
                "eos": tokenizer.eos_token_id, "pad": tokenizer.pad_token_id,
            })  # fmt: skip
    result = {"texts": TEXTS, "cases": cases}
    (OUT / "expected.json").write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


main()
