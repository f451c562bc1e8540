"""Makes tasks/: questions from shakespeare.txt, and what EleutherAI's lm-evaluation-harness makes of the answers of
stories260K (a model of ../shared). Or compares the answers of any model, as `limbeck evaluate --answers` writes them.

Run:  python3 -m venv venv && venv/bin/pip install torch==2.13.0 transformers==5.24.0 lm_eval==0.4.13 accelerate \\
        sentencepiece protobuf
      limbeck student --from ../shared/models/stories260K --output stories   # with a tokenizer.json, which has BOS
      venv/bin/python Tests/Fixtures/make_task_fixtures.py stories

      limbeck evaluate --model DIR --tasks A.jsonl B.jsonl --answers ours.jsonl
      venv/bin/python Tests/Fixtures/make_task_fixtures.py DIR --tasks A.jsonl B.jsonl --compare ours.jsonl

The tasks are local files for lm_eval, too: dataset_path json, with the settings of its own multiple_choice tasks and of
its gsm8k without examples. Nothing is fetched. Rows have question, choices and answer (a place), or question and
answer.
"""

import argparse
import json
import os
import pathlib
import random
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

FIXTURES = pathlib.Path(__file__).parent
CHOICES = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: multiple_choice
doc_to_text: question
doc_to_choice: choices
doc_to_target: answer
metric_list: [{{metric: acc}}, {{metric: acc_norm}}]
"""
NUMBERS = r"""
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{file}"}}}}
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: answer
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true, ignore_punctuation: false,
     regexes_to_ignore: [",", "\\$", "(?s).*#### ", "\\.$"]}}
