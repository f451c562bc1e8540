#!/usr/bin/env python3
"""Writes Sources/CUnicodeTables/tables.c: the Unicode properties that huggingface/tokenizers sees in text.

They are asked from pip's `tokenizers`, a scalar value at a time, because its parts know different versions of Unicode:
its regular expressions (oniguruma) one, Rust's `char::is_numeric` behind `Digits` another, and its normaliser a third.
Canonical compositions are those of Python's `unicodedata` that the normaliser makes.

    pip install tokenizers==0.23.*; python Scripts/unicode-tables.py
"""
import pathlib
import unicodedata

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

SCALARS = [value for value in range(0x110000) if not 0xD800 <= value <= 0xDFFF]
BLOCK = 20_000
NFC, NFD = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str


def matched(pattern):
    """The scalar values that a regular expression for one character matches."""
    splitter = pre_tokenizers.Split(Regex(pattern), "removed")
    found = []
    for start in range(0, len(SCALARS), BLOCK):
        block = SCALARS[start : start + BLOCK]
        is_matched = [True] * len(block)
        for _, (begin, end) in splitter.pre_tokenize_str("".join(map(chr, block))):
            is_matched[begin:end] = [False] * (end - begin)
        found += [value for value, matches in zip(block, is_matched) if matches]
    return found


def digits():
    """The scalar values that `Digits` isolates."""
    splitter = pre_tokenizers.Digits(individual_digits=True)
    found = []
    for start in range(0, len(SCALARS), BLOCK):
        block = SCALARS[start : start + BLOCK]
        text = "a" + "a".join(map(chr, block)) + "a"
        for _, (begin, end) in splitter.pre_tokenize_str(text):
            if end - begin == 1 and begin % 2 == 1:
                found.append(block[begin // 2])
    return found


def ranges(values):
    merged = []
    for value in sorted(values):
        if merged and merged[-1][1] == value - 1:
            merged[-1][1] = value
        else:
            merged.append([value, value])
    return merged


def combining_classes():
    """By scalar value, those that are not 0, as far as the normaliser reorders marks by them."""
    classes = {}
    for value in SCALARS:
        order = unicodedata.combining(chr(value))
        # U+0345 is of class 240, the highest, and U+0334 of class 1, the lowest
        above, below = "a\u0345" + chr(value), "a" + chr(value) + "\u0334"
        if order and (NFD(above) != above or NFD(below) != below or order in (1, 240)):
            classes[value] = order
    return classes


def decompositions():
    """By scalar value, its full canonical decomposition where that is another text; without Hangul's, by rule."""
    return {
        value: [ord(character) for character in NFD(chr(value))]
        for value in SCALARS
        if NFD(chr(value)) != chr(value) and not 0xAC00 <= value <= 0xD7A3
    }


def compositions(decomposed):
    """Triples: two scalar values and what they compose to."""
    triples = []
    for value, parts in decomposed.items():
        first, last = NFC("".join(map(chr, parts[:-1]))), chr(parts[-1])
        if len(first) == 1 and NFC(first + last) == chr(value):
            triples.append((ord(first), parts[-1], value))
    return sorted(triples)


def maybe_composed(decomposed, triples):
    """The scalar values that may change in NFC, alone or beside what precedes them."""
    changing = {value for value in decomposed if NFC(chr(value)) != chr(value)}
    hangul = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    return changing | {second for _, second, _ in triples} | hangul


def table(name, rows, width):
    lines = []
    for start in range(0, len(rows), width):
        cells = ["{" + ", ".join(f"0x{value:X}" for value in row) + "}," for row in rows[start : start + width]]
        lines.append("  " + " ".join(cells))
    kind = {2: "unicode_range", 3: "unicode_triple"}[len(rows[0])]
    return (
        f"static const {kind} {name}_rows[] = {{\n" + "\n".join(lines) + "\n};\n"
        f"const {kind} *const {name} = {name}_rows;\nconst size_t {name}_count = {len(rows)};\n"
    )


def main():
    decomposed = decompositions()
    triples = compositions(decomposed)
    classes = combining_classes()
    by_class = [(low, high, order) for order in sorted(set(classes.values()))
                for low, high in ranges(value for value in classes if classes[value] == order)]
    flat = [(value, index, part) for value, parts in sorted(decomposed.items()) for index, part in enumerate(parts)]
    parts = [
        f"// Made by Scripts/unicode-tables.py with tokenizers {tokenizers.__version__} and Python's Unicode "
        f"{unicodedata.unidata_version}; not to be edited.\n"
        '#include "CUnicodeTables.h"\n'
    ]
    for name, pattern in [("letters", r"\p{L}"), ("numbers", r"\p{N}"), ("marks", r"\p{M}"),
                          ("punctuation", r"\p{P}"), ("symbols", r"\p{S}"), ("spaces", r"\s")]:
        parts.append(table("unicode_" + name, ranges(matched(pattern)), 5))
    parts.append(table("unicode_digits", ranges(digits()), 5))
    parts.append(table("unicode_maybe_composed", ranges(maybe_composed(decomposed, triples)), 5))
    parts.append(table("unicode_combining_classes", by_class, 4))
    parts.append(table("unicode_decompositions", flat, 4))
    parts.append(table("unicode_compositions", triples, 4))
    target = pathlib.Path(__file__).parent.parent / "Sources/CUnicodeTables/tables.c"
    target.write_text("\n".join(parts))


main()
