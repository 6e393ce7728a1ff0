// Passes over what may follow a list of occurrences: each entry once, however many occurrences reach it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "search/scan_table.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::search {

inline constexpr std::uint32_t nobody = std::numeric_limits<std::uint32_t>::max();

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
  Window window = table.window(list.end[0]);
  for (std::size_t k = 0; k < list.n; ++k) {
    if (k + tuning::fetch_ahead < list.n) {
      // A list jumps through the rows: what its later turns read is fetched meanwhile.
      table.fetch(list.end[k + tuning::fetch_ahead]);
    }
    std::uint32_t to = window.to;
    const std::uint32_t from = window.from, row = window.row;
    if (k + 1 < list.n) window = table.window(list.end[k + 1]);
    if constexpr (keep != Keep::earliest) {
      // In a later row the next window begins behind this one's end anyway.
      if (k + 1 < list.n) to = std::min(to, window.from);
    }
    if constexpr (keep == Keep::spans) to = std::min(to, table.span_end(list.start[k]));
    if (from < to) visit(from, to, k, row);
  }
}

/// Where the next occurrence of an item goes; `step` is 0 for items that are not wanted, which all write to the
/// first place. So the scan that makes the children's lists has no branch.
struct Target {
  std::uint32_t at = 0, step = 0, row = nobody;
};

/// Writes the wanted items' occurrences after the list to where `targets` says: `end[at]` and, under Keep::spans,
/// `start[at]`. Place 0 takes what is not wanted. `spend` is told of the entries of every range.
template <Keep keep, class Spend>
void distribute(const ScanTable& table, const Occurrences& list, Target* targets, std::uint32_t* end,
                std::uint32_t* start, const Spend& spend) {
  const std::uint32_t* item = table.item;
  for_each_range<keep>(table, list, [&](std::uint32_t from, std::uint32_t to, std::size_t k, std::uint32_t row) {
    spend(to - from);
    for (std::uint32_t j = from; j < to; ++j) {
      Target& target = targets[item[j]];
      if constexpr (keep == Keep::earliest) {
        const std::uint32_t step = target.row != row ? target.step : 0;
        end[step != 0 ? target.at : 0] = j;
        target.at += step;
        target.row = row;
      } else {
        end[target.at] = j;
        if constexpr (keep == Keep::spans) start[target.at] = list.start[k];
        target.at += target.step;
      }
    }
  });
}

/// The same for the rows of the wanted items' occurrences, each once: `rows[at]`.
template <Keep keep, class Spend>
void distribute_rows(const ScanTable& table, const Occurrences& list, Target* targets, std::uint32_t* rows,
                     const Spend& spend) {
  const std::uint32_t* item = table.item;
  for_each_range<keep>(table, list, [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    spend(to - from);
    for (std::uint32_t j = from; j < to; ++j) {
      Target& target = targets[item[j]];
      const std::uint32_t step = target.row != row ? target.step : 0;
      rows[step != 0 ? target.at : 0] = row;
      target.at += step;
      target.row = row;
    }
  });
}

}  // namespace seqmine::search
