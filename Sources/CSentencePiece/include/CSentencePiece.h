// A C interface over libsentencepiece's C++ one. Every function catches every C++ exception.
//
// A function that can fail returns 0 on success; otherwise it returns 1, sets *message to a text (or to NULL where
// memory for one was lacking) and leaves its other results untouched. Results and messages are freed with
// sentencepiece_free. A processor is immutable: any number of threads may use one at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sentencepiece_processor sentencepiece_processor;

// Loads a serialized ModelProto.
int sentencepiece_load(const void *model, size_t size, sentencepiece_processor **processor, char **message);
void sentencepiece_release(sentencepiece_processor *processor);

// The pieces of a model: their texts, one after another in `bytes` (piece i ends before byte ends[i]), scores and
// kinds.
typedef struct {
  const uint8_t *bytes;
  const size_t *ends;
  const float *scores;
  const uint8_t *kinds;
  size_t count;
} sentencepiece_pieces;

typedef struct sentencepiece_unigram sentencepiece_unigram;

// Makes what encodes by a unigram model as libsentencepiece does, but faster. The model must load, have no piece longer
// than 1024 bytes, and change no text but for writing spaces as U+2581.
int sentencepiece_unigram_make(const sentencepiece_pieces *pieces, sentencepiece_unigram **unigram, char **message);
void sentencepiece_unigram_release(sentencepiece_unigram *unigram);

// What encodes: `start` the texts that begin, `inner` those that go on from another one, `spaced` those that go on with
// a space where the model removes spaces at the ends of a text, or `unigram` (NULL if there is none) whatever `inner`
// would. With literal_space (three ids, or NULL) each U+2581, which SentencePiece takes for a space, becomes those ids
// instead. `space` are the ids of a space that stands alone.
typedef struct {
  const sentencepiece_processor *start, *inner, *spaced;
  const sentencepiece_unigram *unigram;
  const int32_t *literal_space;
  const int32_t *space;
  size_t space_count;
} sentencepiece_encoder;

// How a text is encoded: by which of the three, and whether a space of its own follows.
typedef enum sentencepiece_way {
  sentencepiece_by_start = 0,
  sentencepiece_by_inner = 1,
  sentencepiece_by_spaced = 2,
  sentencepiece_space_follows = 4,
} sentencepiece_way;

// Encodes `texts` texts of UTF-8 that lie one after another in `bytes`; text i ends before byte ends[i], and ways[i]
// says how it is encoded. The ids of all texts come one after another in *ids; those of text i end before id_ends[i]
// (room for `texts` numbers, given by the caller). Up to `threads` threads work.
int sentencepiece_encode(const sentencepiece_encoder *encoder, const uint8_t *bytes, const size_t *ends,
                         const uint8_t *ways, size_t texts, size_t threads, int32_t **ids, size_t *id_ends,
                         char **message);

// Decodes ids, each of which must be in the vocabulary, to UTF-8.
int sentencepiece_decode(const sentencepiece_processor *processor, const int32_t *ids, size_t count, char **text,
                         size_t *size, char **message);

// Sets the next sentence to train on and returns 1, or returns 0 at the end, or -1 where the text cannot be read. The
// bytes must stay valid until the next call.
typedef int (*sentencepiece_next_sentence)(void *context, const char **bytes, size_t *size);

// Trains a model with libsentencepiece's options `keys[i] = values[i]`, and returns it as a serialized ModelProto. The
// library does it in a process of its own, because it ends the process where a text or an option is not as it expects.
int sentencepiece_train(const char *const *keys, const char *const *values, size_t options,
                        sentencepiece_next_sentence next, void *context, char **model, size_t *size,
                        char **message);

// The file of libsentencepiece that this process has loaded, to be freed with sentencepiece_free; NULL if that cannot
// be told.
char *sentencepiece_library_file(void);

void sentencepiece_free(void *memory);

#ifdef __cplusplus
}
#endif
