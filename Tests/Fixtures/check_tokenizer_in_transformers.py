"""Compares the ids that AutoTokenizer has for a folder that limbeck wrote with limbeck's own, BOS in front.

    check_tokenizer_in_transformers.py FOLDER LIMBECK [TEXT-FILE ...]

Checked so with transformers 4.57.1 and 5.24.0, for tokenizers of all kinds that `limbeck tokenizer train` makes.
"""

import pathlib
import subprocess
import sys

import transformers

TEXTS = [
    "She had a ball", " She", "  She had  two   spaces ", "a\n\nb\n c", "\n", "\n x", "café ☃ 日本 𝒳", "<s>x</s> <unk>",
    "tab\there", "x ", "ﬁ Ａ", "   ", 'He said: "Hi!" 3.14\r\n   end', "... " * 5, "<0x41> ☃☃☃", "e\u0301 🙂🙂",
]  # fmt: skip


def main(folder, limbeck, *files):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    differences = 0
    for text in TEXTS + [pathlib.Path(file).read_text() for file in files]:
        call = [limbeck, "tokenizer", "encode", "--tokenizer", folder]
        encoded = subprocess.run(call, input=text.encode(), capture_output=True, check=True).stdout.split()
        ours = [tokenizer.bos_token_id] + [int(id) for id in encoded]
        theirs = tokenizer(text).input_ids
        if ours != theirs:
            differences += 1
            print(f"{text[:40]!r}: {ours[:16]} here, {theirs[:16]} there")
    print(f"transformers {transformers.__version__}: {differences} texts differ")
    return differences > 0


sys.exit(main(*sys.argv[1:]))
