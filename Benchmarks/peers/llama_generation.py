"""Greedy generation of one sequence with llama.cpp, timed: what GenerationTimer is measured against.

Run:  python llama_generation.py FILE.gguf

Through the C functions that llama-cpp-python binds, with llama.cpp's own greedy sampler, so that Python does no more than
call two functions for each token. Keys and values are cached in float32. Prints one JSON object.
"""

import argparse
import ctypes
import json
import resource
import time

import llama_cpp

FLOAT32 = 0  # GGML_TYPE_F32


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--warmup-tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", default="", help="what stands behind BOS (default: nothing)")
    return parser.parse_args()


def open_context(options, **parameters_of_context):
    """The model, a context with `options.threads`, and what must stay alive."""
    # without this it prints dozens of lines
    silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    model_parameters = llama_cpp.llama_model_default_params()
    model_parameters.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(options.file.encode(), model_parameters)
    if not model:
        raise SystemExit(f"llama_generation.py: llama.cpp cannot load {options.file}")
    parameters = llama_cpp.llama_context_default_params()
    parameters.n_ctx = 512
    for name, value in parameters_of_context.items():
        setattr(parameters, name, value)
    parameters.n_threads = parameters.n_threads_batch = options.threads
    parameters.type_k = parameters.type_v = FLOAT32
    context = llama_cpp.llama_init_from_model(model, parameters)
    if not context:
        raise SystemExit("llama_generation.py: llama.cpp cannot make a context")
    return model, context, silent


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def encoded(vocabulary, text):
    """The ids of a text, without BOS."""
    data = text.encode()
    ids = (llama_cpp.llama_token * (len(data) + 8))()
    count = llama_cpp.llama_tokenize(vocabulary, data, len(data), ids, len(ids), False, False)
    return list(ids[:count])


def generate(context, sampler, prompt, count):
    """The ids after those of the prompt."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    fed = (llama_cpp.llama_token * len(prompt))(*prompt)
    ids = []
    for _ in range(count):
        if llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(fed, len(fed))) != 0:
            raise SystemExit("llama_generation.py: llama_decode failed")
        fed = (llama_cpp.llama_token * 1)(llama_cpp.llama_sampler_sample(sampler, context, -1))
        ids.append(fed[0])
    return ids


def main():
    options = arguments()
    model, context, _silent = open_context(options)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    prompt = [llama_cpp.llama_vocab_bos(vocabulary), *encoded(vocabulary, options.prompt)]
    sampler = llama_cpp.llama_sampler_init_greedy()
    generate(context, sampler, prompt, options.warmup_tokens)
    start = time.perf_counter()
    ids = generate(context, sampler, prompt, options.tokens)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "threads": options.threads,
                "tokens": len(ids),
                "generation_seconds": seconds,
                "tokens_per_second": len(ids) / seconds,
                "ids": [ids],
                "peak_resident_mib": peak_mib(),
                "llama_cpp_python": llama_cpp.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
