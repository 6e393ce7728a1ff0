#include "pair_table.hpp"

#include <algorithm>
#include <limits>

#include "scan_rows.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::mining {

namespace {

struct Cell {
  std::uint32_t first, row, n_rows, n_entries;  // `first`: the first item these counts belong to
};

struct Scratch {
  std::vector<Cell> cells;
  std::vector<std::uint32_t> touched;
};

template <Keep keep>
bool count_followers(const ScanTable& table, std::uint32_t first, std::uint32_t min_support, Scratch& scratch,
                     std::vector<Follower>& followers, const StopToken& stop) {
  scratch.touched.clear();
  const std::uint32_t* entries = table.occurrence.data() + table.offset[first];
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
      Cell& cell = scratch.cells[table.item[j]];
      if (cell.first != first) {
        cell = {first, row, 1, 1};
        scratch.touched.push_back(table.item[j]);
        continue;
      }
      cell.n_rows += static_cast<std::uint32_t>(cell.row != row);
      cell.row = row;
      ++cell.n_entries;
    }
  });
  if (stopped) return false;
  std::sort(scratch.touched.begin(), scratch.touched.end());
  for (const std::uint32_t item : scratch.touched) {
    const Cell& cell = scratch.cells[item];
    if (cell.n_rows >= min_support) followers.push_back({item, cell.n_rows, cell.n_entries});
  }
  return true;
}

}  // namespace

Result<PairTable> make_pair_table(const ScanTable& table, Keep keep, std::uint32_t min_support, int threads,
                                  const StopToken& stop) {
  PairTable pairs;
  pairs.followers.resize(table.n_items);
  std::vector<Scratch> scratches(static_cast<std::size_t>(resolve_threads(threads)));
  Status status = parallel_for(table.n_items, threads, stop, [&](std::int64_t unit, int worker) -> Status {
    Scratch& scratch = scratches[static_cast<std::size_t>(worker)];
    if (scratch.cells.empty()) {
      scratch.cells.assign(table.n_items, {std::numeric_limits<std::uint32_t>::max(), 0, 0, 0});
    }
    const auto first = static_cast<std::uint32_t>(unit);
    auto& followers = pairs.followers[first];
    const bool done = [&] {
      switch (keep) {
        case Keep::earliest: return count_followers<Keep::earliest>(table, first, min_support, scratch, followers, stop);
        case Keep::all: return count_followers<Keep::all>(table, first, min_support, scratch, followers, stop);
        case Keep::spans: return count_followers<Keep::spans>(table, first, min_support, scratch, followers, stop);
      }
      return false;
    }();
    if (!done) return {Code::cancelled, "cancelled"};
    return {};
  });
  if (!status.ok()) return status;
  return pairs;
}

}  // namespace seqmine::mining
