"""Makes gguf_tokenizer/: vocabularies of small tokenizers as GGUF files, by gguf-py's writer, and their ids.

    venv/bin/pip install gguf sentencepiece protobuf tokenizers && \
        venv/bin/python Tests/Fixtures/make_gguf_tokenizer_fixtures.py [--llama]

The SentencePiece ones come from tokenizer/tokenizer.model (a space in front of text) and, in Gemma's manner, from
sentencepiece_json/gemma.json; the byte-level ones from byte_level/. Types, scores and spellings are those that
llama.cpp's converter writes. Ids are libsentencepiece's with control tokens cut out, and huggingface/tokenizers'. With
--llama, they are compared with those of llama-cpp-python.
"""

import json
import pathlib
import re
import sys

import gguf
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2 as proto

HERE = pathlib.Path(__file__).parent
OUT = HERE / "gguf_tokenizer"
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
# by llama.cpp's name of the pre-tokenizer
BYTE_LEVEL = {
    "gpt2": "gpt-2", "smollm": "smollm", "qwen2": "qwen2", "llama3": "llama-bpe", "deepseek_v3": "deepseek-v3",
    "deepseek_llm": "deepseek-llm", "deepseek_coder": "deepseek-coder",
}  # fmt: skip
SIGNS = ["<s>x</s> <unk> y", "<bos>a <eos>", " <bos> a", "<pad><bos>", "<|begin|>x <|end|>", "<mask>the<table> <table>"]


def texts():
    texts = json.loads((HERE / "sentencepiece_json" / "expected.json").read_text())["texts"]
    # U+2581 is a space to both libraries; Limbeck tells it apart
    return [text for text in texts if "▁" not in text] + SIGNS + [" " * 9 + "\n" * 8, "a\n\n\n\n\nb   c     d"]


def write(name, values):
    writer = gguf.GGUFWriter(str(OUT / f"{name}.gguf"), "llama")
    for key, value in values.items():
        key = key if key.startswith("tokenizer.chat") else f"tokenizer.ggml.{key}"
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def sentencepiece_ids(model, special, text):
    """A text's ids, control tokens cut out, the longest first; what follows one begins anew, as in llama.cpp."""
    parts = re.split("(" + "|".join(map(re.escape, sorted(special, key=len, reverse=True))) + ")", text)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    ids = []
    for part in parts:
        ids += [processor.piece_to_id(part)] if part in special else processor.encode(part)
    return ids


def pieces(model, **values):
    """The GGUF values of a model, as the converter writes them: user-defined pieces are added tokens."""
    tokens, scores, types = [], [], []
    for piece in model.pieces:
        special = piece.type in (CONTROL, UNKNOWN)
        user = piece.type == USER
        tokens.append(piece.piece.replace("▁", " ") if user else piece.piece)
        scores.append(-1000.0 if special or user else piece.score)
        types.append(piece.type)
    return {"model": "llama", "pre": "default", "tokens": tokens, "scores": scores, "token_type": types, **values}


def llama():
    model = proto.ModelProto()
    model.ParseFromString((HERE / "tokenizer" / "tokenizer.model").read_bytes())
    values = pieces(model, bos_token_id=1, eos_token_id=2, unknown_token_id=0)
    # a token for an id that the tokenizer has none for
    size = len(model.pieces)
    values["tokens"].append(f"[PAD{size}]")
    values["scores"].append(-10000.0)
    values["token_type"].append(UNUSED)
    return model, values


