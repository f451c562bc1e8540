#include <sentencepiece_trainer.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <unordered_map>

#include "CSentencePiece.h"
#include "ChildProcess.h"
#include "Guard.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// The child starts threads, as the trainer does anywhere.
extern "C" const char *__tsan_default_options() { return "die_after_fork=0"; }
#endif
#endif

namespace {

using limbeck::Channel;
using limbeck::ChildProcess;
using Arguments = std::unordered_map<std::string, std::string>;

// Hands the sentences that come through a channel to the trainer.
class Sentences : public sentencepiece::SentenceIterator {
 public:
  explicit Sentences(Channel &channel) : channel_(channel) { Next(); }
  bool done() const override { return done_; }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }
  void Next() override { done_ = !channel_.receive(value_); }

 private:
  Channel &channel_;
  std::string value_;
  bool done_ = false;
};

// Trains in the child, and sends "+" and the model, or "-" and a message.
void train(const Arguments &arguments, Channel &channel) {
  std::string model, failure;
  try {
    sentencepiece::logging::SetMinLogLevel(3);
    Sentences sentences(channel);
    const auto status = sentencepiece::SentencePieceTrainer::Train(arguments, &sentences, &model);
    if (!status.ok()) failure = status.error_message();
  } catch (const std::exception &error) {
    failure = error.what();
  }
  const std::string result = failure.empty() ? "+" + model : "-" + failure;
  channel.send(result.data(), result.size());
  channel.flush();
}

}  // namespace

int sentencepiece_train(const char *const *keys, const char *const *values, size_t options,
                        sentencepiece_next_sentence next, void *context, char **model, size_t *size,
                        char **message) {
  return limbeck::guarded(message, [&] {
    Arguments arguments{{"minloglevel", "3"}};
    for (size_t i = 0; i < options; ++i) arguments[keys[i]] = values[i];
    ChildProcess child([&](Channel &channel) { train(arguments, channel); });
    const char *bytes = nullptr;
    size_t count = 0;
    int more = 0;
    // A child that is gone says why below.
    while ((more = next(context, &bytes, &count)) > 0 && child.channel().send(bytes, count)) {
    }
    if (more < 0) throw std::runtime_error("the text could not be read");
    child.channel().flush();
    child.channel().finish();
    std::string result;
    if (!child.channel().receive(result) || result.empty()) throw std::runtime_error(child.failure());
    if (result[0] != '+') throw std::runtime_error(result.substr(1));
    *model = limbeck::copy(result.data() + 1, result.size() - 1);
    *size = result.size() - 1;
  });
}
