"""The sizes of the training steps that are timed, and how much their matrix products are."""

from typing import NamedTuple

LENGTH = 256


class Sizes(NamedTuple):
    hidden: int
    layers: int
    heads: int
    intermediate: int

    def multiply_adds(self, vocabulary, tokens, counted):
        """Of a forward pass: linear maps over all tokens, the head over the counted ones; attention's are left out."""
        maps = self.layers * (4 * self.hidden**2 + 3 * self.hidden * self.intermediate)
        return tokens * maps + counted * self.hidden * vocabulary


class Shape(NamedTuple):
    vocabulary: int
    batch: int
    teacher: Sizes
    student: Sizes

    def distillation_gflop(self):
        """The matrix products of a step: the student's backward pass has two for each one of its forward pass."""
        tokens, counted = self.batch * LENGTH, self.batch * (LENGTH - 1)
        teacher = self.teacher.multiply_adds(self.vocabulary, tokens, counted)
        student = self.student.multiply_adds(self.vocabulary, tokens, counted)
        return 2e-9 * (teacher + 3 * student)


SHAPES = {
    "reference": Shape(32_000, 8, Sizes(288, 6, 6, 768), Sizes(144, 3, 6, 384)),
    "small": Shape(4_096, 16, Sizes(256, 6, 8, 704), Sizes(128, 3, 4, 352)),
}
