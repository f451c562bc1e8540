"""Makes recorded/: a teacher's distributions as llama.cpp and OpenAI-compatible servers write them down.

The files are written from the formats' definitions, in numpy, with the logits of distillation/teacher in float64; so
are the expected divergences of distillation/student from it."""

import json
import pathlib
import shutil

import numpy
import sentencepiece
import torch
from transformers import LlamaForCausalLM

import reference

ROOT = pathlib.Path(__file__).parent
HERE = ROOT / "recorded"
BOS, K, CHUNK, CHUNKS, SHARPNESS = 1, 5, 16, 3, 6.0
TEXT = "".join(
    f"the {who} {did} a {what}.\n"
    for who in ("fox", "owl", "hen")
    for did in ("had", "lost", "sold")
    for what in ("hat", "loaf", "shoe")
)
PROMPTS = ["the fox had", "the owl lost a", "the hen sold a hat.\nthe", "the"]


def load(name):
    folder = ROOT / "distillation" / name
    return reference.exact(LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"))


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - numpy.log(numpy.exp(shifted).sum(-1, keepdims=True))


def log_probabilities(model, ids, sharpness=1.0):
    with torch.no_grad():
        return log_softmax(sharpness * model(torch.tensor([ids])).logits[0].double().numpy())


def write_kld(path, tokens, vocabulary, rows):
    """`_logits_`, n_ctx, n_vocab, n_chunk, the tokens; then rows of scale, least log-probability, and codes."""
    with open(path, "wb") as file:
        file.write(b"_logits_")
        numpy.array([CHUNK, vocabulary, CHUNKS], numpy.int32).tofile(file)
        numpy.array(tokens, numpy.int32).tofile(file)
        for row in rows:
            least = max(row.min(), row.max() - 16)
            scale = numpy.float32((row.max() - least) / 65535)
            codes = numpy.where(row > least, numpy.rint((row - least) / scale), 0).astype(numpy.uint16)
            numpy.array([scale, least], numpy.float32).tofile(file)
            numpy.concatenate([codes, numpy.zeros(vocabulary % 2, numpy.uint16)]).tofile(file)


def kl(p, q):
    """Of log-probabilities."""
    return float((numpy.exp(p) * (p - q)).sum())


def listed_kl(p, q, ids):
    """The k most likely of those listed, and all others as one more."""
    kept = sorted(ids, key=lambda i: (-p[i], i))[:K]
    rest_p, rest_q = 1 - numpy.exp(p[kept]).sum(), 1 - numpy.exp(q[kept]).sum()
    return float((numpy.exp(p[kept]) * (p[kept] - q[kept])).sum() + rest_p * numpy.log(rest_p / rest_q))


class Names:
    def __init__(self, processor):
        self.pieces = [processor.id_to_piece(i).replace("\u2581", " ") for i in range(processor.vocab_size())]

    def entry(self, row, i, with_id):
        entry = {"token": self.pieces[i], "bytes": list(self.pieces[i].encode()), "logprob": float(row[i])}
        return {"id": i} | entry if with_id else entry


def top(row):
    return [int(i) for i in numpy.argsort(-row, kind="stable")[:K]]


def make_lines(names, prompt, prompt_ids, completion, rows):
    """The same prompt and completion in every form. `rows[t]` is the distribution of the id after t."""
    ids = prompt_ids + completion
    start = len(prompt_ids)
    scored = list(range(start, len(ids)))
    usage = {"prompt_tokens": start, "completion_tokens": len(completion)}

    def lists(places, name):
        return {
            "tokens": [name(ids[t]) for t in places],
            "token_logprobs": [float(rows[t - 1][ids[t]]) if t else None for t in places],
            "top_logprobs": [{name(i): float(rows[t - 1][i]) for i in top(rows[t - 1])} if t else None for t in places],
            "text_offset": [0 for _ in places],
        }

    def content(with_id):
        return [
            names.entry(rows[t - 1], ids[t], with_id)
            | {"top_logprobs": [names.entry(rows[t - 1], i, with_id) for i in top(rows[t - 1])]}
            for t in scored
        ]

    text, tagged = (lambda i: names.pieces[i]), (lambda i: f"token_id:{i}")
    prompt_logprobs = [None] + [
        {
            str(i): {"logprob": float(rows[t - 1][i]), "rank": 1, "decoded_token": names.pieces[i]}
            for i in dict.fromkeys([ids[t]] + top(rows[t - 1]))
        }
        for t in range(1, start)
    ]
    return {
        "completions": {
            "request": {"prompt": prompt, "logprobs": K},
            "response": {"choices": [{"index": 0, "logprobs": lists(scored, text)}], "usage": usage},
        },
        "echo": {"choices": [{"index": 0, "logprobs": lists(range(len(ids)), tagged)}], "usage": usage},
        "prompt_logprobs": {
            "choices": [
                {
                    "index": 0,
                    "prompt_token_ids": prompt_ids,
                    "token_ids": completion,
                    "prompt_logprobs": prompt_logprobs,
                    "logprobs": lists(scored, lambda i: f"token_id:{i}"),
                }
            ]
        },
        "chat": {
            "choices": [{"index": 0, "logprobs": {"content": content(False)}, "message": {"role": "assistant"}}],
            "prompt_token_ids": prompt_ids,
        },
        "native": {
            "prompt": "<s>" + prompt,
            "tokens_evaluated": start,
            "completion_probabilities": content(True),
        },
    }


def main():
    teacher, student = (load(name) for name in ("teacher", "student"))
    vocabulary = teacher.config.vocab_size
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    (HERE / "text.txt").write_text(TEXT)
    sentencepiece.SentencePieceTrainer.train(
        input=str(HERE / "text.txt"), model_prefix=str(HERE / "tokenizer"), vocab_size=vocabulary, model_type="bpe",
        hard_vocab_limit=True, bos_id=BOS, eos_id=2, unk_id=0, normalization_rule_name="identity", split_digits=False,
        remove_extra_whitespaces=False, user_defined_symbols=["\n"], max_sentence_length=65536, num_threads=1,
    )
    (HERE / "tokenizer.vocab").unlink()
    processor = sentencepiece.SentencePieceProcessor(model_file=str(HERE / "tokenizer.model"))
    tokens = [BOS] + processor.encode(TEXT)
    assert len(tokens) >= CHUNK * CHUNKS and len(tokens) >= 2 * CHUNK, len(tokens)
    tokens = tokens[: CHUNK * CHUNKS]

    expected = {"kld": {}, "logprobs": {}}
    for name, sharpness in (("text", 1.0), ("sharp", SHARPNESS)):
        rows, divergences, losses, floor = [], [], [], []
        for start in range(0, len(tokens), CHUNK):
            chunk = [BOS] + tokens[start + 1 : start + CHUNK]
            p, q = log_probabilities(teacher, chunk, sharpness), log_probabilities(student, chunk)
            for place in range(CHUNK // 2, CHUNK - 1):
                rows.append(p[place])
                divergences.append(kl(p[place], q[place]))
                losses.append(-p[place][chunk[place + 1]])
                below = p[place] <= p[place].max() - 16
                floor.append(numpy.exp(p[place][below]).sum())
        write_kld(HERE / f"{name}.kld", tokens, vocabulary, rows)
        expected["kld"][name] = {
            "divergence": float(numpy.mean(divergences)), "cross_entropy": float(numpy.mean(losses)),
            "below_floor": float(numpy.mean(floor)), "tokens": len(rows),
        }

    generator = torch.Generator().manual_seed(5)
    names, lines, sums = Names(processor), {}, {False: [], True: []}
    documents = []
    for number, prompt in enumerate(PROMPTS):
        prompt_ids = [BOS] + processor.encode(prompt)
        ids = list(prompt_ids)
        for _ in range(6 + 3 * number):
            p = torch.tensor(numpy.exp(log_probabilities(teacher, ids)[-1]))
            p[:3] = 0
            ids.append(int(torch.multinomial(p, 1, generator=generator)))
        documents.append({"prompt": prompt_ids, "completion": ids[len(prompt_ids) :]})
        rows, q = log_probabilities(teacher, ids), log_probabilities(student, ids)
        for form, line in make_lines(names, prompt, prompt_ids, ids[len(prompt_ids) :], rows).items():
            lines.setdefault(form, []).append(line)
        for t in range(1, len(ids)):
            listed = dict.fromkeys(top(rows[t - 1]) + [ids[t]])
            found = (listed_kl(rows[t - 1], q[t - 1], listed), -rows[t - 1][ids[t]])
            sums[True].append(found)
            if t >= len(prompt_ids):
                sums[False].append(found)
    for form, responses in lines.items():
        (HERE / f"{form}.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in responses))
        found = sums[form in ("echo", "prompt_logprobs")]
        expected["logprobs"][form] = {
            "divergence": float(numpy.mean([kl for kl, _ in found])),
            "cross_entropy": float(numpy.mean([loss for _, loss in found])), "tokens": len(found),
        }
    expected["documents"] = documents
    reference.write_json(HERE / "expected.json", expected)
    print(f"recorded: {reference.folder_size(HERE):,} bytes; {expected['kld']}")


if __name__ == "__main__":
    main()
