// Encodes text by a unigram model as libsentencepiece does, several times as fast: it keeps nothing but ids, and
// neither copies the text to normalise it nor describes each piece.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "CSentencePiece.h"

namespace limbeck {

// What stands for a space in pieces; the library takes the two for the same in a text.
inline constexpr std::string_view space_symbol = "\xE2\x96\x81";

// The pieces as a double-array trie: from a node, byte b leads to node `base + b` if that one's parent is the node.
class PieceTrie {
 public:
  struct Node {
    uint32_t base = 0;
    uint32_t parent = free_slot;
    int32_t id = -1;  // of the piece that ends here
  };

  struct Key {
    std::string_view bytes;
    int32_t id;
  };

  static constexpr uint32_t root = 0;
  static constexpr uint32_t nowhere = 0;

  // `keys` must be sorted by their bytes, and differ.
  explicit PieceTrie(const std::vector<Key> &keys);

  uint32_t step(uint32_t node, uint8_t byte) const {
    const uint32_t next = nodes_[node].base + byte;
    return nodes_[next].parent == node ? next : nowhere;
  }
  int32_t id(uint32_t node) const { return nodes_[node].id; }

 private:
  static constexpr uint32_t free_slot = UINT32_MAX;

  void place(const std::vector<Key> &keys, size_t begin, size_t end, size_t depth, uint32_t node);
  uint32_t place_for(const std::vector<uint8_t> &bytes);

  std::vector<Node> nodes_;
  uint32_t first_candidate_ = 1;
};

class Unigram {
 public:
  // What a thread works with; it grows to fit the longest text.
  struct Scratch {
    // The best way to each place in the text.
    struct Place {
      float score;
      uint32_t length;  // of its last piece; 0 while no way is known
      int32_t id;
    };
    std::vector<Place> places;
    std::vector<char> text;
    std::vector<int32_t> reversed;
  };

  explicit Unigram(const sentencepiece_pieces &pieces);

  // Appends the ids of `text`, which must be UTF-8.
  void encode(std::string_view text, Scratch &scratch, std::vector<int32_t> &ids) const;

 private:
  void find_best_way(std::string_view text, std::vector<Scratch::Place> &places) const;
  void append_unknown(std::string_view character, Scratch &scratch) const;

  PieceTrie trie_;
  std::vector<double> scores_;
  std::vector<int32_t> byte_ids_;  // empty without byte pieces
  int32_t unknown_ = 0;
  float unknown_score_ = 0;
};

}  // namespace limbeck
