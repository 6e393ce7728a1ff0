// One pass over what may follow a list of occurrences: each entry once, however many occurrences reach it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "scan_table.hpp"

namespace seqmine::mining {

/// The matches of a prefix, ordered by entry: the entry of the last step and, under Keep::spans, that of the
/// latest first step (elsewhere nullptr).
struct Occurrences {
  const std::uint32_t* end = nullptr;
  const std::uint32_t* start = nullptr;
  std::size_t n = 0;
};

/// Calls visit(from, to, k, row) for disjoint ranges that together are all entries that may follow, k being the
/// occurrence that a range belongs to: the last one that reaches it. An earlier one is farther away, so it
/// reaches nothing beyond, and its latest start is no later (latest starts never decrease with the end). That
/// makes the union of the windows a list of ranges without looking at a time.
template <Keep keep, class Visit>
void for_each_range(const ScanTable& table, const Occurrences& list, const Visit& visit) {
  if (list.n == 0) return;
  Window window = table.window[list.end[0]];
  for (std::size_t k = 0; k < list.n; ++k) {
    std::uint32_t to = window.to;
    const std::uint32_t from = window.from, row = window.row;
    if (k + 1 < list.n) window = table.window[list.end[k + 1]];
    if constexpr (keep != Keep::earliest) {
      // In a later row the next window begins behind this one's end anyway.
      if (k + 1 < list.n) to = std::min(to, window.from);
    }
    if constexpr (keep == Keep::spans) to = std::min(to, table.span_end[list.start[k]]);
    if (from < to) visit(from, to, k, row);
  }
}

}  // namespace seqmine::mining
