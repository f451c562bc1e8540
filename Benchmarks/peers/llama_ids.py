"""The ids that llama.cpp makes of a file's text, without BOS. Prints one JSON object.

Run:  python llama_ids.py FILE.gguf TEXT
"""

import argparse
import ctypes
import json
import pathlib

import llama_cpp

from llama_generation import encoded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("text", type=pathlib.Path)
    options = parser.parse_args()
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(options.file.encode(), parameters)
    if not model:
        raise SystemExit(f"llama_ids.py: llama.cpp cannot load {options.file}")
    text = options.text.read_bytes().decode()
    print(json.dumps({"ids": encoded(llama_cpp.llama_model_get_vocab(model), text)}))


if __name__ == "__main__":
    main()
