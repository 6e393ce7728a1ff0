// Matching given patterns against given spans of entities' lives.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "seqmine/log_view.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// What one row says of one pattern. `undecided`: the positive steps match and nothing seen so far
/// contradicts the trailing absences, but their time is not over by the end of the row's span.
enum class Verdict : std::uint8_t { no = 0, matched = 1, undecided = 2 };

/// One match: a row, the time of its first step (the latest feasible one), of its last, and when it is known.
struct Occurrences {
  std::vector<std::int64_t> row, start_time, moment_time, ready_time;
};

struct PatternCount {
  std::int64_t n_matched = 0, n_undecided = 0, n_positive = 0;
};

/// Matches per row. `all` gives one entry per distinct moment time, otherwise the one with the smallest
/// ready time. Ordered by (row, moment_time). A match counts when ready_time <= last of its row.
/// O(n_events x steps) time for patterns without equal-time runs; per-thread memory of one row.
[[nodiscard]] Result<Occurrences> find_occurrences(const LogView& log, const Pattern& pattern, const RowsView& rows,
                                                   bool all, int threads, const StopToken& stop);

/// One verdict per row (row-aligned).
[[nodiscard]] Result<std::vector<Verdict>> match_rows(const LogView& log, const Pattern& pattern, const RowsView& rows,
                                                      int threads, const StopToken& stop);

/// Counts of rows; n_positive counts matched rows with label[i] != 0 (0 when labels is empty).
[[nodiscard]] Result<PatternCount> count_rows(const LogView& log, const Pattern& pattern, const RowsView& rows,
                                              std::span<const std::uint8_t> labels, int threads,
                                              const StopToken& stop);

/// What every row says of each of many patterns. Pattern-major: entry p * n_rows + row.
struct ManyVerdicts {
  std::vector<Verdict> verdict;
  /// Only when asked for: at which local hours (bits 0 to 23) and weekdays (bits 24 to 30, Monday first) the matches
  /// end that count. 0 where nothing matches.
  std::vector<std::uint32_t> clock;
};

/// match_rows for many patterns in one pass over the log: a row's events are read once, and patterns that begin with
/// the same steps share them. O(n_events + rows x distinct prefixes x events of their steps).
[[nodiscard]] Result<ManyVerdicts> match_many(const LogView& log, std::span<const Pattern* const> patterns,
                                              const RowsView& rows, bool with_clock, int threads,
                                              const StopToken& stop);

/// One gap of one pattern, to be looked at in bins.
struct GapJob {
  const Pattern* pattern = nullptr;   // no `^`, no guard, every gap at least 1 us
  std::size_t step = 1;               // the gap before this step; its own bounds do not matter
  std::span<const std::uint64_t> edges;  // ascending, microseconds; bin i is [edges[i], edges[i + 1]); edges[0] >= 1
};

/// For every interval of bins [first, last] the rows with a match whose gap lies in it, and the sum of their weights:
/// entry first * n_bins + last, 0 below the diagonal. The other gaps, the span and the absences hold as they are.
struct GapTable {
  std::vector<std::int64_t> n_rows, weight;
};

/// Exact counts of all intervals of each job's gap in one pass over the log (STATISTICS D). `weight` is row-aligned;
/// sums are of integers, so they do not depend on threads. Memory: 16 bytes x bins^2 a job and worker.
[[nodiscard]] Result<std::vector<GapTable>> gap_tables(const LogView& log, std::span<const GapJob> jobs,
                                                       const RowsView& rows, std::span<const std::int64_t> weight,
                                                       int threads, const StopToken& stop);

/// Statistics of the events of each row that satisfy a predicate. `sum` adds log.value in row order
/// (null values count as 0 and are counted in n_null), so it is the same for any number of threads.
struct WindowStats {
  std::vector<std::int64_t> count, n_null, first_time, last_time;  // times are 0 where count is 0
  std::vector<double> sum;                                         // empty when the log has no value column
};
[[nodiscard]] Result<WindowStats> window_stats(const LogView& log, const Predicate& predicate, const RowsView& rows,
                                               int threads, const StopToken& stop);

/// Time of the n-th (1-based) event satisfying the predicate, per entity; found[e] = 0 where there is none.
struct NthTimes {
  std::vector<std::int64_t> time;
  std::vector<std::uint8_t> found;
};
[[nodiscard]] Result<NthTimes> nth_event_time(const LogView& log, const Predicate& predicate, std::int64_t n,
                                              int threads, const StopToken& stop);

}  // namespace seqmine
