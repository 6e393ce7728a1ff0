// Which item can follow which, for how many rows: the second level of the search, counted for all first items.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "search/scan_table.hpp"

namespace seqmine::search {

struct Follower {
  std::uint32_t item, support, n_entries;
};

/// A pattern can be extended by b only if b may follow its last item a, so followers(a) bounds every extension.
/// (Under a maximum gap nothing else does: a, b, c may be frequent where a, c is not.)
struct PairTable {
  std::vector<std::vector<Follower>> followers;  // by item, ordered by item
  [[nodiscard]] std::int64_t bytes() const noexcept;
};

/// Scans every window once: O(sum of the windows). Deterministic for any `threads`.
[[nodiscard]] Result<PairTable> make_pair_table(const ScanTable& table, Keep keep, std::uint32_t min_support,
                                                int threads, const StopToken& stop);

}  // namespace seqmine::search
