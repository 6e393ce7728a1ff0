#include <algorithm>

#include "pattern_trie.hpp"
#include "seqmine/matcher.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

using matching::CompiledPattern;
using matching::PatternTrie;
using matching::RowMatcher;
using matching::TrieMatcher;

/// Hours and weekdays at which the matches of one row end.
std::uint32_t clock_of(const LogView& log, const std::vector<matching::Moment>& matched) {
  std::uint32_t clock = 0;
  for (const matching::Moment& moment : matched) {
    const LocalClock at = local_clock(log.zone, moment.time);
    clock |= std::uint32_t{1} << at.hour | std::uint32_t{1} << (24 + at.weekday);
  }
  return clock;
}

}  // namespace

Result<ManyVerdicts> match_many(const LogView& log, std::span<const Pattern* const> patterns, const RowsView& rows,
                                bool with_clock, int threads, const StopToken& stop) {
  for (const Pattern* pattern : patterns) {
    if (Status status = matching::check(log, *pattern, rows); !status.ok()) return status;
  }
  if (Status status = check(log, rows); !status.ok()) return status;
  const auto n_rows = static_cast<std::size_t>(rows.n_rows);
  ManyVerdicts result;
  result.verdict.assign(patterns.size() * n_rows, Verdict::no);
  if (with_clock) result.clock.assign(patterns.size() * n_rows, 0);
  std::vector<const Pattern*> together(patterns.begin(), patterns.end());
  std::vector<std::pair<std::size_t, CompiledPattern>> alone;
  for (std::size_t p = 0; p < together.size(); ++p) {
    if (matching::fits_trie(*together[p])) continue;
    alone.emplace_back(p, CompiledPattern(log, *together[p], rows.excluded));
    together[p] = nullptr;
  }
  const PatternTrie trie(log, together, rows.excluded);
  const std::int64_t n_units = (rows.n_rows + tuning::rows_per_unit - 1) / tuning::rows_per_unit;
  Status status = parallel_for(n_units, threads, stop, [&](std::int64_t unit, int) -> Status {
    const std::int64_t first = unit * tuning::rows_per_unit;
    const std::int64_t end = std::min(rows.n_rows, first + tuning::rows_per_unit);
    TrieMatcher matcher(log, trie, rows, stop, with_clock);
    for (std::int64_t row = first; row < end; ++row) {
      const bool whole = matcher.run(row, [&](std::size_t p, Verdict verdict, std::uint32_t clock) {
        const std::size_t at = p * n_rows + static_cast<std::size_t>(row);
        result.verdict[at] = verdict;
        if (with_clock) result.clock[at] = clock;
      });
      if (!whole) return {Code::cancelled, "cancelled"};
    }
    for (const auto& [p, compiled] : alone) {
      RowMatcher single(log, compiled, rows, stop);
      for (std::int64_t row = first; row < end; ++row) {
        if (!single.run(row, !with_clock)) return {Code::cancelled, "cancelled"};
        const std::size_t at = p * n_rows + static_cast<std::size_t>(row);
        result.verdict[at] = single.verdict();
        if (with_clock) result.clock[at] = clock_of(log, single.matched());
      }
    }
    return {};
  });
  if (!status.ok()) return status;
  return result;
}

}  // namespace seqmine
