#include "Unigram.h"

#include <algorithm>
#include <cfloat>
#include <string>

namespace limbeck {

namespace {

// SentencePiece's numbers for types of pieces.
enum Kind : uint8_t { normal = 1, unknown = 2, user_defined = 4, byte = 6 };

size_t character_length(char lead) {
  const auto first = static_cast<uint8_t>(lead);
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

std::string_view piece(const sentencepiece_pieces &pieces, size_t id) {
  const size_t begin = id == 0 ? 0 : pieces.ends[id - 1];
  return {reinterpret_cast<const char *>(pieces.bytes) + begin, pieces.ends[id] - begin};
}

// `text` with a space for each space symbol.
template <typename Output>
void fold_spaces(std::string_view text, Output &output) {
  while (true) {
    const size_t at = text.find(space_symbol);
    const std::string_view before = text.substr(0, at);
    output.insert(output.end(), before.begin(), before.end());
    if (at == std::string_view::npos) return;
    output.push_back(' ');
    text.remove_prefix(at + space_symbol.size());
  }
}

// The trie of the pieces that text can have, with spaces in them rather than space symbols.
PieceTrie trie(const sentencepiece_pieces &pieces) {
  std::vector<std::string> texts(pieces.count);
  std::vector<PieceTrie::Key> keys;
  for (size_t id = 0; id < pieces.count; ++id) {
    const std::string_view bytes = piece(pieces, id);
    // A space of its own is never found: the library has space symbols only by then.
    if ((pieces.kinds[id] != normal && pieces.kinds[id] != user_defined) || bytes.find(' ') != bytes.npos) continue;
    fold_spaces(bytes, texts[id]);
    keys.push_back({texts[id], static_cast<int32_t>(id)});
  }
  std::sort(keys.begin(), keys.end(), [](const auto &a, const auto &b) { return a.bytes < b.bytes; });
  return PieceTrie(keys);
}

}  // namespace

PieceTrie::PieceTrie(const std::vector<Key> &keys) : nodes_(256) {
  nodes_[root].parent = root;
  place(keys, 0, keys.size(), 0, root);
  // Every base may be followed by any byte.
  nodes_.resize(nodes_.size() + 256);
}

// Makes the children of `node`, which the keys from `begin` to `end` pass through after `depth` bytes.
void PieceTrie::place(const std::vector<Key> &keys, size_t begin, size_t end, size_t depth, uint32_t node) {
  if (begin < end && keys[begin].bytes.size() == depth) nodes_[node].id = keys[begin++].id;
  if (begin == end) return;
  std::vector<uint8_t> bytes;
  std::vector<size_t> begins;
  for (size_t i = begin; i < end; ++i) {
    const auto byte = static_cast<uint8_t>(keys[i].bytes[depth]);
    if (!bytes.empty() && bytes.back() == byte) continue;
    bytes.push_back(byte);
    begins.push_back(i);
  }
  begins.push_back(end);
  const uint32_t base = place_for(bytes);
  nodes_[node].base = base;
  for (const uint8_t byte : bytes) nodes_[base + byte].parent = node;
  for (size_t i = 0; i < bytes.size(); ++i) place(keys, begins[i], begins[i + 1], depth + 1, base + bytes[i]);
}

// A base from which all of `bytes` lead to free nodes. Slot 0 is the root's.
uint32_t PieceTrie::place_for(const std::vector<uint8_t> &bytes) {
  constexpr uint32_t patience = 512;
  const auto is_free = [&](uint32_t node) { return node >= nodes_.size() || nodes_[node].parent == free_slot; };
  uint32_t tries = 0;
  for (uint32_t first = std::max<uint32_t>(first_candidate_, bytes[0] + 1);; ++first) {
    const uint32_t base = first - bytes[0];
    if (!std::all_of(bytes.begin(), bytes.end(), [&](uint8_t byte) { return is_free(base + byte); })) {
      // Where so many places do not do, the others hardly will: large vocabularies would take for ever.
      if (++tries == patience) first_candidate_ = first;
      continue;
    }
    if (base + 256u > nodes_.size()) nodes_.resize(std::max<size_t>(base + 256u, nodes_.size() * 3 / 2));
    return base;
  }
}

Unigram::Unigram(const sentencepiece_pieces &pieces) : trie_(trie(pieces)), scores_(pieces.count) {
  // The scores are the library's, in its own types: nearly equal ways must be told apart as it does.
  float least = FLT_MAX;
  float most = FLT_MIN;
  for (size_t id = 0; id < pieces.count; ++id) {
    if (pieces.kinds[id] == unknown) unknown_ = static_cast<int32_t>(id);
    if (pieces.kinds[id] == byte) byte_ids_.push_back(static_cast<int32_t>(id));
    if (pieces.kinds[id] != normal) continue;
    least = std::min(least, pieces.scores[id]);
    most = std::max(most, pieces.scores[id]);
  }
  for (size_t id = 0; id < pieces.count; ++id) {
    scores_[id] = pieces.kinds[id] == user_defined ? piece(pieces, id).size() * most - 0.1 : pieces.scores[id];
  }
  unknown_score_ = least - 10.0f;
  const auto byte_value = [&](int32_t id) { return std::stoi(std::string(piece(pieces, id).substr(3)), nullptr, 16); };
  std::sort(byte_ids_.begin(), byte_ids_.end(), [&](int32_t a, int32_t b) { return byte_value(a) < byte_value(b); });
}

void Unigram::find_best_way(std::string_view text, std::vector<Scratch::Place> &places) const {
  places.assign(text.size() + 1, {0, 0, -1});
  for (size_t start = 0; start < text.size();) {
    const float score = places[start].score;
    const size_t character = std::min(character_length(text[start]), text.size() - start);
    const auto offer = [&](size_t end, int32_t id, auto total) {
      Scratch::Place &place = places[end];
      if (place.length != 0 && !(total > place.score)) return;
      place = {static_cast<float>(total), static_cast<uint32_t>(end - start), id};
    };
    bool is_known = false;
    uint32_t node = PieceTrie::root;
    for (size_t end = start; end < text.size();) {
      node = trie_.step(node, static_cast<uint8_t>(text[end++]));
      if (node == PieceTrie::nowhere) break;
      const int32_t id = trie_.id(node);
      if (id < 0) continue;
      offer(end, id, scores_[id] + score);
      is_known |= end - start == character;
    }
    if (!is_known) offer(start + character, unknown_, unknown_score_ + score);
    start += character;
  }
}

// Appends, last first, the ids of the bytes of `character`, or the unknown one, once for a run of characters.
void Unigram::append_unknown(std::string_view character, Scratch &scratch) const {
  if (byte_ids_.empty()) {
    if (scratch.reversed.empty() || scratch.reversed.back() != unknown_) scratch.reversed.push_back(unknown_);
    return;
  }
  if (character == " ") character = space_symbol;
  for (auto at = character.rbegin(); at != character.rend(); ++at) {
    scratch.reversed.push_back(byte_ids_[static_cast<uint8_t>(*at)]);
  }
}

void Unigram::encode(std::string_view text, Scratch &scratch, std::vector<int32_t> &ids) const {
  if (text.find(space_symbol) != text.npos) {
    scratch.text.clear();
    fold_spaces(text, scratch.text);
    text = {scratch.text.data(), scratch.text.size()};
  }
  find_best_way(text, scratch.places);
  scratch.reversed.clear();
  for (size_t end = text.size(); end > 0;) {
    const auto &place = scratch.places[end];
    end -= place.length;
    if (place.id == unknown_) {
      append_unknown(text.substr(end, place.length), scratch);
    } else {
      scratch.reversed.push_back(place.id);
    }
  }
  ids.insert(ids.end(), scratch.reversed.rbegin(), scratch.reversed.rend());
}

}  // namespace limbeck
