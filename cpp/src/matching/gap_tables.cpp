#include <algorithm>
#include <functional>
#include <memory>

#include "row_matcher.hpp"
#include "row_times.hpp"
#include "seqmine/matcher.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

using matching::Moment;
using matching::PredicateTable;
using matching::RowTimes;

/// A job with predicates of the shared table.
struct Compiled {
  std::vector<std::int32_t> predicate;  // by step
  std::vector<Absence> absences;
  std::uint64_t longest_absence = 0;
  std::size_t offset = 0;  // of its table in a worker's
  std::size_t n_bins = 0;
};

/// A time at which the rest of a match can begin, with the earliest time at which it can end.
struct Beginning {
  std::int64_t time, end;
};

/// One worker. Scratch is kept between rows.
class GapCounter {
 public:
  GapCounter(const LogView& log, std::span<const GapJob> jobs, const std::vector<Compiled>& compiled,
             const PredicateTable& predicates, const RowsView& rows, std::size_t n_cells, const StopToken& stop)
      : jobs_(jobs),
        compiled_(compiled),
        rows_(rows),
        times_(log, predicates, rows),
        poll_(stop),
        n_rows_(n_cells, 0),
        weight_(n_cells, 0) {}

  [[nodiscard]] bool run(std::int64_t row, std::int64_t weight) {
    if (!times_.collect(row, poll_)) return false;
    if (times_.empty()) return true;
    last_ = rows_.end(row);
    for (std::size_t j = 0; j < jobs_.size(); ++j) {
      const Compiled& compiled = compiled_[j];
      const bool there = std::all_of(compiled.predicate.begin(), compiled.predicate.end(),
                                     [&](std::int32_t p) { return !times_[p].empty(); });
      if (there && !count(jobs_[j], compiled, weight)) return false;
    }
    return true;
  }

  [[nodiscard]] const std::vector<std::int64_t>& n_rows() const noexcept { return n_rows_; }
  [[nodiscard]] const std::vector<std::int64_t>& weight() const noexcept { return weight_; }

 private:
  bool count(const GapJob& job, const Compiled& compiled, std::int64_t weight) {
    const Pattern& pattern = *job.pattern;
    if (!list_ends(pattern, compiled, job.step)) return true;
    if (!list_beginnings(pattern, compiled, job.step)) return true;
    if (poll_.spend(static_cast<std::int64_t>(ends_.size() + beginnings_.size()))) return false;
    seen_.assign(compiled.n_bins, 0);
    std::size_t n_seen = 0;
    for (const Beginning& beginning : beginnings_) {
      if (n_seen == compiled.n_bins) break;
      n_seen += mark(job, pattern.span, beginning);
      if (poll_.spend(static_cast<std::int64_t>(compiled.n_bins))) return false;
    }
    // Disjoint rectangles, each added at its corner and taken away beyond its lower edge (STATISTICS D).
    std::size_t next = 0;
    for (std::size_t bin = 0; bin < compiled.n_bins; ++bin) {
      if (seen_[bin] == 0) continue;
      add(compiled, next, bin, weight, 1);
      if (bin + 1 < compiled.n_bins) add(compiled, bin + 1, bin, weight, -1);
      next = bin + 1;
    }
    return true;
  }

  void add(const Compiled& compiled, std::size_t first, std::size_t last, std::int64_t weight, std::int64_t sign) {
    const std::size_t at = compiled.offset + first * compiled.n_bins + last;
    n_rows_[at] += sign;
    weight_[at] += sign * weight;
  }

  /// Ends of the steps before `step`: time, and the latest start that leads there.
  bool list_ends(const Pattern& pattern, const Compiled& compiled, std::size_t step) {
    ends_.clear();
    for (const std::int64_t time : times_[compiled.predicate[0]]) ends_.push_back({time, time});
    for (std::size_t s = 1; s < step; ++s) {
      before_.swap(ends_);
      ends_.clear();
      std::size_t admitted = 0;
      for (const std::int64_t time : times_[compiled.predicate[s]]) {
        while (admitted < before_.size() && before_[admitted].time < time &&
               distance(time, before_[admitted].time) >= pattern.steps[s].lo) {
          ++admitted;
        }
        if (admitted == 0) continue;
        const Moment& newest = before_[admitted - 1];
        if (distance(time, newest.time) >= pattern.steps[s].hi) continue;
        ends_.push_back({time, newest.start});
      }
    }
    return !ends_.empty();
  }

