#include "naive_miner.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "naive_matcher.hpp"

namespace seqmine::reference {

namespace {

std::string text_of(const std::vector<Item>& items, const MinedPattern& pattern, std::uint64_t max_span) {
  std::string text = items[static_cast<std::size_t>(pattern.steps[0].item)].text;
  for (std::size_t i = 1; i < pattern.steps.size(); ++i) {
    const MinedStep& step = pattern.steps[i];
    const std::string hi = step.hi == unbounded ? "inf" : format_duration(step.hi);
    const bool bare = step.lo == 1 && step.hi == unbounded;
    text += bare ? " -> " : " -[" + format_duration(step.lo) + "," + hi + ")-> ";
    text += items[static_cast<std::size_t>(step.item)].text;
  }
  if (pattern.absent_item >= 0) {
    text += " -> no " + items[static_cast<std::size_t>(pattern.absent_item)].text + " within " +
            format_duration(pattern.absent_within);
  }
  if (max_span != unbounded && pattern.steps.size() > 1) text += " span < " + format_duration(max_span);
  return text;
}

Pattern compile(const std::vector<Item>& items, const MinedPattern& mined, std::uint64_t max_span) {
  Pattern pattern;
  for (const MinedStep& step : mined.steps) {
    pattern.steps.push_back({static_cast<std::int32_t>(pattern.predicates.size()), step.lo, step.hi, -1});
    pattern.predicates.push_back(items[static_cast<std::size_t>(step.item)].predicate);
  }
  if (mined.absent_item >= 0) {
    pattern.absences.push_back({static_cast<std::int32_t>(pattern.predicates.size()), mined.absent_within});
    pattern.predicates.push_back(items[static_cast<std::size_t>(mined.absent_item)].predicate);
  }
  pattern.span = max_span;
  return pattern;
}

/// A fraction with a common denominator for all strata: (sum over s of a_s n_s - m_s P_s, each times L / n_s) / L.
struct Exact {
  __int128 top;
  __int128 below;
};

Exact leverage(const MinerLabels& labels, const std::vector<std::int64_t>& rows, bool flip) {
  if (!labels.weight.empty()) {
    Exact exact{0, labels.scale};
    for (const std::int64_t row : rows) {
      const auto at = static_cast<std::size_t>(row);
      exact.top += (labels.label[at] != 0) != flip ? labels.weight[at] : -labels.weight[at];
    }
    return exact;
  }
  const auto stratum_of = [&](std::size_t row) {
    return labels.stratum.empty() ? std::size_t{0} : static_cast<std::size_t>(labels.stratum[row]);
  };
  const std::size_t n_strata = labels.stratum.empty() ? 1 : static_cast<std::size_t>(labels.n_strata);
  std::vector<std::int64_t> n(n_strata, 0), p(n_strata, 0), m(n_strata, 0), a(n_strata, 0);
  const auto hit = [&](std::size_t row) { return (labels.label[row] != 0) != flip ? 1 : 0; };
  for (std::size_t row = 0; row < labels.label.size(); ++row) {
    ++n[stratum_of(row)];
    p[stratum_of(row)] += hit(row);
  }
  for (const std::int64_t row : rows) {
    ++m[stratum_of(static_cast<std::size_t>(row))];
    a[stratum_of(static_cast<std::size_t>(row))] += hit(static_cast<std::size_t>(row));
  }
  std::int64_t common = 1;
  for (const std::int64_t size : n) common = size == 0 ? common : std::lcm(common, size);
  Exact exact{0, common};
  for (std::size_t s = 0; s < n_strata; ++s) {
    if (n[s] != 0) exact.top += static_cast<__int128>(a[s] * n[s] - m[s] * p[s]) * (common / n[s]);
  }
  return exact;
}

}  // namespace

std::vector<std::int64_t> naive_rows(const LogView& log, const RowsView& rows, const std::vector<Item>& items,
                                     const MinedPattern& pattern, std::uint64_t max_span) {
  const Pattern compiled = compile(items, pattern, max_span);
  std::vector<std::int64_t> matched;
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    if (match_row(log, compiled, rows, row).verdict == Verdict::matched) matched.push_back(row);
  }
  return matched;
}

