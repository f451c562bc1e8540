"""Makes byte_level/: small byte-level BPE tokenizers with the pre-tokenizers of the families that people have, a text
that is hard for all of them, and its ids as huggingface/tokenizers has them.

    venv/bin/pip install tokenizers==0.23.3 transformers && venv/bin/python Tests/Fixtures/make_byte_level_fixtures.py
"""
import json
import pathlib
import random

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).parent / "byte_level"

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
PLAIN_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
DIGITS = {"type": "Digits", "individual_digits": True}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def words(digits):
    return (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿ\u0386\u0388-\u038a\u038c\u038e-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅ"
    "Ὀ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮ"
    "ⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)
EAST_ASIAN = "[一-龥ࠀ-一가-\ud7ff]+"
DEEPSEEK_WORDS = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^""" + "\r\n" + r"""\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"""| ?[\p{P}\p{S}]+[""" + "\r\n" + r"""]*|\s*[""" + "\r\n" + r"""]+|\s+(?!\S)|\s+"""
)

PRE_TOKENIZERS = {
    "gpt2": BYTE_LEVEL,
    "smollm": sequence(DIGITS, BYTE_LEVEL),
    "qwen2": sequence(split(words("")), PLAIN_BYTES),
    "llama3": sequence(split(words("{1,3}")), PLAIN_BYTES),
    "deepseek_v3": sequence(
        split(r"\p{N}{1,3}"), split("[一-龥\u3040-ゟ゠-ヿ]+"), split(DEEPSEEK_WORDS), PLAIN_BYTES),
    "deepseek_llm": sequence(
        split("[\r\n]"), split(r"\s?[" + CASED + "]+"), split(r"\s?[!-/:-~！-／：-～‘-‟" + "\u3000-。]+"), split(r"\s+$"),
        split(EAST_ASIAN), DIGITS, PLAIN_BYTES),
    "deepseek_coder": sequence(
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(EAST_ASIAN), DIGITS, PLAIN_BYTES),
}
SIZES = {"gpt2": 330, "smollm": 300, "qwen2": 380, "llama3": 420, "deepseek_v3": 350, "deepseek_llm": 340,
         "deepseek_coder": 310}

SENTENCE = "The quick brown fox isn't jumping over 12345 lazy dogs, they're asleep; I'LL see. "
LETTERS = [
    "ABCxyz", "éÅßſǄ", "αβΩ", "Жук", "Հայ", "שלום", "سلام", "ܐܒ", "ދި", "नमस्ते", "বাংলা", "ਪੰਜਾਬੀ", "ગુજ", "ଓଡ଼",
    "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാ", "සිංහල", "ไทยนี้", "ລາວ", "བོད", "မြန်", "ქართ", "한국어", "각", "አማርኛ", "ᏣᎳᎩ",
    "ᐃᓄᒃ", "ខ្មែរ", "ᠮᠣᠩ", "ẛ̣", "ἀρχή", "ⰀⰁ", "ひらカタ", "注音ㄅ", "中文龥龦", "ꆈꌠ", "ﬁﬀ", "ａＢ", "𐐀𐑏", "𑀅", "𒀀", "𛀁", "𝒜𝟙",
    "𞤀", "𠀀", "ᲐᲑ", "ٱ",
]
OTHERS = [
    "'s", "'T", "'re", "'VE", "'ll", "'m", "'ſ", "''d", " 's", "\n", "\r\n", "\n\n", " \n ", "\t", "\t\t", "  ",
    "   ", "\u00a0", "\u3000", "\u2028", "\x00", "\x0b", "\x85", "\u1680", "\r", " ", "1", "22", "333", "4444",
    "٣५๓", "Ⅷ½②", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "1️⃣", "!?", "…—", "«a»", "(b", "_c_", "，。", "、！？", "“q”", "$€",
    "=\u0338", "<\u0338", "e\u0301", "a\u0323\u0302", "a\u0302\u0323", "\u0301", "\u1112\u1161\u11ab", "\u212b",
    "\u0958", "\u0344", "が", "か\u3099", "\u200d", "\ufeff", "\ufffd", "\U0010ffff", "\ue000", "\u0378",
]


def hard_text():
    generator = random.Random(20)
    parts = [SENTENCE]
    for kinds in (LETTERS, OTHERS):
        parts += [part + generator.choice(["", " ", "a", "\n", "."]) for part in kinds]
    for _ in range(330):
        parts.append(generator.choice(LETTERS if generator.random() < 0.35 else OTHERS))
        if generator.random() < 0.3:
            parts.append(" ")
    return "".join(parts) + "a" * 90 + " " * 60 + "b" + "\n" * 50 + "中" * 40 + " \t "


def training_text(text):
    return [SENTENCE * 3, text, " ".join(LETTERS) * 2]


def added(identifier, content, special=True, **flags):
    token = {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": special}
    return {**token, **flags}


def trained(pre_tokenizer, size, text, normalizer=None, alphabet=True):
    made = json.loads(Tokenizer(models.BPE()).to_str())
    made.update(pre_tokenizer=pre_tokenizer, decoder=BYTE_LEVEL, normalizer=normalizer)
    tokenizer = Tokenizer.from_str(json.dumps(made))
    signs = sorted(pre_tokenizers.ByteLevel.alphabet()) if alphabet else []
    tokenizer.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=size, initial_alphabet=signs, show_progress=False))
    return json.loads(tokenizer.to_str())