  /// Where `step` can happen so that the steps after it, and the absences, hold: from the last step backwards.
  bool list_beginnings(const Pattern& pattern, const Compiled& compiled, std::size_t step) {
    const std::size_t last = pattern.steps.size() - 1;
    beginnings_.clear();
    for (const std::int64_t time : times_[compiled.predicate[last]]) {
      if (stands(compiled, time)) beginnings_.push_back({time, time});
    }
    for (std::size_t s = last; s > step; --s) {
      after_.swap(beginnings_);
      beginnings_.clear();
      const Step& gap = pattern.steps[s];
      std::size_t first = 0;
      for (const std::int64_t time : times_[compiled.predicate[s - 1]]) {
        // The earliest beginning that is far enough has the earliest end; if it is too far, all are.
        while (first < after_.size() && (after_[first].time <= time || distance(after_[first].time, time) < gap.lo)) {
          ++first;
        }
        if (first == after_.size()) break;
        if (distance(after_[first].time, time) < gap.hi) beginnings_.push_back({time, after_[first].end});
      }
    }
    return !beginnings_.empty();
  }

  [[nodiscard]] bool stands(const Compiled& compiled, std::int64_t time) const {
    if (distance(last_, time) < compiled.longest_absence) return false;
    for (const Absence& absence : compiled.absences) {
      const auto& times = times_[absence.predicate];
      const auto next = std::upper_bound(times.begin(), times.end(), time);
      if (next != times.end() && distance(*next, time) <= absence.within) return false;
    }
    return true;
  }

  /// Marks the bins of the gaps from all ends to one beginning; returns how many are new. Of the ends in one bin the
  /// newest decides: it has the latest start.
  std::size_t mark(const GapJob& job, std::uint64_t span, const Beginning& beginning) {
    const auto edges = job.edges;
    std::size_t n_new = 0;
    const auto at_least = [&](std::uint64_t gap) {  // ends that lie so far back, as a count from the first
      return static_cast<std::size_t>(
          std::partition_point(ends_.begin(), ends_.end(), [&](const Moment& end) {
            return end.time < beginning.time && distance(beginning.time, end.time) >= gap;
          }) - ends_.begin());
    };
    std::size_t n_left = at_least(edges.front());
    while (n_left > 0) {
      const Moment& newest = ends_[n_left - 1];
      const std::uint64_t gap = distance(beginning.time, newest.time);
      if (gap >= edges.back()) break;
      // Going back the starts do not come later, so no earlier end is feasible either.
      if (distance(beginning.end, newest.start) >= span) break;
      const auto bin = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), gap) - edges.begin()) - 1;
      n_new += seen_[bin] == 0 ? 1 : 0;
      seen_[bin] = 1;
      n_left = at_least(edges[bin + 1]);
    }
    return n_new;
  }

  std::span<const GapJob> jobs_;
  const std::vector<Compiled>& compiled_;
  const RowsView& rows_;
  RowTimes times_;
  Poll poll_;
  std::int64_t last_ = 0;
  std::vector<Moment> ends_, before_;
  std::vector<Beginning> beginnings_, after_;
  std::vector<std::uint8_t> seen_;
  std::vector<std::int64_t> n_rows_, weight_;
};

Status check_job(const LogView& log, const GapJob& job, const RowsView& rows) {
  if (job.pattern == nullptr) return {Code::invalid_argument, "a gap needs a pattern"};
  if (Status status = matching::check(log, *job.pattern, rows); !status.ok()) return status;
  const Pattern& pattern = *job.pattern;
  bool plain = !pattern.anchored;
  for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
    plain = plain && pattern.steps[s].guard < 0 && (s == 0 || pattern.steps[s].lo >= 1);
  }
  if (!plain) return {Code::invalid_argument, "gaps are looked at in patterns of plain steps, one after the other"};
  if (job.step < 1 || job.step >= pattern.steps.size()) return {Code::invalid_argument, "there is no gap before this step"};
  if (job.edges.size() < 2 || job.edges.front() < 1 ||
      std::adjacent_find(job.edges.begin(), job.edges.end(), std::greater_equal<>()) != job.edges.end()) {
    return {Code::invalid_argument, "edges of gaps must ascend from 1 us"};
  }
  return {};
}