std::vector<NaivePattern> naive_ranking(const LogView& log, const RowsView& rows, const MinerLabels& labels,
                                        const std::vector<Item>& items, const MinerOptions& options) {
  std::vector<NaivePattern> ranking;
  const auto consider = [&](const MinedPattern& mined) {
    const std::vector<std::int64_t> matched = naive_rows(log, rows, items, mined, options.max_span);
    if (static_cast<std::int64_t>(matched.size()) < options.min_support) return false;
    NaivePattern pattern;
    pattern.text = text_of(items, mined, options.max_span);
    pattern.length = mined.steps.size();
    pattern.rows = matched;
    pattern.n_matched = static_cast<std::int64_t>(matched.size());
    for (const std::int64_t row : matched) pattern.n_positive += labels.label[static_cast<std::size_t>(row)] != 0 ? 1 : 0;
    pattern.raises = leverage(labels, matched, false).top >= 0;
    const Exact score = leverage(labels, matched, !pattern.raises);
    pattern.score = static_cast<double>(score.top) / static_cast<double>(score.below);
    if (options.direction == Direction::both || (options.direction == Direction::raises) == pattern.raises) {
      ranking.push_back(pattern);
    }
    return true;
  };
  const auto try_absence = [&](MinedPattern mined, const AbsenceCandidate& absence) {
    // Eligible: an end whose window is over in the row, i.e. the absence of something that never happens.
    std::vector<Item> with_nothing = items;
    with_nothing.push_back({{std::vector<std::uint8_t>(static_cast<std::size_t>(log.n_types), 0), {}}, "nothing"});
    mined.absent_item = static_cast<std::int32_t>(items.size());
    mined.absent_within = absence.within;
    MinedPattern alone;  // only what enough rows have can be missed
    alone.steps.push_back({absence.item, 1, unbounded});
    if (static_cast<std::int64_t>(naive_rows(log, rows, items, alone, unbounded).size()) < options.min_support) return;
    std::int64_t eligible = 0, followed = 0;
    for (std::int64_t row = 0; row < rows.n_rows; ++row) {
      const NaiveMatch ends = match_row(log, compile(with_nothing, mined, options.max_span), rows, row);
      eligible += ends.verdict == Verdict::matched ? 1 : 0;
      MinedPattern present = mined;
      present.absent_item = absence.item;
      const NaiveMatch unfollowed = match_row(log, compile(items, present, options.max_span), rows, row);
      // Some eligible end is followed by X: not all of them are left when X must be absent.
      followed += unfollowed.moments.size() < ends.moments.size() ? 1 : 0;
    }
    if (eligible == 0 || followed * 5 < eligible) return;
    mined.absent_item = absence.item;
    consider(mined);
  };
  const auto grow = [&](const auto& self, MinedPattern mined) -> void {
    for (std::int32_t item = 0; item < static_cast<std::int32_t>(items.size()); ++item) {
      mined.steps.push_back({item, options.min_gap, options.max_gap});
      if (consider(mined)) {
        for (const AbsenceCandidate& absence : options.absences) try_absence(mined, absence);
        if (static_cast<std::int32_t>(mined.steps.size()) < options.max_length) self(self, mined);
      }
      mined.steps.pop_back();
    }
  };
  grow(grow, {});
  std::sort(ranking.begin(), ranking.end(), [](const NaivePattern& a, const NaivePattern& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.length != b.length) return a.length < b.length;
    return a.text < b.text;
  });
  return ranking;
}

std::vector<NaivePattern> naive_top(std::vector<NaivePattern> ranking, std::int64_t top_k, double redundancy) {
  std::vector<NaivePattern> kept;
  for (NaivePattern& pattern : ranking) {
    if (static_cast<std::int64_t>(kept.size()) == top_k) break;
    const bool redundant = redundancy >= 0 && std::any_of(kept.begin(), kept.end(), [&](const NaivePattern& other) {
      std::set<std::int64_t> both(other.rows.begin(), other.rows.end());
      std::size_t common = 0;
      for (const std::int64_t row : pattern.rows) common += both.count(row);
      both.insert(pattern.rows.begin(), pattern.rows.end());
      return static_cast<double>(common) / static_cast<double>(both.size()) > redundancy;
    });
    if (!redundant) kept.push_back(std::move(pattern));
  }
  return kept;
}

}  // namespace seqmine::reference
