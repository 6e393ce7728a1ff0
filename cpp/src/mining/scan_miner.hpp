// Depth-first search by scanning what follows each occurrence: every limit, and the top levels of the others.
#pragma once

#include <memory>

#include "search/pair_table.hpp"
#include "search/scan_table.hpp"
#include "subtree_pool.hpp"

namespace seqmine::mining {

using search::Follower;
using search::Keep;
using search::PairTable;
using search::ScanTable;

/// Everything that all workers read.
struct ScanContext {
  ScanTable table;
  PairTable pairs;
  Keep keep = Keep::earliest;
};

/// The whole search: all frequent items and, as subtrees of their own, what begins with each. `context` must
/// outlive the search.
[[nodiscard]] std::unique_ptr<Subtree> whole_search(const ScanContext& context, const Database& database);

}  // namespace seqmine::mining