def template(token, identifier):
    return {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [identifier], "tokens": [token]}},
    }


def cases(text):
    """Tokenizers by name: those of the families, then some with options of their own."""
    result = {}
    for name, pre_tokenizer in PRE_TOKENIZERS.items():
        normalizer = {"type": "NFC"} if name == "qwen2" else None
        if name.startswith("deepseek"):
            normalizer = {"type": "Sequence", "normalizers": []}
        made = trained(pre_tokenizer, SIZES[name], training_text(text), normalizer)
        size = len(made["model"]["vocab"])
        made["added_tokens"] = [added(size, "<|begin|>"), added(size + 1, "<|end|>")]
        made["post_processor"] = BYTE_LEVEL
        result[name] = made
    # merges in the older spelling, and a file without the key that came later
    result["gpt2"]["model"]["merges"] = [" ".join(pair) for pair in result["gpt2"]["model"]["merges"]]
    result["gpt2"]["pre_tokenizer"] = {key: BYTE_LEVEL[key] for key in ("type", "add_prefix_space", "trim_offsets")}
    # pieces that the merges do not make
    llama = result["llama3"]
    llama["model"]["ignore_merges"] = True
    begin = len(llama["model"]["vocab"])
    llama["model"]["vocab"]["ĠjumpingĠ"] = begin
    llama["model"]["vocab"]["Ġlazy"] = begin + 1
    llama["added_tokens"] = [added(begin + 2, "<|begin|>"), added(begin + 3, "<|end|>")]
    llama["post_processor"] = {"type": "Sequence", "processors": [BYTE_LEVEL, template("<|begin|>", begin + 2)]}
    # the template's token is one of the vocabulary
    deepseek = result["deepseek_v3"]
    size = len(deepseek["model"]["vocab"])
    deepseek["model"]["vocab"]["<｜begin▁of▁sentence｜>"] = size
    deepseek["added_tokens"] = [
        added(size, "<｜begin▁of▁sentence｜>"), added(size + 1, "<|end|>", False, normalized=True)]
    deepseek["post_processor"] = template("<｜begin▁of▁sentence｜>", size)

    # a space in front, also behind added tokens; bytes without a token; an unknown token
    spaced = trained(BYTE_LEVEL, 120, [SENTENCE], alphabet=False)
    spaced["pre_tokenizer"] = {**BYTE_LEVEL, "add_prefix_space": True}
    size = len(spaced["model"]["vocab"])
    spaced["added_tokens"] = [
        added(size, "<mask>", lstrip=True), added(size + 1, "<r>", rstrip=True),
        added(size + 2, "word", False, single_word=True)]
    result["prefix_space"] = spaced
    unknown = trained(BYTE_LEVEL, 120, [SENTENCE], alphabet=False)
    unknown["model"].update(unk_token="Ġ", fuse_unk=True)
    result["unknown"] = unknown
    # normalised added tokens, a vocabulary with a gap
    composed = trained(sequence(split(words("")), PLAIN_BYTES), 300, training_text(text), {"type": "NFC"})
    size = len(composed["model"]["vocab"])
    composed["added_tokens"] = [
        added(size, "é,", False, normalized=True), added(size + 1, "e\u0301;", False),
        added(size + 2, "\u212bng", False, normalized=True),
        added(size + 3, "  ", False, normalized=True), added(size + 4, "<|end|>"), added(size + 5, "<|endless|>")]
    result["composed"] = composed
    return result


def main():
    ROOT.mkdir(exist_ok=True)
    text = hard_text()
    probes = [
        text, "", " ", "a", " a", "<|begin|>Hello<|end|> world <|end|>", "a <mask> b<r>  c word words sword ,word.",
        "\u0063afe\u0301, \u0063af\u00e9, e\u0301; \u00e9; A\u030ang \u212bng  x<|endless|><|end|>",
        "<｜begin▁of▁sentence｜>x <|end|>", "jumping lazy  jumping ", "zzz \u4e2d\u4e2d zz",
    ]
    (ROOT / "texts.json").write_text(json.dumps(probes, ensure_ascii=True) + "\n")
    for name, made in cases(text).items():
        folder = ROOT / name
        folder.mkdir(exist_ok=True)
        tokenizer = Tokenizer.from_str(json.dumps(made))
        for token in made["added_tokens"]:
            assert tokenizer.token_to_id(token["content"]) == token["id"], (name, token)
        (folder / "tokenizer.json").write_text(json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n")
        plain = [tokenizer.encode(probe, add_special_tokens=False).ids for probe in probes]
        expected = {
            "ids": plain,
            "begin": [i for i in tokenizer.encode(probes[3]).ids if i not in plain[3]],
            "decoded": [tokenizer.decode(tokenizer.encode(probe).ids) for probe in probes[1:]],
            "size": max(tokenizer.get_vocab().values()) + 1,
        }
        (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")) + "\n")


main()
