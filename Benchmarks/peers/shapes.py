"""The sizes of the training steps that are timed, and how much their matrix products are."""

from typing import NamedTuple

LENGTH = 256


class Sizes(NamedTuple):
    hidden: int
    layers: int
    heads: int
    intermediate: int

    def map_weights(self):
        """Of the linear maps, which are nearly all weights outside the embedding."""
        return self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.intermediate)

    def weights(self, vocabulary):
        """All of them, with the head tied to the embedding."""
        return self.map_weights() + (2 * self.layers + 1 + vocabulary) * self.hidden

    def multiply_adds(self, vocabulary, tokens, counted):
        """Of a forward pass: linear maps over all tokens, the head over the counted ones; attention's are left out."""
        return tokens * self.map_weights() + counted * self.hidden * vocabulary

    def attention_multiply_adds(self, length):
        """Of a forward pass over one sequence: each token's scores with those before it, and their mean of values."""
        return self.layers * self.hidden * length * (length + 1)

    def forward_gflop(self, vocabulary, length, counted):
        """All products of a forward pass over one sequence, attention's included."""
        return 2e-9 * (self.multiply_adds(vocabulary, length, counted) + self.attention_multiply_adds(length))

    def __str__(self):
        return f"{self.hidden} × {self.layers}"


class Shape(NamedTuple):
    vocabulary: int
    batch: int
    teacher: Sizes
    student: Sizes
    length: int = LENGTH

    def distillation_gflop(self):
        """The matrix products of a step: the student's backward pass has two for each one of its forward pass."""
        tokens, counted = self.tokens(), self.batch * (self.length - 1)
        teacher = self.teacher.multiply_adds(self.vocabulary, tokens, counted)
        student = self.student.multiply_adds(self.vocabulary, tokens, counted)
        return 2e-9 * (teacher + 3 * student)

    def attention_gflop(self):
        """Attention's products of a step: its backward pass computes the scores again and then has four more."""
        teacher, student = (sizes.attention_multiply_adds(self.length) for sizes in (self.teacher, self.student))
        return 2e-9 * self.batch * (teacher + 3.5 * student)

    def least_gflop(self, objective):
        """Of a step's products, attention's included, those of the frozen teacher and those of the model that is trained,
        none of them computed twice."""

        teacher, student = (
            self.batch * sizes.forward_gflop(self.vocabulary, self.length, self.length - 1)
            for sizes in (self.teacher, self.student)
        )
        return (0, 3 * teacher) if objective == "language-model" else (teacher, 3 * student)

    def tokens(self):
        return self.batch * self.length

    def weights(self):
        """Of teacher and student."""
        return self.teacher.weights(self.vocabulary) + self.student.weights(self.vocabulary)


SHAPES = {
    "reference": Shape(32_000, 8, Sizes(288, 6, 6, 768), Sizes(144, 3, 6, 384)),
    "small": Shape(4_096, 16, Sizes(256, 6, 8, 704), Sizes(128, 3, 4, 352)),
}
