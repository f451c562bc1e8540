#include "CSentencePiece.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "Guard.h"

struct sentencepiece_processor {
  sentencepiece::SentencePieceProcessor library;
};

namespace {

using limbeck::guarded;
using limbeck::require;

void append_encoded(const sentencepiece::SentencePieceProcessor &library, std::string_view text,
                    std::vector<int> &ids) {
  if (text.empty()) return;
  std::vector<int> encoded;
  require(library.Encode(text, &encoded));
  ids.insert(ids.end(), encoded.begin(), encoded.end());
}

std::vector<int> encoded(const sentencepiece::SentencePieceProcessor &library, std::string_view text,
                         const int32_t *literal_space) {
  constexpr std::string_view space_symbol = "\xE2\x96\x81";
  std::vector<int> ids;
  if (literal_space != nullptr) {
    for (size_t at; (at = text.find(space_symbol)) != std::string_view::npos;
         text.remove_prefix(at + space_symbol.size())) {
      append_encoded(library, text.substr(0, at), ids);
      ids.insert(ids.end(), literal_space, literal_space + space_symbol.size());
    }
  }
  append_encoded(library, text, ids);
  return ids;
}

// Calls body(i) for each i below count, on up to `threads` threads; rethrows the first exception.
template <typename Body>
void in_parallel(size_t count, size_t threads, Body body) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  auto work = [&]() noexcept {
    try {
      for (size_t i; !failed && (i = next++) < count;) body(i);
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

int sentencepiece_encode(const sentencepiece_processor *start, const sentencepiece_processor *inner,
                         const uint8_t *bytes, const size_t *ends, const uint8_t *is_start, size_t texts,
                         const int32_t *literal_space, size_t threads, int32_t **ids, size_t *id_ends,
                         char **message) {
  return guarded(message, [&] {
    std::vector<std::vector<int>> results(texts);
    in_parallel(texts, threads, [&](size_t i) {
      const size_t begin = i == 0 ? 0 : ends[i - 1];
      const std::string_view text(reinterpret_cast<const char *>(bytes) + begin, ends[i] - begin);
      results[i] = encoded((is_start[i] ? start : inner)->library, text, literal_space);
    });
    size_t count = 0;
    for (const auto &result : results) count += result.size();
    auto *all = static_cast<int32_t *>(std::malloc(std::max<size_t>(count, 1) * sizeof(int32_t)));
    if (all == nullptr) throw std::bad_alloc();
    size_t at = 0;
    for (size_t i = 0; i < texts; ++i) {
      std::copy(results[i].begin(), results[i].end(), all + at);
      at += results[i].size();
      id_ends[i] = at;
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

void sentencepiece_free(void *memory) { std::free(memory); }