generation_kwargs: {{until: ["Question:", "</s>", "<|im_end|>"], do_sample: false, temperature: 0.0}}
filter_list:
  - name: strict-match
    filter: [{{function: regex, regex_pattern: "#### (\\-?[0-9\\.\\,]+)"}}, {{function: take_first}}]
  - name: flexible-extract
    filter:
      - {{function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{{2,}})|(-?[0-9]+)"}}
      - {{function: take_first}}
"""


def read(file):
    return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]


def write(file, rows):
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def choice_questions(count=220):
    """Which words go on a text: four choices, and in every tenth row something that is hard to do as lm_eval does."""
    words = (FIXTURES / "gemma" / "shakespeare.txt").read_text().split()
    draw = random.Random(1)

    def span(length):
        start = draw.randrange(len(words) - length)
        return words[start : start + length]

    rows = []
    for index in range(count):
        kind = index % 10
        length = 330 if index % 20 == 7 else draw.randrange(4, 40)
        ending = 1 if kind == 4 else draw.randrange(2, 9)
        text = span(length + ending)
        question = " ".join(text[:length])
        choices = [" ".join(text[length:])] + [" ".join(span(draw.randrange(1, ending + 2))) for _ in range(3)]
        if kind == 1:
            question += draw.choice([" ", "  ", "\n", " \n\u00a0"])
        if kind == 2:
            question = draw.choice(["", " "])
        if kind == 3:
            choices = choices[:2]
        if kind == 5:
            choices = [draw.choice(["café – ", "\n", "naïve ", "🦊 ", "日本 ", " "]) + choice for choice in choices]
        if kind == 6:
            choices += [choices[1]]
        if kind == 9:
            choices = draw.sample(["a", "I", ",", ".", "O", "no", "?", "the"], 4)
        right = draw.randrange(len(choices)) if kind in (6, 9) else 0
        order = list(range(len(choices)))
        draw.shuffle(order)
        rows.append(
            {"question": question, "choices": [choices[place] for place in order], "answer": order.index(right)}
        )
    return rows


def number_questions(count=60):
    """Sums behind three examples, and numbers that are to be repeated; some longer than a context of 512."""
    draw = random.Random(2)

    def summands():
        return draw.randrange(2, 30), draw.randrange(2, 10)

    def asked(first, second):
        return f"Question: What is {first} + {second}?\nAnswer:"

    rows = []
    for index in range(count):
        pairs = [summands() for _ in range(3)]
        examples = [f"{asked(a, b)} {a} + {b} = {a + b}\n#### {a + b}\n\n" for a, b in pairs]
        first, second = summands()
        question = "".join(examples) + asked(first, second)
        answer = f"{first} + {second} = {first + second}\n#### {first + second}"
        if index % 4 == 1:
            question = f"#### {first}\n\n" * draw.randrange(3, 9) + "####"
            answer = first
        if index % 7 == 3:
            question = f"1, 2, {first}. " * draw.randrange(3, 60)
            answer = f"#### {first}"
        rows.append({"question": question, "answer": str(answer)})
    return rows


def evaluate(model, files, batch_size):
    """The results of lm_eval, by task."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for file in files:
            rows = [{key: row[key] for key in ("question", "choices", "answer") if key in row} for row in read(file)]
            write(folder / file.name, rows)
            settings = CHOICES if "choices" in rows[0] else NUMBERS
            (folder / f"{file.stem}.yaml").write_text(settings.format(name=file.stem, file=folder / file.name))
        found = lm_eval.simple_evaluate(
            model="hf",
            model_args={"pretrained": str(model), "dtype": "float32"},
            tasks=[file.stem for file in files],
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            batch_size=batch_size,
            device="cpu",
            log_samples=True,
            bootstrap_iters=1000,
        )
    results = {}
    for file in files:
        samples = sorted(found["samples"][file.stem], key=lambda sample: sample["doc_id"])
        sums = {key: value for key, value in found["results"][file.stem].items() if isinstance(value, float)}
        if "choices" in samples[0]["doc"]:
            answers = [[float(value) for value, _ in sample["filtered_resps"]] for sample in samples]
            right = {name: [int(sample[name]) for sample in samples] for name in ("acc", "acc_norm")}
        else:
            strict = [sample for sample in samples if sample["filter"] == "strict-match"]
            flexible = [sample for sample in samples if sample["filter"] == "flexible-extract"]
            answers = [sample["resps"][0][0] for sample in strict]
            right = {
                "exact_match_strict": [int(sample["exact_match"]) for sample in strict],
                "exact_match_flexible": [int(sample["exact_match"]) for sample in flexible],
            }
        results[file.stem] = {"sums": sums, "right": right, "answers": answers}
    return results


def compare(results, file):
    """Prints how far the answers of Limbeck are from those of lm_eval."""
    for name, expected in results.items():
        rows = [row for row in read(file) if row["task"] == name]
        assert len(rows) == len(expected["answers"]), f"{name}: {len(rows)} answers of {len(expected['answers'])}"
        print(f"{name}: {len(rows)} questions; lm_eval: {expected['sums']}")
        for metric, right in expected["right"].items():
            ours = [int(row["right"][metric]) for row in rows]
            unlike = [place for place, pair in enumerate(zip(ours, right)) if pair[0] != pair[1]]
            print(f"  {metric}: ours {sum(ours)}, theirs {sum(right)} right, unlike in {unlike}")
        if "log_likelihoods" in rows[0]:
            pairs = [
                (abs(a - b), abs(b))
                for row, values in zip(rows, expected["answers"])
                for a, b in zip(row["log_likelihoods"], values, strict=True)
            ]
            print(f"  log-likelihoods: {len(pairs)}, of up to {max(b for _, b in pairs):.1f} nats; largest difference")
            print(f"  {max(a for a, _ in pairs):.2e}, mean {sum(a for a, _ in pairs) / len(pairs):.2e} nats")
        else:
            same = [row["generated"] == text for row, text in zip(rows, expected["answers"])]
            print(f"  the same text: {sum(same)} of {len(same)}")
            for place in [place for place, is_same in enumerate(same) if not is_same][:3]:
                print(f"  {place}: {rows[place]['generated']!r}\n  lm_eval: {expected['answers'][place]!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a model folder that transformers reads")
    parser.add_argument("--tasks", type=pathlib.Path, nargs="+")
    parser.add_argument("--compare", type=pathlib.Path, help="what limbeck evaluate --answers wrote")
    parser.add_argument("--batch-size", type=int, default=1, help="of lm_eval; 1 leaves no padding to differ by")
    options = parser.parse_args()
    if options.tasks:
        results = evaluate(options.model, options.tasks, options.batch_size)
        compare(results, options.compare)
        return
    folder = FIXTURES / "tasks"
    files = [folder / "choices.jsonl", folder / "numbers.jsonl"]
    write(files[0], choice_questions())
    write(files[1], number_questions())
    results = evaluate(options.model, files, 1)
    for result in results.values():
        if isinstance(result["answers"][0], list):
            result["answers"] = [[round(value, 5) for value in values] for values in result["answers"]]
    (folder / "expected.json").write_text(json.dumps(results, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main()
