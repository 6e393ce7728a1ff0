#include "seqmine/matcher.hpp"

#include <algorithm>

#include "row_matcher.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

using matching::CompiledPattern;
using matching::RowMatcher;

std::int64_t n_units(std::int64_t n) { return (n + tuning::rows_per_unit - 1) / tuning::rows_per_unit; }

/// Runs `visit(unit, row, matcher)` for every row, units of rows in parallel, rows of a unit in order.
template <class Visit>
Status for_each_row(const LogView& log, const Pattern& pattern, const RowsView& rows, bool first_only, int threads,
                    const StopToken& stop, const Visit& visit) {
  if (Status status = matching::check(log, pattern, rows); !status.ok()) return status;
  const CompiledPattern compiled(log, pattern, rows.excluded);
  return parallel_for(n_units(rows.n_rows), threads, stop, [&](std::int64_t unit, int) -> Status {
    RowMatcher matcher(log, compiled, rows, stop);
    const std::int64_t end = std::min(rows.n_rows, (unit + 1) * tuning::rows_per_unit);
    for (std::int64_t row = unit * tuning::rows_per_unit; row < end; ++row) {
      if (!matcher.run(row, first_only)) return {Code::cancelled, "cancelled"};
      visit(unit, row, matcher);
    }
    return {};
  });
}

}  // namespace

namespace matching {

Status check(const LogView& log, const Pattern& pattern, const RowsView& rows) {
  if (pattern.steps.empty()) return {Code::invalid_argument, "a pattern needs at least one step"};
  if (pattern.predicates.size() > 64) return {Code::invalid_argument, "a pattern can hold at most 64 predicates"};
  const auto n = static_cast<std::int32_t>(pattern.predicates.size());
  for (const Step& step : pattern.steps) {
    if (step.predicate < 0 || step.predicate >= n || step.guard < -1 || step.guard >= n) {
      return {Code::invalid_argument, "a step names a predicate that is not there"};
    }
  }
  for (const Absence& absence : pattern.absences) {
    if (absence.predicate < 0 || absence.predicate >= n) {
      return {Code::invalid_argument, "an absence names a predicate that is not there"};
    }
  }
  for (const Predicate& predicate : pattern.predicates) {
    if (Status status = seqmine::check(log, predicate); !status.ok()) return status;
  }
  return seqmine::check(log, rows);
}

}  // namespace matching

Result<Occurrences> find_occurrences(const LogView& log, const Pattern& pattern, const RowsView& rows, bool all,
                                     int threads, const StopToken& stop) {
  std::vector<Occurrences> parts(static_cast<std::size_t>(n_units(rows.n_rows)));
  std::uint64_t longest = 0;
  for (const Absence& absence : pattern.absences) longest = std::max(longest, absence.within);
  const auto visit = [&](std::int64_t unit, std::int64_t row, const RowMatcher& matcher) {
    Occurrences& part = parts[static_cast<std::size_t>(unit)];
    for (const matching::Moment& moment : matcher.matched()) {
      part.row.push_back(row);
      part.start_time.push_back(moment.start);
      part.moment_time.push_back(moment.time);
      // A decided match has moment + longest <= last, so the sum fits; longest alone may not (moment < 0), hence
      // the sum as uint64, which wraps by definition.
      part.ready_time.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(moment.time) + longest));
      if (!all) break;
    }
  };
  if (Status status = for_each_row(log, pattern, rows, !all, threads, stop, visit); !status.ok()) return status;
  Occurrences whole;
  std::size_t n = 0;
  for (const Occurrences& part : parts) n += part.row.size();
  for (auto member : {&Occurrences::row, &Occurrences::start_time, &Occurrences::moment_time,
                      &Occurrences::ready_time}) {
    (whole.*member).reserve(n);
    for (const Occurrences& part : parts) {
      (whole.*member).insert((whole.*member).end(), (part.*member).begin(), (part.*member).end());
    }
  }
  return whole;
}

Result<std::vector<Verdict>> match_rows(const LogView& log, const Pattern& pattern, const RowsView& rows, int threads,
                                        const StopToken& stop) {
  std::vector<Verdict> verdicts(static_cast<std::size_t>(rows.n_rows), Verdict::no);
  const auto visit = [&](std::int64_t, std::int64_t row, const RowMatcher& matcher) {
    verdicts[static_cast<std::size_t>(row)] = matcher.verdict();
  };
  if (Status status = for_each_row(log, pattern, rows, true, threads, stop, visit); !status.ok()) return status;
  return verdicts;
}

