"""Whether two files of token ids are the same but for newlines, of which the second has none.

Run:  python encoded_ids.py TOKENIZER.model OURS THEIRS

`limbeck tokenizer encode` takes a whole text; spm_encode takes its lines and drops their ends. Prints one JSON object.
"""

import argparse
import json

import numpy
import sentencepiece


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("tokenizer", "ours", "theirs"):
        parser.add_argument(name)
    options = parser.parse_args()
    newline = sentencepiece.SentencePieceProcessor(model_file=options.tokenizer).piece_to_id("\n")
    ours, theirs = (numpy.fromfile(file, dtype=numpy.int32, sep=" ") for file in (options.ours, options.theirs))
    print(json.dumps({"ids": len(theirs), "same": bool(numpy.array_equal(ours[ours != newline], theirs))}))


if __name__ == "__main__":
    main()
