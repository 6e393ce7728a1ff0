// Depth-first search in a database of merged rests, for searches whose only limit is "strictly later".
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "subtree_pool.hpp"
#include "suffix_db.hpp"

namespace seqmine::mining {

/// A prefix whose extensions are known: what is needed to go on below it. Item numbers are local to `db`.
struct SuffixRoot {
  SuffixDb db;                          // all its items are frequent extensions; db.start: the prefix's rests
  std::vector<std::uint32_t> support;   // per item: of the prefix extended by it
  std::vector<std::uint64_t> siblings;  // db.n_words per item b: items c such that prefix -> b -> c can be frequent
  std::uint32_t depth = 0;              // length of the prefix
};

/// Emits everything below the prefix, in depth-first order. The worker's arena is as before afterwards.
void mine_suffixes(Worker& worker, SuffixRoot& root);

/// The worker's builder, for those who make a SuffixRoot.
[[nodiscard]] SuffixBuilder& suffix_builder(Worker& worker);

}  // namespace seqmine::mining
