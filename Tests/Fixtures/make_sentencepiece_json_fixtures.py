"""Makes sentencepiece_json/: SentencePiece tokenizers in the form of a tokenizer.json, and huggingface/tokenizers' ids.

llama.json comes from tokenizer/tokenizer.model by transformers' LlamaConverter, gemma.json from a model as Gemma's that
is trained here on README.md by its GemmaConverter, trained.json from huggingface/tokenizers' own trainer. The cases put
other normalizers, pre-tokenizers and added tokens into them. Needs protobuf besides what README.md lists.
"""

import json
import pathlib
import tempfile
import unicodedata

import sentencepiece
import tokenizers
from transformers.convert_slow_tokenizer import GemmaConverter, LlamaConverter
from transformers.tokenization_utils_base import generate_merges

HERE = pathlib.Path(__file__).parent
OUT = HERE / "sentencepiece_json"
README = HERE.parent.parent / "README.md"
SCRIPTS = [
    0x41, 0xC0, 0x100, 0x180, 0x250, 0x370, 0x400, 0x530, 0x590, 0x600, 0x700, 0x780, 0x900, 0x980, 0xA00, 0xA80, 0xB00,
    0xB80, 0xC00, 0xC80, 0xD00, 0xD80, 0xE00, 0xE80, 0xF00, 0x1000, 0x10A0, 0x1100, 0x1200, 0x13A0, 0x1400, 0x1680,
    0x16A0, 0x1780, 0x1800, 0x1E00, 0x1F00, 0x2C80, 0x3040, 0x30A0, 0x3100, 0x4E00, 0xA000, 0xAC00, 0x10330, 0x1D400,
]  # fmt: skip
TEXTS = [
    " ".join("".join(chr(c) for c in range(s, s + 6) if unicodedata.category(chr(c)) != "Cn") for s in SCRIPTS),
    "👩‍💻 🙂🙂🏽 🇩🇪", "e\u0301 é \u0301\u0301 a\u0308\u0323", "a\r\nb\r\n\r\n  c\n\n\nd",
    "\ttab\t\ttabs\t \t", "nul\0nul\0\0",
    "▁ literal ▁▁ a▁b", "  leading", "trailing   ", " " * 33 + "x" + " " * 17, "", " ", "   ", "▁", "▁▁x", " ▁x",
    "▁ x", "\n",
    "\u00a0\u2003\u3000 spaces", "a" * 70, "the" * 30, "..." * 20 + ")....",
    "<0x41> <s> </s>x <unk> <0x0A>", "123 4567",
    "don't WE'VE", "\u202eabc\u200f\ufeff\ufffd", "x     t  the   the token", "<|a|>text <|a|> text",
    "x<N>y <N> z<N><N>",
    " <N>", "a  <L>  b<R>  c", "v<W>v <W> w", "▁<N>x", "tokenizer's model, ``--text`` and tokenizers",
    "a <|a|>  <N>  the",
]  # fmt: skip


