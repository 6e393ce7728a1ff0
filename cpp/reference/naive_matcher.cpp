#include "naive_matcher.hpp"

#include <algorithm>
#include <limits>
#include <map>

namespace seqmine::reference {

namespace {

using Wide = __int128;  // sums and differences of times that cannot overflow

Wide wide(std::uint64_t x) { return x == unbounded ? Wide{1} << 100 : static_cast<Wide>(x); }

struct Search {
  const LogView& log;
  const Pattern& pattern;
  std::vector<std::int64_t> visible;
  Wide anchor = 0;
  std::vector<std::int64_t> chosen;
  std::map<std::int64_t, std::int64_t> latest;  // moment time -> latest start

  bool any_between(std::int32_t predicate, Wide after, Wide before) const {
    return std::any_of(visible.begin(), visible.end(), [&](std::int64_t i) {
      return log.time[i] > after && log.time[i] < before &&
             satisfies(log, pattern.predicates[static_cast<std::size_t>(predicate)], i);
    });
  }

  void extend() {
    const std::size_t at = chosen.size();
    if (at == pattern.steps.size()) {
      const std::int64_t start = log.time[chosen.front()];
      const std::int64_t moment = log.time[chosen.back()];
      if (Wide{moment} - start >= wide(pattern.span)) return;
      const auto [known, fresh] = latest.emplace(moment, start);
      if (!fresh) known->second = std::max(known->second, start);
      return;
    }
    const Step& step = pattern.steps[at];
    for (const std::int64_t i : visible) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      if (!satisfies(log, pattern.predicates[static_cast<std::size_t>(step.predicate)], i)) continue;
      if (at > 0 || pattern.anchored) {
        const Wide before = at > 0 ? Wide{log.time[chosen.back()]} : anchor;
        const Wide gap = log.time[i] - before;
        if (gap < 0 || gap < wide(step.lo) || gap >= wide(step.hi)) continue;
        if (step.guard >= 0 && any_between(step.guard, before, log.time[i])) continue;
      }
      chosen.push_back(i);
      extend();
      chosen.pop_back();
    }
  }
};

}  // namespace

NaiveMatch match_row(const LogView& log, const Pattern& pattern, const RowsView& rows, std::int64_t row) {
  NaiveMatch result;
  const std::int64_t entity = rows.entity[row];
  if (entity < 0) return result;
  Search search{log, pattern, {}, 0, {}, {}};
  bool anchored = false;
  for (std::int64_t i = log.entity_offsets[entity]; i < log.entity_offsets[entity + 1]; ++i) {
    if (!rows.excluded.empty() && rows.excluded[log.code[i]] != 0) continue;
    if (!anchored) search.anchor = log.time[i];
    anchored = true;
    if (log.time[i] >= rows.lo[row] && log.time[i] <= rows.last[row]) search.visible.push_back(i);
  }
  if (log.start != nullptr && log.start[entity] != std::numeric_limits<std::int64_t>::min()) {
    search.anchor = log.start[entity];
  }
  search.extend();
  Wide longest = 0;
  for (const Absence& absence : pattern.absences) longest = std::max(longest, wide(absence.within));
  bool undecided = false;
  for (const auto& [moment, start] : search.latest) {
    const bool contradicted = std::any_of(pattern.absences.begin(), pattern.absences.end(), [&](const Absence& a) {
      return search.any_between(a.predicate, moment, moment + wide(a.within) + 1);
    });
    if (contradicted) continue;
    if (moment + longest <= rows.last[row]) {
      result.moments.push_back({moment, start});
    } else {
      undecided = true;
    }
  }
  result.verdict = !result.moments.empty() ? Verdict::matched : undecided ? Verdict::undecided : Verdict::no;
  return result;
}

}  // namespace seqmine::reference
