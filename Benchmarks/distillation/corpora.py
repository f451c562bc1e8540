"""The texts, teachers and students on which the methods are compared."""

import functools
import json

STORY_STUDENT = {
    "model_type": "llama",
    "vocab_size": 512,
    "hidden_size": 32,
    "intermediate_size": 88,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-05,
    "tie_word_embeddings": True,
    "initializer_range": 0.05,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


class Corpus:
    """`limbeck` runs the command; everything is made once, below `folder`.

    The held-out text has two parts: on one, learning rates are chosen; the other is what the table reports.
    """

    steps = 250
    # of the products of every run and of its teacher
    precision = "float32"
    batch_size = 8
    sequence_length = 256
    # the grid that control and plain distillation are both tuned on
    learning_rates = (4e-3, 8e-3, 1.6e-2)

    def __init__(self, repository, folder, limbeck):
        self.repository, self.folder, self.limbeck = repository, folder / self.name, limbeck
        self.folder.mkdir(parents=True, exist_ok=True)

    def recipe(self, steps, text=None):
        """Flags of every run; seed and learning rate aside."""
        return ["--text", text or self.train, "--steps", steps, "--batch-size", self.batch_size] + [
            *("--sequence-length", self.sequence_length, "--warmup-steps", steps // 8),
        ]

    def split(self, text, parts):
        """Writes consecutive parts of a text, cut at paragraphs, as given by their shares."""
        start, total = 0, len(text)
        for name, share in parts:
            end = min(total, start + int(share * total))
            end = total if name == parts[-1][0] else text.find("\n", end) + 1 or total
            (self.folder / f"{name}.txt").write_text(text[start:end])
            start = end


class Austen(Corpus):
    """Six novels; the teacher and the student of the demo."""

    name = "austen"
    title = "Austen: six novels, V = 2,048; teacher 192 × 4 layers, student 96 × 3"
    window = 256
    pruning = ("--count", 3, "--hidden-size", 96, "--heads", 3, "--key-value-heads", 3, "--feed-forward-size", 256)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.recipes = self.repository / "recipes/austen"
        self.tokenizer = self.repository / "tokenizers/austen-2048.model"
        self.student = self.recipes / "student.json"
        text = self.repository / "runs/austen"
        self.train = text / "train"
        novels = sorted((text / "validation").glob("*.txt"))
        self.tuning, self.test = novels[0::2], novels[1::2]

    @functools.cache
    def teacher(self, seed=1):
        folder = self.folder / f"teacher-{seed}"
        if not folder.exists():
            flags = ["--model", self.recipes / "teacher.json", "--tokenizer", self.tokenizer, "--text", self.train]
            flags += ["--steps", 450, "--batch-size", 8, "--sequence-length", 256, "--warmup-steps", 50]
            self.limbeck("train", *flags, "--learning-rate", "3e-3", "--seed", seed, "--output", folder)
        return folder


class TinyStories(Corpus):
    """Stories for children; a teacher that others trained, on two thousand times as much text."""

    name = "tinystories"
    title = "TinyStories: 0.8 MB, V = 512; teacher stories260K (64 × 5 layers), student 32 × 3"
    window = 256
    batch_size = 16
    pruning = ("--count", 3, "--hidden-size", 32, "--heads", 4, "--key-value-heads", 2, "--feed-forward-size", 88)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        shared = self.repository.parent / "shared"
        self.given = shared / "models/stories260K"
        self.tokenizer = self.given / "tokenizer.model"
        self.student = self.folder / "student.json"
        self.student.write_text(json.dumps(STORY_STUDENT, indent=1) + "\n")
        self.train = self.folder / "train.txt"
        self.tuning, self.test = [self.folder / "tuning.txt"], [self.folder / "test.txt"]
        if not self.test[0].exists():
            text = (shared / "data/tinystories.txt").read_text()
            self.split(text, [("train", 0.9), ("tuning", 0.05), ("test", 0.05)])

    @functools.cache
    def teacher(self, seed=1):
        """The second teacher is trained here, on this text alone."""
        if seed == 1:
            return self.given
        folder = self.folder / f"teacher-{seed}"
        if not folder.exists():
            config = json.loads((self.given / "config.json").read_text())
            file = self.folder / "teacher.json"
            file.write_text(json.dumps(config | {"initializer_range": 0.05}) + "\n")
            flags = ["--model", file, "--tokenizer", self.tokenizer, *self.recipe(800), "--learning-rate", "4e-3"]
            self.limbeck("train", *flags, "--seed", seed, "--output", folder)
        return folder


CORPORA = {corpus.name: corpus for corpus in (Austen, TinyStories)}
