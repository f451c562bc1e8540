#include "CSentencePiece.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "Guard.h"
#include "Unigram.h"

struct sentencepiece_processor {
  sentencepiece::SentencePieceProcessor library;
};

struct sentencepiece_unigram {
  limbeck::Unigram encoder;
};

namespace {

using limbeck::guarded;
using limbeck::require;
using limbeck::space_symbol;

// Texts are handed to threads in groups of about so many bytes: large enough to be worth it, small enough to end
// together.
constexpr size_t group_bytes = 1 << 15;

// Encodes one text after another, on one thread.
class Encoding {
 public:
  explicit Encoding(const sentencepiece_encoder &encoder) : encoder_(encoder) {}

  // Appends the ids of `text`, encoded in this way, to `ids`.
  void append(std::string_view text, uint8_t way, std::vector<int32_t> &ids) {
    const sentencepiece_processor *processors[] = {encoder_.start, encoder_.inner, encoder_.spaced};
    const auto *processor = processors[way & 3];
    if (const int32_t *literal_space = encoder_.literal_space) {
      for (size_t at; (at = text.find(space_symbol)) != text.npos; text.remove_prefix(at + space_symbol.size())) {
        append_by(processor, text.substr(0, at), ids);
        ids.insert(ids.end(), literal_space, literal_space + space_symbol.size());
      }
    }
    append_by(processor, text, ids);
    if (way & sentencepiece_space_follows) ids.insert(ids.end(), encoder_.space, encoder_.space + encoder_.space_count);
  }

 private:
  void append_by(const sentencepiece_processor *processor, std::string_view text, std::vector<int32_t> &ids) {
    if (text.empty()) return;
    if (encoder_.unigram != nullptr && processor == encoder_.inner) {
      encoder_.unigram->encoder.encode(text, scratch_, ids);
    } else {
      require(processor->library.Encode(text, &encoded_));
      ids.insert(ids.end(), encoded_.begin(), encoded_.end());
    }
  }

  const sentencepiece_encoder &encoder_;
  limbeck::Unigram::Scratch scratch_;
  std::vector<int> encoded_;
};

// Calls body(i, state) for each i below count, on up to `threads` threads, each with a state of its own that
// make_state() returns; rethrows the first exception.
template <typename MakeState, typename Body>
void in_parallel(size_t count, size_t threads, MakeState make_state, Body body) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  auto work = [&]() noexcept {
    try {
      auto state = make_state();
      for (size_t i; !failed && (i = next++) < count;) body(i, state);
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  };
  std::vector<std::thread> helpers;
  try {
    for (size_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(work);
  } catch (const std::exception &) {
    // No more threads to be had: those that started do the work.
  }
  work();
  for (auto &helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int sentencepiece_load(const void *model, size_t size, sentencepiece_processor **processor, char **message) {
  return guarded(message, [&] {
    sentencepiece::logging::SetMinLogLevel(3);
    auto loaded = std::make_unique<sentencepiece_processor>();
    require(loaded->library.LoadFromSerializedProto(std::string_view(static_cast<const char *>(model), size)));
    *processor = loaded.release();
  });
}

void sentencepiece_release(sentencepiece_processor *processor) { delete processor; }

int sentencepiece_unigram_make(const sentencepiece_pieces *pieces, sentencepiece_unigram **unigram, char **message) {
  return guarded(message, [&] { *unigram = new sentencepiece_unigram{limbeck::Unigram(*pieces)}; });
}

void sentencepiece_unigram_release(sentencepiece_unigram *unigram) { delete unigram; }

int sentencepiece_encode(const sentencepiece_encoder *encoder, const uint8_t *bytes, const size_t *ends,
                         const uint8_t *ways, size_t texts, size_t threads, int32_t **ids, size_t *id_ends,
                         char **message) {
  return guarded(message, [&] {
    const auto begin_of = [&](size_t text) { return text == 0 ? 0 : ends[text - 1]; };
    // Group g is of the texts from groups[g] to groups[g + 1].
    std::vector<size_t> groups{0};
    for (size_t i = 1; i < texts; ++i) {
      if (ends[i] - begin_of(groups.back()) > group_bytes) groups.push_back(i);
    }
    groups.push_back(texts);
    std::vector<std::vector<int32_t>> results(groups.size() - 1);
    const auto make_encoding = [&] { return Encoding(*encoder); };
    in_parallel(results.size(), threads, make_encoding, [&](size_t group, Encoding &encoding) {
      auto &result = results[group];
      for (size_t i = groups[group]; i < groups[group + 1]; ++i) {
        const std::string_view text(reinterpret_cast<const char *>(bytes) + begin_of(i), ends[i] - begin_of(i));
        encoding.append(text, ways[i], result);
        id_ends[i] = result.size();
      }
    });
    size_t count = 0;
    for (const auto &result : results) count += result.size();
    auto *all = static_cast<int32_t *>(std::malloc(std::max<size_t>(count, 1) * sizeof(int32_t)));
    if (all == nullptr) throw std::bad_alloc();
    size_t at = 0;
    for (size_t group = 0; group < results.size(); ++group) {
      std::copy(results[group].begin(), results[group].end(), all + at);
      for (size_t i = groups[group]; i < groups[group + 1]; ++i) id_ends[i] += at;
      at += results[group].size();
    }
    *ids = all;
  });
}

int sentencepiece_decode(const sentencepiece_processor *processor, const int32_t *ids, size_t count, char **text,
                         size_t *size, char **message) {
  return guarded(message, [&] {
    std::string decoded;
    require(processor->library.Decode(std::vector<int>(ids, ids + count), &decoded));
    *text = limbeck::copy(decoded.data(), decoded.size());
    *size = decoded.size();
  });
}

char *sentencepiece_library_file() {
  // sentencepiece::logging::SetMinLogLevel(int), found where it lies and not where this program jumps to it.
  void *symbol = dlsym(RTLD_DEFAULT, "_ZN13sentencepiece7logging14SetMinLogLevelEi");
  Dl_info info{};
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) return nullptr;
  return realpath(info.dli_fname, nullptr);
}

void sentencepiece_free(void *memory) { std::free(memory); }
