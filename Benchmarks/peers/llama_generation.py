"""Greedy generation with llama.cpp, timed: what GenerationTimer is measured against.

Run:  python llama_generation.py FILE.gguf

Through the C functions that llama-cpp-python binds, with llama.cpp's own greedy sampler, so that Python does no more than
call two functions for each token. With --sequences, the others begin with BOS and the last tokens of the vocabulary,
one each, as GenerationTimer's do. Prints one JSON object.
"""

import argparse
import ctypes
import json
import resource
import time

import llama_cpp

# GGML_TYPE_F32 and GGML_TYPE_F16
CACHE_TYPES = {"float32": 0, "float16": 1}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--warmup-tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", default="", help="what stands behind BOS (default: nothing)")
    parser.add_argument("--sequences", type=int, default=1, help="sequences to compute together")
    parser.add_argument("--cache-precision", choices=CACHE_TYPES, default="float32", help="of keys and values")
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
    parameters.type_k = parameters.type_v = CACHE_TYPES[getattr(options, "cache_precision", "float32")]
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


def generate_together(context, sampler, prompts, count):
    """The ids after those of each of several prompts, a token of each sequence at a time."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    batch = llama_cpp.llama_batch_init(sum(map(len, prompts)), 0, 1)
    fed, lengths, ids = prompts, [0] * len(prompts), [[] for _ in prompts]
    for _ in range(count):
        places, place = [], 0
        for sequence, tokens in enumerate(fed):
            for token in tokens:
                batch.token[place], batch.pos[place] = token, lengths[sequence]
                batch.n_seq_id[place], batch.seq_id[place][0], batch.logits[place] = 1, sequence, False
                lengths[sequence] += 1
                place += 1
            batch.logits[place - 1] = True
            places.append(place - 1)
        batch.n_tokens = place
        if llama_cpp.llama_decode(context, batch) != 0:
            raise SystemExit("llama_generation.py: llama_decode failed")
        fed = [[llama_cpp.llama_sampler_sample(sampler, context, place)] for place in places]
        for sequence, tokens in enumerate(fed):
            ids[sequence] += tokens
    llama_cpp.llama_batch_free(batch)
    return ids


def main():
    options = arguments()
    sequences = options.sequences
    # of the whole cache, which the sequences share
    model, context, _silent = open_context(options, n_ctx=512 * sequences, n_seq_max=sequences, kv_unified=False)
    vocabulary = llama_cpp.llama_model_get_vocab(model)
    bos, last = llama_cpp.llama_vocab_bos(vocabulary), llama_cpp.llama_vocab_n_tokens(vocabulary) - 1
    prompts = [[bos, *encoded(vocabulary, options.prompt)]] + [[bos, last - number] for number in range(sequences - 1)]
    sampler = llama_cpp.llama_sampler_init_greedy()

    def run(count):
        if sequences == 1:
            return [generate(context, sampler, prompts[0], count)]
        return generate_together(context, sampler, prompts, count)

    run(options.warmup_tokens)
    start = time.perf_counter()
    ids = run(options.tokens)
    seconds = time.perf_counter() - start
    count = sum(map(len, ids))
    print(
        json.dumps(
            {
                "threads": options.threads,
                "tokens": count,
                "generation_seconds": seconds,
                "tokens_per_second": count / seconds,
                "ids": ids,
                "peak_resident_mib": peak_mib(),
                "llama_cpp_python": llama_cpp.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
