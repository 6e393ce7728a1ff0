#include "labelled/space.hpp"

#include <algorithm>
#include <utility>

namespace seqmine::labelled {

namespace {

template <class T>
std::int64_t bytes_of(const std::vector<T>& values) noexcept {
  return static_cast<std::int64_t>(values.capacity() * sizeof(T));
}

AbsenceWindow make_window(const Database& database, const RowsView& rows, std::uint64_t within) {
  AbsenceWindow window;
  const auto unit = static_cast<std::uint64_t>(database.unit);
  window.microseconds = within;
  window.ticks = within / unit;
  window.candidate.assign(static_cast<std::size_t>(database.n_items()), 0);
  window.eligible.assign(static_cast<std::size_t>(database.n_rows), 0);
  for (std::size_t row = 0; row < window.eligible.size(); ++row) {
    if (database.offsets[row] == database.offsets[row + 1]) continue;
    const std::uint64_t seen = static_cast<std::uint64_t>(rows.end(row)) -
                               static_cast<std::uint64_t>(database.first_time[row]);
    if (seen >= within) window.eligible[row] = (seen - within) / unit + 1;
  }
  return window;
}

void list_roots(Space& space) {
  const Database& database = *space.database;
  const auto n_items = static_cast<std::size_t>(database.n_items());
  const std::size_t n_entries = database.item.size();
  std::uint32_t row = 0;
  const auto row_at = [&](std::size_t entry) {  // ascending entries
    while (database.offsets[row + 1] <= static_cast<std::int64_t>(entry)) ++row;
    return row;
  };
  space.block_row.reserve((n_entries >> Space::block_bits) + 2);
  for (std::size_t at = 0; at < n_entries; at += std::size_t{1} << Space::block_bits) {
    space.block_row.push_back(row_at(at));
  }
  if (n_entries > 0) space.block_row.push_back(row_at(n_entries - 1));
  space.root_offsets.assign(n_items + 1, 0);
  for (const std::uint32_t item : database.item) ++space.root_offsets[item + 1];
  for (std::size_t i = 0; i < n_items; ++i) space.root_offsets[i + 1] += space.root_offsets[i];
  space.root.resize(n_entries);
  if (space.has_span()) space.root_start.resize(n_entries);
  std::vector<std::size_t> next(space.root_offsets.begin(), space.root_offsets.end() - 1);
  for (std::size_t at = 0; at < n_entries; ++at) {
    const std::size_t slot = next[database.item[at]]++;
    space.root[slot] = static_cast<std::uint32_t>(at);
    if (space.has_span()) space.root_start[slot] = database.narrow() ? database.time32[at] : database.time64[at];
  }
}

}  // namespace

Result<std::unique_ptr<const Space>> make_space(Database& database, const RowsView& rows, const MinerLabels& labels,
                         const MinerOptions& options, const StopToken& stop) {
  std::int64_t n_positive = 0;
  for (const std::uint8_t label : labels.label) n_positive += label != 0 ? 1 : 0;
  Strata strata = weigh_strata(labels);
  auto made = std::make_unique<Space>(Scorer(options, database.n_rows, n_positive, strata.scale));
  Space& space = *made;
  space.database = &database;
  space.labels = labels;
  space.strata = std::move(strata);
  space.grid = GapGrid(options, database.unit);
  space.learn = options.learn_gaps;
  space.max_length = options.max_length;
  space.most_distributed = options.most_distributed != 0
                               ? options.most_distributed
                               : std::max(tuning::least_distributed, database.item.size() / tuning::distributed_share);
  space.min_gap = ticks_at_least(options.min_gap, database.unit);
  space.max_gap = ticks_at_least(options.max_gap, database.unit);
  space.max_span = ticks_at_least(options.max_span, database.unit);
  space.full_gap = {options.min_gap, options.max_gap};
  const auto n_items = static_cast<std::size_t>(database.n_items());
  if (!space.learn && !space.has_span() && !database.item.empty()) {
    search::Limits limits = search::limits_in_ticks(database, options.min_gap, options.max_gap, unbounded);
    // An absence may hold after one end and not after an earlier one, so it needs them all.
    const bool earliest = limits.keep() == search::Keep::earliest && options.absences.empty();
    space.keep = earliest ? search::Keep::earliest : search::Keep::all;
    Result<search::ScanTable> table = search::make_scan_table(database, limits, space.keep, options.threads, stop);
    if (!table.ok()) return table.status();
    space.table = std::move(table.value());
    if (options.absences.empty()) database.drop_times();
    search::list_occurrences(database, space.keep, space.table);
  } else {
    list_roots(space);
  }

  std::vector<std::int32_t> dense;
  for (std::size_t i = 0; i < n_items; ++i) {
    const auto given = static_cast<std::size_t>(database.source[i]);
    if (dense.size() <= given) dense.resize(given + 1, -1);
    dense[given] = static_cast<std::int32_t>(i);
  }
  for (const AbsenceCandidate& absence : options.absences) {
    const auto given = static_cast<std::size_t>(absence.item);
    if (given >= dense.size() || dense[given] < 0) continue;
    auto window = std::find_if(space.windows.begin(), space.windows.end(), [&](const AbsenceWindow& known) {
      return known.microseconds == absence.within;
    });
    if (window == space.windows.end()) {
      space.windows.push_back(make_window(database, rows, absence.within));
      window = space.windows.end() - 1;
    }
    window->candidate[static_cast<std::size_t>(dense[given])] = 1;
  }
  database.drop_row_times();  // only the windows of absences needed them
  return {std::unique_ptr<const Space>(std::move(made))};
}

std::int64_t Space::bytes() const noexcept {
  std::int64_t total = table.bytes() + bytes_of(block_row) + bytes_of(root_offsets) + bytes_of(root) +
                       bytes_of(root_start) + bytes_of(strata.weight);
  for (const AbsenceWindow& window : windows) total += bytes_of(window.eligible) + bytes_of(window.candidate);
  return total;
}

}  // namespace seqmine::labelled