def token(id, content, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": id, "content": content, **plain, **flags}


def replace(content="▁"):
    return {"type": "Replace", "pattern": {"String": " "}, "content": content}


def metaspace(**members):
    return {"pre_tokenizer": {"type": "Metaspace", "replacement": "▁", **members}, "normalizer": None}


PREPEND = {"type": "Prepend", "prepend": "▁"}
SPLIT = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
BEGIN = {
    "type": "TemplateProcessing", "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
}  # fmt: skip
DECODER = {
    "type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    ],
}  # fmt: skip
OWN = [token(0, "<unk>"), token(1, "<s>"), token(2, "</s>")]
MORE = OWN + [
    token(400, "<|a|>"), token(401, "<N>", normalized=True, special=False), token(402, "<L>", lstrip=True),
    token(403, "<R>", rstrip=True), token(404, "<W>", single_word=True, special=False),
]  # fmt: skip
CASES = [
    ("prepend", "llama",
     {"normalizer": {"type": "Sequence", "normalizers": [PREPEND, replace()]}, "pre_tokenizer": None}),
    ("always", "llama", metaspace(prepend_scheme="always", split=False)),
    ("first", "llama", metaspace(prepend_scheme="first", split=False)),
    ("never", "llama", metaspace(prepend_scheme="never", split=False) | {"decoder": DECODER}),
    ("old", "llama", metaspace(add_prefix_space=True, str_rep="▁", split=False)),
    ("both", "llama", metaspace(prepend_scheme="first", split=False) | {"normalizer": replace()}),
    ("gemma", "gemma", {}),
    ("gemma without pre-tokenizer", "gemma", {"pre_tokenizer": None}),
    ("trained", "trained", {"decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}}),
    ("begin", "llama", metaspace(prepend_scheme="first", split=False) | {"post_processor": BEGIN}),
]  # fmt: skip


class Original:
    """What a converter asks of a tokenizer."""

    def __init__(self, file, **members):
        self.vocab_file = str(file)
        self.unk_token, self.bos_token, self.eos_token, self.pad_token = "<unk>", "<bos>", "<eos>", "<pad>"
        self.__dict__.update(members)
        self.sp = sentencepiece.SentencePieceProcessor(model_file=str(file))

    def convert_ids_to_tokens(self, id):
        return self.sp.id_to_piece(id)


class Extractor:
    """As transformers 4.57's: the one of 5.24 no longer goes with its own converters."""

    def __init__(self, model):
        sp = sentencepiece.SentencePieceProcessor(model_file=model)
        self.vocab = {sp.id_to_piece(id): id for id in range(len(sp))}

    def extract(self, scores):
        vocab = self.vocab | ({} if "\t" in self.vocab else {"\t": self.vocab["<0x09>"]})
        return vocab, generate_merges(vocab, dict(scores))


class Llama(LlamaConverter):
    SpmExtractor = Extractor


class Gemma(GemmaConverter):
    SpmExtractor = Extractor


def gemma_model(folder):
    sentencepiece.SentencePieceTrainer.train(
        input=str(README), model_prefix=str(folder / "gemma"), vocab_size=450, model_type="bpe", byte_fallback=True,
        remove_extra_whitespaces=False, normalization_rule_name="identity", add_dummy_prefix=False, pad_id=0, eos_id=1,
        bos_id=2, unk_id=3, allow_whitespace_only_pieces=True, character_coverage=0.98, minloglevel=2,
        split_digits=True,
        user_defined_symbols=["<mask>", "\n", "\n\n", "\n\n\n", "▁▁", "▁▁▁", "▁▁▁▁", "<table>", "the"],
    )  # fmt: skip
    return folder / "gemma.model"


def trained():
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False)
    tokenizer.train([str(README)], trainer)
    return tokenizer


def gemma():
    with tempfile.TemporaryDirectory() as folder:
        return Gemma(Original(gemma_model(pathlib.Path(folder)), add_prefix_space=False)).converted()


def llama():
    return Llama(Original(HERE / "tokenizer" / "tokenizer.model", legacy=True, add_prefix_space=True)).converted()


def content(name, make):
    """Of a file, which is only made if it is not there, so that ids stay as they are."""
    file = OUT / f"{name}.json"
    if not file.exists():
        file.write_text(json.dumps(json.loads(make().to_str()), ensure_ascii=False, indent=0) + "\n")
    return json.loads(file.read_text())


def main():
    OUT.mkdir(exist_ok=True)
    files = {"llama": content("llama", llama), "gemma": content("gemma", gemma), "trained": content("trained", trained)}
    cases = []
    for name, file, members in CASES:
        for added in [None, MORE] if file == "llama" else [None]:
            members = members | ({"added_tokens": added} if added else {})
            tokenizer = tokenizers.Tokenizer.from_str(json.dumps(files[file] | members))
            ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
            cases.append({
                "name": name + (", added tokens" if added else ""), "file": file, "members": json.dumps(members),
                "ids": ids, "decoded": [tokenizer.decode(row) for row in ids], "length": tokenizer.get_vocab_size(),
            })  # fmt: skip
    result = {"texts": TEXTS, "cases": cases}
    (OUT / "expected.json").write_text(json.dumps(result, ensure_ascii=False) + "\n")


main()
