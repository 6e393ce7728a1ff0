// The byte order of many names.
#pragma once

#include <cstdint>
#include <vector>

#include "events/name_table.hpp"
#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// Equal names share a rank; ranks have no gaps.
struct Ranking {
  std::vector<std::uint32_t> rank;  // by id
  Names names;                      // by rank
};

/// Ranks the names in these arenas, whose ids are 0 .. n - 1. `distinct` promises that no two are equal. O(n log n)
/// comparisons of 8 bytes, on `threads` threads.
[[nodiscard]] Result<Ranking> rank_names(const std::vector<const NameArena*>& arenas, std::int64_t n, bool distinct,
                                         int threads, const StopToken& stop);

/// The same names in the order of their ids.
[[nodiscard]] Result<Names> names_by_id(const std::vector<const NameArena*>& arenas, std::int64_t n);

}  // namespace seqmine::detail
