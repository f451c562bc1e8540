#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "CSentencePiece.h"
#include "Guard.h"

namespace {

// Hands the caller's sentences to the trainer.
class Sentences : public sentencepiece::SentenceIterator {
 public:
  Sentences(sentencepiece_next_sentence next, void *context) : next_(next), context_(context) { Next(); }
  bool done() const override { return done_; }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    const char *bytes = nullptr;
    size_t size = 0;
    done_ = next_(context_, &bytes, &size) == 0;
    if (!done_) value_.assign(bytes, size);
  }

 private:
  sentencepiece_next_sentence next_;
  void *context_;
  std::string value_;
  bool done_ = false;
};

}  // namespace

int sentencepiece_train(const char *const *keys, const char *const *values, size_t options,
                        sentencepiece_next_sentence next, void *context, char **model, size_t *size,
                        char **message) {
  return limbeck::guarded(message, [&] {
    sentencepiece::logging::SetMinLogLevel(3);
    std::unordered_map<std::string, std::string> arguments{{"minloglevel", "3"}};
    for (size_t i = 0; i < options; ++i) arguments[keys[i]] = values[i];
    Sentences sentences(next, context);
    std::string serialized;
    limbeck::require(sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &serialized));
    *model = limbeck::copy(serialized.data(), serialized.size());
    *size = serialized.size();
  });
}
