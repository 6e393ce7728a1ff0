// The byte order of many names.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// Equal names share a rank; ranks have no gaps.
struct Ranking {
  std::vector<std::uint32_t> rank;   // by name
  std::vector<std::uint32_t> order;  // by rank: one name that has it
};

/// O(n log n) comparisons of 8 bytes, on `threads` threads.
[[nodiscard]] Result<Ranking> rank_names(const std::vector<std::string_view>& names, int threads,
                                         const StopToken& stop);

/// Copies names, in this order, into one block of bytes.
[[nodiscard]] Result<Names> pack_names(const std::vector<std::string_view>& names, int threads, const StopToken& stop);

}  // namespace seqmine::detail
