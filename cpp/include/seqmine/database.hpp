// The miners' own copy of what each row may see: deduplicated, infrequent items removed, times in ticks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "seqmine/log_view.hpp"
#include "seqmine/predicate.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// What a mined step can be: an event type, or an event type with a condition. Items must be given in the
/// byte order of `text` (canonical pattern text of the step), so that item ids order as texts do.
struct Item {
  Predicate predicate;
  std::string text;
  std::int64_t type = -1;  // when >= 0 the step is this one event type, and predicate.types may stay empty
};

/// Row-major. Inside a row entries are ordered by (time, item) and are distinct. All entries of a row with the
/// same time are simultaneous. Only items supported by at least `min_support` rows are kept, renumbered densely
/// in their given order. Times are ticks since the row's first kept entry; one tick is `unit` microseconds, the
/// greatest common divisor of all kept time differences, so nothing is lost. When every difference fits 32 bits
/// `time32` is filled, otherwise `time64`.
struct Database {
  std::int64_t n_rows = 0;
  std::int64_t unit = 1;
  std::vector<std::int64_t> offsets;      // n_rows + 1
  std::vector<std::uint32_t> item;        // dense item ids
  std::vector<std::uint32_t> time32;
  std::vector<std::uint64_t> time64;
  std::vector<std::int64_t> first_time;   // per row: the time of its first kept entry; 0 where there is none
  std::vector<std::uint64_t> last_tick;   // per row: ticks from the first kept entry to RowsView::last (floored)
  std::vector<std::int32_t> source;       // dense id -> index into the given items
  std::vector<std::int64_t> support;      // dense id -> rows that have it
  std::int64_t n_scanned = 0;             // events looked at
  [[nodiscard]] std::int64_t n_items() const noexcept { return static_cast<std::int64_t>(source.size()); }
  [[nodiscard]] bool narrow() const noexcept { return time64.empty(); }
  [[nodiscard]] std::int64_t bytes() const noexcept;  // of the arrays
  /// Gives the memory of the times back, once nobody will read them.
  void drop_times() noexcept {
    std::vector<std::uint32_t>().swap(time32);  // assigning {} would keep the memory
    std::vector<std::uint64_t>().swap(time64);
    drop_row_times();
  }
  void drop_row_times() noexcept {
    std::vector<std::int64_t>().swap(first_time);
    std::vector<std::uint64_t>().swap(last_tick);
  }
};

/// O(events seen x items per type). Deterministic for any `threads`. Errors: invalid_argument, cancelled, and
/// out_of_memory when the result would take more than `max_memory` bytes (0: no limit), before it is allocated.
[[nodiscard]] Result<Database> build_database(const LogView& log, const RowsView& rows, const std::vector<Item>& items,
                                              std::int64_t min_support, int threads, const StopToken& stop,
                                              std::int64_t max_memory = 0);

/// The same with event types for items: item i is the type types[i]. One flag per type is not needed, so this is
/// the way for logs of many types.
[[nodiscard]] Result<Database> build_database(const LogView& log, const RowsView& rows,
                                              std::span<const std::uint32_t> types, std::int64_t min_support,
                                              int threads, const StopToken& stop, std::int64_t max_memory = 0);

/// Smallest number of ticks d with d * unit >= microseconds; `unbounded` stays unbounded.
[[nodiscard]] std::uint64_t ticks_at_least(std::uint64_t microseconds, std::int64_t unit) noexcept;

/// Canonical duration text: the largest exact unit of w, d, h, m, s, ms, us; "0s" for zero.
[[nodiscard]] std::string format_duration(std::uint64_t microseconds);

}  // namespace seqmine
