// What every part of one search reads: the database turned around by item, labels, limits in ticks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "labelled/gap_grid.hpp"
#include "labelled/measure.hpp"
#include "search/scan_rows.hpp"
#include "seqmine/database.hpp"
#include "seqmine/miner.hpp"

namespace seqmine::labelled {

/// Occurrences of a prefix: the positions of its last step in the database, ascending; with a span limit also the
/// latest feasible start of each, in ticks (non-decreasing inside a row). Not owned.
struct Occurrences {
  const std::uint32_t* position = nullptr;
  const std::uint64_t* start = nullptr;
  std::size_t n = 0;
  /// As the scans of a table take them.
  [[nodiscard]] search::Occurrences ends() const noexcept { return {position, nullptr, n}; }
};

/// A window of a trailing absence, with the items to be tried in it.
struct AbsenceWindow {
  std::uint64_t microseconds = 0;
  std::uint64_t ticks = 0;               // later events up to this many ticks away are in the window
  std::vector<std::uint64_t> eligible;   // per row: windows from before this tick end while the row is still seen
  std::vector<std::uint8_t> candidate;   // per dense item
};

struct Space {
  explicit Space(const Scorer& measure) : scorer(measure) {}
  const Database* database = nullptr;
  MinerLabels labels;
  Strata strata;
  Scorer scorer;
  GapGrid grid;
  bool learn = false;
  std::int32_t max_length = 0;
  std::size_t most_distributed = 0;
  std::uint64_t min_gap = 1, max_gap = unbounded, max_span = unbounded;  // ticks
  GapInterval full_gap;                                                  // the first two, in microseconds
  /// With fixed gaps and no span: the windows of every entry, so that no scan looks at a time. Empty otherwise.
  search::ScanTable table;
  search::Keep keep = search::Keep::all;      // what the table's scans need of a row's matches
  /// Where the table is empty: the row of every 16th entry, and of the last. A row for each would take a quarter of
  /// all that a search without a table needs.
  std::vector<std::uint32_t> block_row;
  static constexpr int block_bits = 4;
  std::vector<std::size_t> root_offsets;      // n_items + 1, into root; empty with a table, which has its own lists
  std::vector<std::uint32_t> root;            // entry positions by item, ascending
  std::vector<std::uint64_t> root_start;      // the same entries' ticks; only with a span limit
  std::vector<AbsenceWindow> windows;

  /// A row as a count: negative ones in the low half, positive ones in the high one.
  [[nodiscard]] std::uint64_t tally_of_row(std::uint32_t row) const noexcept {
    return labels.label[row] != 0 ? std::uint64_t{1} << 32 : 1;
  }
  [[nodiscard]] bool has_table() const noexcept { return !table.empty(); }
  [[nodiscard]] std::uint32_t row_of(std::uint32_t entry) const noexcept {
    if (has_table()) return table.row(entry);
    const std::size_t block = entry >> block_bits;
    std::uint32_t first = block_row[block];
    const std::uint32_t last = block_row[block + 1];
    const std::int64_t* offsets = database->offsets.data();
    if (last - first <= 4) {
      while (first < last && offsets[first + std::size_t{1}] <= entry) ++first;
      return first;
    }
    // Rows between may be empty, and many.
    const std::int64_t* after = std::upper_bound(offsets + first + 1, offsets + last + 1, std::int64_t{entry});
    return static_cast<std::uint32_t>(after - offsets - 1);
  }
  [[nodiscard]] bool has_span() const noexcept { return max_span != unbounded; }
  [[nodiscard]] std::int64_t n_items() const noexcept { return database->n_items(); }
  [[nodiscard]] Occurrences root_of(std::uint32_t item) const noexcept {
    const auto& offsets = has_table() ? table.offset : root_offsets;
    const std::size_t begin = offsets[item], n = offsets[item + 1] - begin;
    if (has_table()) return {table.occurrence.data() + begin, nullptr, n};
    return {root.data() + begin, root_start.empty() ? nullptr : root_start.data() + begin, n};
  }
  /// What the arrays above take.
  [[nodiscard]] std::int64_t bytes() const noexcept;
};

/// The bins of the gaps from the ends [from, last] of one row to an entry at tick `now`, under max_gap and, where
/// there are starts, with `reach - start` below max_span (`reach` is the tick at which the whole match ends). Runs of
/// ends in one bin are stepped over by bisection: a row with very many ends costs a few dozen steps, not all of them.
template <class Time>
std::uint64_t bins_between(const Space& space, const Time* time, const Occurrences& ends, std::size_t from,
                           std::size_t last, std::uint64_t now, std::uint64_t reach) {
  constexpr int patience = 4;
  std::uint64_t mask = 0;
  int same = 0;
  for (std::size_t q = last + 1; q > from;) {
    --q;
    const std::uint64_t gap = now - time[ends.position[q]];
    if (gap >= space.max_gap) break;
    // Latest starts do not increase going back, so no earlier end is feasible either.
    if (ends.start != nullptr && reach - ends.start[q] >= space.max_span) break;
    const int bin = space.grid.bin(gap);
    const std::uint64_t bit = std::uint64_t{1} << bin;
    same = (mask & bit) != 0 ? same + 1 : 0;
    mask |= bit;
    if (same >= patience) {
      const std::uint64_t beyond = space.grid.beyond(bin);
      const std::uint32_t* stop =
          std::partition_point(ends.position + from, ends.position + q,
                               [&](std::uint32_t position) { return now - time[position] >= beyond; });
      q = static_cast<std::size_t>(stop - ends.position);
      same = 0;
    }
  }
  return mask;
}

/// Drops the database's times where the search does not need them. Errors: those of make_scan_table.
[[nodiscard]] Result<std::unique_ptr<const Space>> make_space(Database& database, const RowsView& rows,
                                                              const MinerLabels& labels, const MinerOptions& options,
                                                              const StopToken& stop);

}  // namespace seqmine::labelled