def gemma():
    """Gemma's manner: no space in front, runs of spaces and line breaks, the unknown token written as a control one."""
    file = json.loads((HERE / "sentencepiece_json" / "gemma.json").read_text())
    vocabulary = {id: piece for piece, id in file["model"]["vocab"].items() if piece != "\t"}
    ranks = {}
    for merge in file["model"]["merges"]:
        ranks.setdefault("".join(merge), len(ranks))
    user = {token["content"] for token in file["added_tokens"] if not token["special"]}
    special = {"<pad>": CONTROL, "<eos>": CONTROL, "<bos>": CONTROL, "<unk>": UNKNOWN}
    model = proto.ModelProto()
    for id in range(len(file["model"]["vocab"])):
        piece = vocabulary.get(id, "<0x09>")
        kind = special.get(piece, USER if piece in user else BYTE if re.fullmatch("<0x..>", piece) else NORMAL)
        score = -float(ranks.get(piece, len(ranks) + id)) if kind == NORMAL else 0.0
        model.pieces.add(piece=piece, score=score, type=kind)
    trainer = model.trainer_spec
    trainer.model_type, trainer.vocab_size, trainer.byte_fallback = proto.TrainerSpec.BPE, len(model.pieces), True
    trainer.pad_id, trainer.eos_id, trainer.bos_id, trainer.unk_id = 0, 1, 2, 3
    trainer.pad_piece, trainer.eos_piece, trainer.bos_piece = "<pad>", "<eos>", "<bos>"
    normalizer = model.normalizer_spec
    normalizer.name, normalizer.add_dummy_prefix, normalizer.remove_extra_whitespaces = "identity", False, False
    values = pieces(model, bos_token_id=2, eos_token_id=1, unknown_token_id=3, padding_token_id=0)
    values["token_type"][3] = CONTROL
    values |= {"add_bos_token": True, "add_space_prefix": False, "tokenizer.chat_template": TEMPLATE}
    return model, values


def byte_level(name):
    file = json.loads((HERE / "byte_level" / name / "tokenizer.json").read_text())
    # llama.cpp normalises nothing
    file["normalizer"] = None
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(file))
    added = {token["id"]: token for token in file["added_tokens"]}
    tokens = [tokenizer.id_to_token(id) for id in range(tokenizer.get_vocab_size())]
    types = [NORMAL if id not in added else CONTROL if added[id]["special"] else USER for id in range(len(tokens))]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in file["model"]["merges"]]
    begin = next(id for id, kind in enumerate(types) if kind == CONTROL)
    values = {
        "model": "gpt2", "pre": BYTE_LEVEL[name], "tokens": tokens, "token_type": types, "merges": merges,
        "bos_token_id": begin, "eos_token_id": begin + 1,
    }  # fmt: skip
    if name == "deepseek_v3":
        values["add_bos_token"] = True
    if name == "qwen2":
        # ids without a token, as a padded embedding has them
        for id in range(len(tokens), len(tokens) + 3):
            tokens.append(f"[PAD{id}]")
            types.append(UNUSED)
        values["tokenizer.chat_template"] = TEMPLATE
    return tokenizer, values


def check(name, cases, known):
    """Compares ids with llama.cpp's."""
    import llama_cpp

    model = llama_cpp.Llama(model_path=str(OUT / f"{name}.gguf"), vocab_only=True, verbose=False)
    found = [model.tokenize(text.encode(), add_bos=False, special=True) for text in cases]
    different = [text for text, ours, theirs in zip(cases, known, found) if ours != theirs]
    print(f"{name}: {len(cases) - len(different)} of {len(cases)} texts as llama.cpp", different[:3])


def main():
    OUT.mkdir(exist_ok=True)
    plain, hard = texts(), json.loads((HERE / "byte_level" / "texts.json").read_text())
    expected = {"texts": plain, "ids": {}}
    for name, make in [("llama", llama), ("gemma", gemma)]:
        model, values = make()
        special = [piece.piece for piece in model.pieces if piece.type in (CONTROL, UNKNOWN)]
        write(name, values)
        expected["ids"][name] = [sentencepiece_ids(model, special, text) for text in plain]
    for name in BYTE_LEVEL:
        tokenizer, values = byte_level(name)
        write(name, values)
        expected["ids"][name] = [tokenizer.encode(text, add_special_tokens=False).ids for text in hard]
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=True) + "\n")
    if "--llama" in sys.argv:
        for name, ids in expected["ids"].items():
            check(name, hard if name in BYTE_LEVEL else plain, ids)


main()
