// The properties of Unicode's scalar values that huggingface/tokenizers sees in text: see Scripts/unicode-tables.py.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The scalar values from `low` to `high`, both included.
typedef struct {
  uint32_t low, high;
} unicode_range;

typedef struct {
  uint32_t first, second, third;
} unicode_triple;

// \p{L}, \p{N}, \p{M}, \p{P}, \p{S} and \s of oniguruma, as tokenizers has it.
extern const unicode_range *const unicode_letters;
extern const size_t unicode_letters_count;
extern const unicode_range *const unicode_numbers;
extern const size_t unicode_numbers_count;
extern const unicode_range *const unicode_marks;
extern const size_t unicode_marks_count;
extern const unicode_range *const unicode_punctuation;
extern const size_t unicode_punctuation_count;
extern const unicode_range *const unicode_symbols;
extern const size_t unicode_symbols_count;
extern const unicode_range *const unicode_spaces;
extern const size_t unicode_spaces_count;
// What the pre-tokenizer Digits takes for a digit.
extern const unicode_range *const unicode_digits;
extern const size_t unicode_digits_count;

// What may change in NFC, alone or beside what precedes it.
extern const unicode_range *const unicode_maybe_composed;
extern const size_t unicode_maybe_composed_count;
// Ranges and their canonical combining class, where that is not 0.
extern const unicode_triple *const unicode_combining_classes;
extern const size_t unicode_combining_classes_count;
// A scalar value, a place in its full canonical decomposition, and what stands there; by value and place.
extern const unicode_triple *const unicode_decompositions;
extern const size_t unicode_decompositions_count;
// Two scalar values and what they compose to.
extern const unicode_triple *const unicode_compositions;
extern const size_t unicode_compositions_count;