Result<PatternCount> count_rows(const LogView& log, const Pattern& pattern, const RowsView& rows,
                                std::span<const std::uint8_t> labels, int threads, const StopToken& stop) {
  if (!labels.empty() && static_cast<std::int64_t>(labels.size()) != rows.n_rows) {
    return Status{Code::invalid_argument, "labels must have one entry per row"};
  }
  auto verdicts = match_rows(log, pattern, rows, threads, stop);
  if (!verdicts.ok()) return verdicts.status();
  PatternCount count;
  for (std::size_t row = 0; row < verdicts.value().size(); ++row) {
    const Verdict verdict = verdicts.value()[row];
    count.n_matched += verdict == Verdict::matched;
    count.n_undecided += verdict == Verdict::undecided;
    count.n_positive += verdict == Verdict::matched && !labels.empty() && labels[row] != 0;
  }
  return count;
}

Result<WindowStats> window_stats(const LogView& log, const Predicate& predicate, const RowsView& rows, int threads,
                                 const StopToken& stop) {
  if (Status status = check(log, predicate); !status.ok()) return status;
  if (Status status = check(log, rows); !status.ok()) return status;
  const auto n = static_cast<std::size_t>(rows.n_rows);
  WindowStats stats;
  stats.count.resize(n);
  stats.n_null.resize(n);
  stats.first_time.resize(n);
  stats.last_time.resize(n);
  if (log.value != nullptr) stats.sum.resize(n);
  Status status = parallel_for(n_units(rows.n_rows), threads, stop, [&](std::int64_t unit, int) -> Status {
    Poll poll(stop);
    const std::int64_t unit_end = std::min(rows.n_rows, (unit + 1) * tuning::rows_per_unit);
    for (std::int64_t row = unit * tuning::rows_per_unit; row < unit_end; ++row) {
      const auto at = static_cast<std::size_t>(row);
      const auto [begin, end] = visible_events(log, rows, row);
      for (std::int64_t i = begin; i < end; ++i) {
        if (poll.spend(1)) return {Code::cancelled, "cancelled"};
        if (!rows.excluded.empty() && rows.excluded[log.code[i]] != 0) continue;
        if (!satisfies(log, predicate, i)) continue;
        if (stats.count[at]++ == 0) stats.first_time[at] = log.time[i];
        stats.last_time[at] = log.time[i];
        if (log.value == nullptr) continue;
        if (log.value[i] == log.value[i]) {
          stats.sum[at] += log.value[i];
        } else {
          ++stats.n_null[at];
        }
      }
    }
    return {};
  });
  if (!status.ok()) return status;
  return stats;
}

Result<NthTimes> nth_event_time(const LogView& log, const Predicate& predicate, std::int64_t n, int threads,
                                const StopToken& stop) {
  if (n < 1) return Status{Code::invalid_argument, "n counts from 1"};
  if (Status status = check(log, predicate); !status.ok()) return status;
  NthTimes times;
  times.time.resize(static_cast<std::size_t>(log.n_entities));
  times.found.resize(static_cast<std::size_t>(log.n_entities));
  Status status = parallel_for(n_units(log.n_entities), threads, stop, [&](std::int64_t unit, int) -> Status {
    Poll poll(stop);
    const std::int64_t unit_end = std::min(log.n_entities, (unit + 1) * tuning::rows_per_unit);
    for (std::int64_t entity = unit * tuning::rows_per_unit; entity < unit_end; ++entity) {
      std::int64_t seen = 0;
      for (std::int64_t i = log.entity_offsets[entity]; i < log.entity_offsets[entity + 1]; ++i) {
        if (poll.spend(1)) return {Code::cancelled, "cancelled"};
        if (!satisfies(log, predicate, i) || ++seen < n) continue;
        times.time[static_cast<std::size_t>(entity)] = log.time[i];
        times.found[static_cast<std::size_t>(entity)] = 1;
        break;
      }
    }
    return {};
  });
  if (!status.ok()) return status;
  return times;
}

}  // namespace seqmine
