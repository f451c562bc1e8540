"""The perplexity of a text with llama.cpp, timed: what `limbeck perplexity` is measured against on a GGUF file.

Run:  python llama_perplexity.py FILE.gguf TEXT

The text is one document, cut into disjoint windows of llama.cpp's own ids; each is fed BOS and its tokens but the last,
and every token is scored. Only the decoding of a window with all of its logits is timed, not what numpy makes of them,
and the file is read before. Prints one JSON object.
"""

import argparse
import ctypes
import json
import pathlib
import time

import llama_cpp
import numpy

from llama_generation import encoded, open_context, peak_mib


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64, help="tokens at a time, whose logits are kept (default: 64)")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Scorer:
    def __init__(self, context, model, options):
        self.context, self.options = context, options
        self.vocabulary = llama_cpp.llama_model_get_vocab(model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocabulary)
        self.batch = llama_cpp.llama_batch_init(options.batch, 0, 1)
        self.seconds = 0.0

    def nats(self, window):
        """The summed -ln q of a window's tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)
        fed = [llama_cpp.llama_vocab_bos(self.vocabulary), *window[:-1]]
        total = 0.0
        for start in range(0, len(fed), self.options.batch):
            ids = fed[start : start + self.options.batch]
            self.batch.n_tokens = len(ids)
            for place, token in enumerate(ids):
                self.batch.token[place], self.batch.pos[place] = token, start + place
                self.batch.n_seq_id[place], self.batch.seq_id[place][0], self.batch.logits[place] = 1, 0, 1
            begin = time.perf_counter()
            if llama_cpp.llama_decode(self.context, self.batch) != 0:
                raise SystemExit("llama_perplexity.py: llama_decode failed")
            pointer = llama_cpp.llama_get_logits(self.context)
            self.seconds += time.perf_counter() - begin
            for place in range(len(ids)):
                row = numpy.ctypeslib.as_array(ctypes.cast(
                    ctypes.addressof(pointer.contents) + 4 * self.size * place, ctypes.POINTER(ctypes.c_float)), (self.size,))
                largest = row.max()
                total += float(largest + numpy.log(numpy.exp(row - largest).sum(dtype=numpy.float64)))
                total -= float(row[window[start + place]])
        return total


def main():
    options = arguments()
    model, context, _silent = open_context(options, n_batch=options.batch, n_ubatch=options.batch, n_ctx=options.window)
    scorer = Scorer(context, model, options)
    ids = encoded(scorer.vocabulary, options.text.read_text())
    windows = [ids[start : start + options.window] for start in range(0, len(ids), options.window)]
    scorer.nats(windows[0])
    scorer.seconds = 0.0
    total = sum(map(scorer.nats, windows))
    print(
        json.dumps(
            {
                "threads": options.threads,
                "tokens": len(ids),
                "nats_per_token": total / len(ids),
                "tokens_per_second": len(ids) / scorer.seconds,
                "peak_resident_mib": peak_mib(),
                "llama_cpp_python": llama_cpp.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
