#include "search/scan_table.hpp"

#include <algorithm>
#include <atomic>
#include <limits>

#include "seqmine/parallel.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::search {

Keep Limits::keep() const noexcept {
  if (max_span != unbounded) return Keep::spans;
  return max_gap != unbounded ? Keep::all : Keep::earliest;
}

Limits limits_in_ticks(const Database& database, std::uint64_t min_gap, std::uint64_t max_gap,
                       std::uint64_t max_span) {
  std::uint64_t longest = 0;
  for (std::int64_t row = 0; row < database.n_rows; ++row) {
    const auto begin = static_cast<std::size_t>(database.offsets[static_cast<std::size_t>(row)]);
    const auto end = static_cast<std::size_t>(database.offsets[static_cast<std::size_t>(row) + 1]);
    if (end > begin) {
      longest = std::max<std::uint64_t>(longest, database.narrow() ? database.time32[end - 1] : database.time64[end - 1]);
    }
  }
  const auto in_ticks = [&](std::uint64_t microseconds) {
    const std::uint64_t ticks = ticks_at_least(microseconds, database.unit);
    return ticks > longest ? unbounded : ticks;
  };
  return {ticks_at_least(min_gap, database.unit), in_ticks(max_gap), in_ticks(max_span)};
}

namespace {

/// First entry at or after `at` and before `end` whose distance from entry `i` is at least `ticks`.
template <class Time>
std::size_t advance(const Time* time, std::size_t i, std::size_t at, std::size_t end, std::uint64_t ticks) {
  if (ticks == unbounded) return end;
  while (at < end && static_cast<std::uint64_t>(time[at] - time[i]) < ticks) ++at;
  return at;
}

template <class Time>
void fill_row(const Time* time, std::size_t begin, std::size_t end, std::uint32_t row, const Limits& limits,
              ScanTable& table) {
  std::size_t from = begin, to = begin, span = begin;
  const bool spans = limits.max_span != unbounded;
  for (std::size_t i = begin; i < end; ++i) {
    from = advance(time, i, std::max(from, i), end, limits.min_gap);
    to = advance(time, i, std::max(to, from), end, limits.max_gap);
    span = spans ? advance(time, i, std::max(span, i), end, limits.max_span) : i;
    if (table.far.empty()) {
      const auto distance = [i](std::size_t at) { return static_cast<std::uint16_t>(at - i); };
      table.near[i] = {distance(from), distance(to), distance(span),
                       static_cast<std::uint16_t>(row - table.block_row[i / ScanTable::block])};
    } else {
      table.far[i] = {static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to),
                      static_cast<std::uint32_t>(span), row};
    }
  }
}

/// Makes room for near windows; false, with the table unchanged, where the rows are too long or too many for them.
bool make_near(const Database& database, ScanTable& table) {
  constexpr std::int64_t most = std::numeric_limits<std::uint16_t>::max();
  std::vector<std::uint32_t> block_row;
  std::int64_t next_block = 0;  // its first entry
  for (std::int64_t row = 0; row < database.n_rows; ++row) {
    const std::int64_t begin = database.offsets[static_cast<std::size_t>(row)];
    const std::int64_t end = database.offsets[static_cast<std::size_t>(row) + 1];
    if (end - begin > most) return false;
    if (begin == end) continue;
    if (begin < next_block && row - std::int64_t{block_row.back()} > most) return false;
    for (; next_block < end; next_block += ScanTable::block) block_row.push_back(static_cast<std::uint32_t>(row));
  }
  table.block_row = std::move(block_row);
  table.near.resize(database.item.size());
  return true;
}

template <class Time>
bool has_ties(const Time* time, std::size_t begin, std::size_t end) {
  return end > begin && std::adjacent_find(time + begin, time + end) != time + end;
}

}  // namespace

// Counting sort of the entries by item.
void list_occurrences(const Database& database, Keep keep, ScanTable& table) {
  const bool earliest = keep == Keep::earliest;
  table.offset.assign(table.n_items + std::size_t{1}, 0);
  if (earliest) {
    for (std::size_t item = 0; item < table.n_items; ++item) {
      table.offset[item + 1] = static_cast<std::size_t>(database.support[item]);
    }
  } else {
    for (const std::uint32_t item : database.item) ++table.offset[item + 1];
  }
  for (std::size_t item = 0; item < table.n_items; ++item) table.offset[item + 1] += table.offset[item];
  table.occurrence.resize(table.offset.back());
  std::vector<std::size_t> next(table.offset.begin(), table.offset.end() - 1);
  std::vector<std::uint32_t> seen_in(earliest ? table.n_items : 0, std::numeric_limits<std::uint32_t>::max());
  for (std::size_t i = 0; i < database.item.size(); ++i) {
    const std::uint32_t item = database.item[i];
    if (earliest) {
      const std::uint32_t row = table.row(static_cast<std::uint32_t>(i));
      if (seen_in[item] == row) continue;
      seen_in[item] = row;
    }
    table.occurrence[next[item]++] = static_cast<std::uint32_t>(i);
  }
}

std::int64_t ScanTable::bytes() const noexcept {
  return static_cast<std::int64_t>(near.size() * sizeof(NearWindow) + far.size() * sizeof(Window) +
                                   (block_row.size() + occurrence.size()) * sizeof(std::uint32_t) +
                                   offset.size() * sizeof(std::size_t));
}

Result<ScanTable> make_scan_table(const Database& database, const Limits& limits, Keep keep, int threads,
                                  const StopToken& stop) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max() - 1;
  if (database.item.size() >= most || static_cast<std::size_t>(database.n_rows) >= most) {
    return Status{Code::out_of_range, "more than 4,294,967,293 entries or rows in one search"};
  }
  ScanTable table;
  table.item = database.item.data();
  table.n_items = static_cast<std::uint32_t>(database.n_items());
  table.plain = limits.min_gap <= 1 && keep == Keep::earliest;
  if (!make_near(database, table)) table.far.resize(database.item.size());
  std::atomic<bool> ties{false};
  const std::int64_t n_units = (database.n_rows + tuning::rows_per_unit - 1) / tuning::rows_per_unit;
  Status status = parallel_for(n_units, threads, stop, [&](std::int64_t unit, int) -> Status {
    const std::int64_t end = std::min(database.n_rows, (unit + 1) * tuning::rows_per_unit);
    for (std::int64_t row = unit * tuning::rows_per_unit; row < end; ++row) {
      const auto first = static_cast<std::size_t>(database.offsets[static_cast<std::size_t>(row)]);
      const auto last = static_cast<std::size_t>(database.offsets[static_cast<std::size_t>(row) + 1]);
      const auto fill = [&](const auto* time) {
        fill_row(time, first, last, static_cast<std::uint32_t>(row), limits, table);
        if (has_ties(time, first, last)) ties.store(true, std::memory_order_relaxed);
      };
      if (database.narrow()) {
        fill(database.time32.data());
      } else {
        fill(database.time64.data());
      }
    }
    return {};
  });
  if (!status.ok()) return status;
  table.ties = ties.load();
  return table;
}

}  // namespace seqmine::search
