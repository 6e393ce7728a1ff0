// What is left of the rows after a prefix, with equal rests merged: the database of one subtree.
#pragma once

#include <cstdint>
#include <vector>

namespace seqmine::mining {

/// One distinct rest of a row (a state of the search) and the number of rows that have it.
struct Rest {
  std::uint32_t state, weight;
};

/// Rests are interned from their end, so that equal ones become one state, whatever came before them: a trie of
/// reversed rows. Node 0 is the empty rest; node n is an item in front of the rest `parent`. Each state knows the
/// set of its items as `n_words` words of flags, so that supports are counted for 64 items at once, and a row
/// that ends in it, whose position masks give the rest after the first occurrence of any item.
///
/// Times do not appear: this serves searches whose only limit is "strictly later". Entries with equal times are
/// one moment; a state begins at a moment.
struct SuffixDb {
  struct Node {
    std::uint32_t parent, key;  // key = item * 2 + (same moment as the parent's item)
  };

  int n_words = 1;                   // words of an item set: 1, 2 or 4
  std::vector<std::uint32_t> label;  // local item -> item of the search
  std::vector<Node> nodes;
  /// Per node n_words + 1 words: the items of the rest, then, in the low half, where its row's block begins and,
  /// in the high half, how many moments are left (0: the node is no state). One cache line for all of it.
  std::vector<std::uint64_t> states;
  /// A row in one piece, since a search jumps between rows and then reads all of these: n_words words of its
  /// items; one word with the length of a position mask (low half) and where `after` begins in the block (high
  /// half); a mask per item, in item order, whose bit p says that the item is in the moment with p moments behind
  /// it; and `after`, two to a word: the state when p moments are left.
  std::vector<std::uint64_t> rows;
  std::vector<std::uint32_t> where;  // per node, for merging lists; may hold anything
  std::vector<std::uint32_t> image;  // per node, for building the next database; zero between uses
  std::vector<Rest> start;           // the rests of the prefix itself, largest node first

  [[nodiscard]] std::size_t bytes() const noexcept;
};

/// The i-th 32-bit value of packed words.
[[nodiscard]] inline std::uint32_t half(const std::uint64_t* packed, std::size_t i) noexcept {
  return static_cast<std::uint32_t>(packed[i >> 1] >> (32 * (i & 1)));
}

/// Builds databases; keeps its memory between them.
class SuffixBuilder {
 public:
  /// Begins a database of `labels.size()` items (at most 256).
  void begin(SuffixDb& db, std::vector<std::uint32_t> labels);
  /// Puts `key` in front of a rest; O(1).
  [[nodiscard]] std::uint32_t intern(std::uint32_t parent, std::uint32_t key);
  void add_start(std::uint32_t node, std::uint32_t weight) {
    if (node != 0) weight_[node] += weight;
  }
  /// Lists the starts and makes the states of everything that they reach.
  void finish();

  /// The part of `from` that `n` rests of it reach, restricted to the items flagged in `keep` (n_words words).
  void restrict_from(SuffixDb& from, const Rest* list, std::size_t n, const std::uint64_t* keep, SuffixDb& to);

  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  void grow_table();
  template <int words>
  void make_states();
  template <int words>
  void add_row(std::uint32_t start);
  [[nodiscard]] std::uint32_t image_of(SuffixDb& from, std::uint32_t state);

  SuffixDb* db_ = nullptr;
  std::vector<std::uint32_t> weight_;       // per node: rows that start there
  std::vector<std::uint32_t> first_child_;  // per node: most nodes have one child, found without hashing
  std::vector<std::uint32_t> table_, spare_;  // open addressing, the other children
  std::size_t n_hashed_ = 0;
  std::vector<std::uint32_t> chain_, visited_;
  std::vector<std::uint32_t> local_;        // old item -> new item, for restrict_from
};

}  // namespace seqmine::mining