/// Differences become counts: sums over `last` within a row of the table, then over `first`.
GapTable whole(std::span<const std::int64_t> n_rows, std::span<const std::int64_t> weight, std::size_t n_bins) {
  GapTable table;
  const auto sum_up = [n_bins](std::span<const std::int64_t> cells) {
    std::vector<std::int64_t> sums(cells.begin(), cells.end());
    for (std::size_t first = 0; first < n_bins; ++first) {
      for (std::size_t last = 1; last < n_bins; ++last) sums[first * n_bins + last] += sums[first * n_bins + last - 1];
    }
    for (std::size_t first = 1; first < n_bins; ++first) {
      for (std::size_t last = 0; last < n_bins; ++last) sums[first * n_bins + last] += sums[(first - 1) * n_bins + last];
    }
    for (std::size_t first = 0; first < n_bins; ++first) {
      std::fill(sums.begin() + static_cast<std::ptrdiff_t>(first * n_bins),
                sums.begin() + static_cast<std::ptrdiff_t>(first * n_bins + first), 0);
    }
    return sums;
  };
  table.n_rows = sum_up(n_rows);
  table.weight = sum_up(weight);
  return table;
}

}  // namespace

Result<std::vector<GapTable>> gap_tables(const LogView& log, std::span<const GapJob> jobs, const RowsView& rows,
                                         std::span<const std::int64_t> weight, int threads, const StopToken& stop) {
  if (Status status = check(log, rows); !status.ok()) return status;
  if (static_cast<std::int64_t>(weight.size()) != rows.n_rows) {
    return Status{Code::invalid_argument, "one weight per row is needed"};
  }
  PredicateTable predicates;
  std::vector<Compiled> compiled;
  std::size_t n_cells = 0;
  for (const GapJob& job : jobs) {
    if (Status status = check_job(log, job, rows); !status.ok()) return status;
    const Pattern& pattern = *job.pattern;
    const auto number = [&](std::int32_t p) {
      return predicates.intern(pattern.predicates[static_cast<std::size_t>(p)]);
    };
    Compiled one;
    for (const Step& step : pattern.steps) one.predicate.push_back(number(step.predicate));
    for (const Absence& absence : pattern.absences) {
      one.absences.push_back({number(absence.predicate), absence.within});
      one.longest_absence = std::max(one.longest_absence, absence.within);
    }
    one.n_bins = job.edges.size() - 1;
    one.offset = n_cells;
    n_cells += one.n_bins * one.n_bins;
    compiled.push_back(std::move(one));
  }
  predicates.index_types(log, rows.excluded);
  const int n_workers = resolve_threads(threads);
  std::vector<std::unique_ptr<GapCounter>> workers(static_cast<std::size_t>(n_workers));
  const std::int64_t n_units = (rows.n_rows + tuning::rows_per_unit - 1) / tuning::rows_per_unit;
  Status status = parallel_for(n_units, n_workers, stop, [&](std::int64_t unit, int worker) -> Status {
    auto& counter = workers[static_cast<std::size_t>(worker)];
    if (counter == nullptr) {
      counter = std::make_unique<GapCounter>(log, jobs, compiled, predicates, rows, n_cells, stop);
    }
    const std::int64_t first = unit * tuning::rows_per_unit;
    const std::int64_t end = std::min(rows.n_rows, first + tuning::rows_per_unit);
    for (std::int64_t row = first; row < end; ++row) {
      if (!counter->run(row, weight[static_cast<std::size_t>(row)])) return {Code::cancelled, "cancelled"};
    }
    return {};
  });
  if (!status.ok()) return status;
  std::vector<std::int64_t> n_rows(n_cells, 0), sums(n_cells, 0);
  for (const auto& worker : workers) {
    if (worker == nullptr) continue;
    for (std::size_t i = 0; i < n_cells; ++i) {
      n_rows[i] += worker->n_rows()[i];
      sums[i] += worker->weight()[i];
    }
  }
  std::vector<GapTable> tables;
  for (const Compiled& one : compiled) {
    const std::size_t n = one.n_bins * one.n_bins;
    tables.push_back(whole(std::span(n_rows).subspan(one.offset, n), std::span(sums).subspan(one.offset, n), one.n_bins));
  }
  return tables;
}

}  // namespace seqmine
