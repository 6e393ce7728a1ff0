#include "search/pair_table.hpp"

#include <algorithm>
#include <limits>

#include "search/scan_rows.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::search {

namespace {

struct Cell {
  std::uint32_t row, n_rows, n_entries;
};

struct Scratch {
  std::vector<Cell> cells;             // cleared before every first item
  std::vector<std::uint32_t> touched;  // only where there are too many items to clear and read all cells
};

/// Up to here all cells are cleared and read for every first item (16 million cells in all, some 10 ms); beyond,
/// those that were counted in are listed, which costs a branch in the inner loop and a sort.
constexpr std::uint32_t max_dense_items = 4'096;
constexpr Cell empty_cell{std::numeric_limits<std::uint32_t>::max(), 0, 0};

template <Keep keep, bool dense>
bool count_followers(const ScanTable& table, std::uint32_t first, Scratch& scratch, const StopToken& stop) {
  if (dense) std::fill(scratch.cells.begin(), scratch.cells.end(), empty_cell);
  const std::uint32_t* entries = table.occurrence.data() + table.offset[first];
  const std::uint32_t* items = table.item;
  Cell* cells = scratch.cells.data();
  std::int64_t steps = 0;
  bool stopped = false;
  for_each_range<keep>(table, {entries, entries, table.offset[first + 1] - table.offset[first]},
                       [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    steps += to - from;
    if (steps >= tuning::poll_steps) {
      stopped = stopped || stop.stop_requested();
      steps = 0;
    }
    if (stopped) return;
    for (std::uint32_t j = from; j < to; ++j) {
      Cell& cell = cells[items[j]];
      if constexpr (!dense) {
        if (cell.n_rows == 0) scratch.touched.push_back(items[j]);
      }
      cell.n_rows += cell.row != row ? 1 : 0;
      cell.row = row;
      if constexpr (keep != Keep::earliest) ++cell.n_entries;
    }
  });
  return !stopped;
}

template <Keep keep>
bool list_followers(const ScanTable& table, std::uint32_t first, std::uint32_t min_support, Scratch& scratch,
                    std::vector<Follower>& followers, const StopToken& stop) {
  const auto add = [&](std::uint32_t item) {
    const Cell& cell = scratch.cells[item];
    if (cell.n_rows >= min_support) followers.push_back({item, cell.n_rows, cell.n_entries});
  };
  if (table.n_items <= max_dense_items) {
    if (!count_followers<keep, true>(table, first, scratch, stop)) return false;
    for (std::uint32_t item = 0; item < table.n_items; ++item) add(item);
    return true;
  }
  if (!count_followers<keep, false>(table, first, scratch, stop)) return false;
  std::sort(scratch.touched.begin(), scratch.touched.end());
  for (const std::uint32_t item : scratch.touched) {
    add(item);
    scratch.cells[item] = empty_cell;
  }
  scratch.touched.clear();
  return true;
}

}  // namespace

std::int64_t PairTable::bytes() const noexcept {
  std::size_t n = 0;
  for (const auto& list : followers) n += list.capacity() * sizeof(Follower) + sizeof(list);
  return static_cast<std::int64_t>(n);
}

Result<PairTable> make_pair_table(const ScanTable& table, Keep keep, std::uint32_t min_support, int threads,
                                  const StopToken& stop) {
  PairTable pairs;
  pairs.followers.resize(table.n_items);
  std::vector<Scratch> scratches(static_cast<std::size_t>(resolve_threads(threads)));
  Status status = parallel_for(table.n_items, threads, stop, [&](std::int64_t unit, int worker) -> Status {
    Scratch& scratch = scratches[static_cast<std::size_t>(worker)];
    if (scratch.cells.empty()) scratch.cells.assign(table.n_items, empty_cell);
    const auto first = static_cast<std::uint32_t>(unit);
    auto& followers = pairs.followers[first];
    const bool done = [&] {
      switch (keep) {
        case Keep::earliest: return list_followers<Keep::earliest>(table, first, min_support, scratch, followers, stop);
        case Keep::all: return list_followers<Keep::all>(table, first, min_support, scratch, followers, stop);
        case Keep::spans: return list_followers<Keep::spans>(table, first, min_support, scratch, followers, stop);
      }
      return false;
    }();
    if (!done) return {Code::cancelled, "cancelled"};
    return {};
  });
  if (!status.ok()) return status;
  return pairs;
}

}  // namespace seqmine::search
