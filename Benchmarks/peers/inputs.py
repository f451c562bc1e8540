"""What project and peers both work on, made on first use in a temporary folder, or found beside the repository."""

import functools
import pathlib
import random
import shutil

import processes

ENCODED_BYTES = 32 << 20
GENERATED_WORDS = 60_000


class Inputs:
    """Every file is made once; `python` runs the makers."""

    def __init__(self, folder, python, limbeck, repository, model=None, text=None):
        self.folder = folder
        self.python = python
        self.limbeck = limbeck
        self.repository = repository
        self.own_tokenizer = repository / "tokenizers/austen-4096.model"
        shared = repository.parent / "shared"
        story_model, stories = shared / "models/stories260K", shared / "data/tinystories.txt"
        self.given_model = model or (story_model if text is None and story_model.is_dir() else None)
        self.given_text = text or (stories if stories.is_file() else None)

    def script(self, name):
        return pathlib.Path(__file__).parent / name

    @functools.cache
    def steps(self, shape):
        """The folder of teacher, student and batch."""
        folder = self.folder / f"step-{shape}"
        processes.run([self.python, self.script("pytorch_step.py"), "--shape", shape, "--write", folder])
        return folder

    @functools.cache
    def family_steps(self, family):
        """The folder of teacher, student and batch of the small shape."""
        folder = self.folder / f"step-family-{family}"
        command = [self.python, self.script("pytorch_step.py"), "--shape", "small", "--family", family]
        processes.run([*command, "--write", folder])
        return folder

    @functools.cache
    def family_model(self, family):
        folder = self.folder / f"model-family-{family}"
        processes.run([self.python, self.script("families.py"), family, folder])
        return folder

    @functools.cache
    def random_model(self, shape):
        folder = self.folder / f"model-{shape}"
        processes.run([self.python, self.script("random_models.py"), shape, folder])
        return folder

    @functools.cache
    def gguf(self, shape, type="f32"):
        file = self.folder / f"model-{shape}-{type}.gguf"
        processes.run([self.limbeck, "export", "--model", self.random_model(shape), "--output", file, "--type", type])
        return file

    @functools.cache
    def scored_model(self):
        """A model of 256 × 6 layers with random weights and the project's tokenizer."""
        folder = self.folder / "model-scored"
        shutil.copytree(self.steps("small") / "teacher", folder)
        config = folder / "config.json"
        # the steps' sequences have 256 tokens, windows 512
        config.write_text(config.read_text().replace('"max_position_embeddings": 256', '"max_position_embeddings": 512'))
        shutil.copy(self.own_tokenizer, folder / "tokenizer.model")
        return folder

    @functools.cache
    def text(self):
        """The given text, or made-up words of made-up syllables, the earlier ones more often."""
        if self.given_text:
            return self.given_text
        generator = random.Random(1)
        syllables = [a + b for a in "bdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "ay", "er", "in", "ou")]
        lexicon = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(5_000)]
        odds = [1 / rank for rank in range(1, len(lexicon) + 1)]
        words = generator.choices(lexicon, odds, k=GENERATED_WORDS)
        lines = [" ".join(words[start : start + 12]) + "." for start in range(0, len(words), 12)]
        file = self.folder / "text.txt"
        file.write_text("\n".join(lines) + "\n")
        return file

    @functools.cache
    def long_text(self):
        """The text repeated to tens of megabytes."""
        text = self.text().read_bytes().rstrip(b"\n") + b"\n"
        file = self.folder / "long-text.txt"
        with open(file, "wb") as target:
            for _ in range(-(-ENCODED_BYTES // len(text))):
                target.write(text)
        return file
