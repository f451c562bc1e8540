"""Writes gguf_writer/{plain,aligned}.gguf: small files of gguf-py's writer, which Limbeck's must equal byte for byte.

    pip install gguf==0.19.0 numpy && python make_gguf_writer_fixture.py
"""

import pathlib

import gguf
import numpy as np

folder = pathlib.Path(__file__).parent / "gguf_writer"
folder.mkdir(exist_ok=True)

for name, alignment in [("plain", None), ("aligned", 64)]:
    writer = gguf.GGUFWriter(folder / f"{name}.gguf", "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_int32("an.int32", -3)
    writer.add_uint64("an.uint64", 1 << 40)
    writer.add_float32("a.float", 0.1)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "Käse")
    writer.add_array("tokenizer.ggml.tokens", ["<unk>", "a", "▁b", "", "cd"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.0, -2.5, -3.0, -4.0])
    writer.add_array("tokenizer.ggml.token_type", [2, 1, 1, 1, 1])
    if alignment:
        writer.add_custom_alignment(alignment)
    writer.add_tensor("one", np.arange(5, dtype=np.float32))
    writer.add_tensor("two", np.arange(6, dtype=np.float16).reshape(2, 3))
    blocks = np.arange(2 * 34, dtype=np.uint8).reshape(2, 34)
    writer.add_tensor("three", blocks, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
