#include "row_matcher.hpp"

#include <algorithm>

#include "seqmine/tuning.hpp"

namespace seqmine::matching {

namespace {

constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t rows_ahead = 8;

bool has(std::uint64_t mask, std::int32_t predicate) noexcept { return (mask >> predicate & 1U) != 0; }

}  // namespace

CompiledPattern::CompiledPattern(const LogView& log, const Pattern& pattern, std::span<const std::uint8_t> excluded)
    : log_(log), pattern_(pattern), by_type_(static_cast<std::size_t>(log.n_types), 0) {
  for (std::size_t p = 0; p < pattern.predicates.size(); ++p) {
    const std::uint64_t bit = std::uint64_t{1} << p;
    for (std::size_t type = 0; type < by_type_.size(); ++type) {
      if (pattern.predicates[p].types[type] != 0 && (excluded.empty() || excluded[type] == 0)) by_type_[type] |= bit;
    }
    if (!pattern.predicates[p].conditions.empty()) conditional_ |= bit;
  }
  for (const Absence& absence : pattern.absences) longest_absence_ = std::max(longest_absence_, absence.within);
  wanted_.resize(by_type_.size());
  for (std::size_t type = 0; type < by_type_.size(); ++type) wanted_[type] = by_type_[type] != 0 ? 1 : 0;
  chain_ = !pattern.anchored && pattern.absences.empty();
  for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
    needed_ |= std::uint64_t{1} << pattern.steps[s].predicate;
    chain_ = chain_ && pattern.steps[s].guard < 0;
    reaches_ties_ = reaches_ties_ || (s > 0 && pattern.steps[s].lo == 0);
  }
}

std::size_t CompiledPattern::list_hits(std::int64_t begin, std::int64_t end, std::uint32_t* hits) const noexcept {
  // No branch on the data: where types are mixed a processor guesses one in a few wrong, and that costs more than
  // all the writes.
  const auto list = [&](const auto* codes) {
    const std::uint8_t* wanted = wanted_.data();
    std::size_t n = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      hits[n] = static_cast<std::uint32_t>(i - begin);
      n += wanted[codes[i]];
    }
    return n;
  };
  return log_.code.narrow() != nullptr ? list(log_.code.narrow()) : list(log_.code.wide());
}

std::uint64_t CompiledPattern::mask(std::int64_t i) const noexcept {
  std::uint64_t mask = by_type_[log_.code[i]];
  for (std::uint64_t rest = mask & conditional_; rest != 0; rest &= rest - 1) {
    const std::uint64_t bit = rest & (~rest + 1);
    const auto p = static_cast<std::size_t>(__builtin_ctzll(rest));
    if (!satisfies_conditions(log_, pattern_.predicates[p], i)) mask &= ~bit;
  }
  return mask;
}

void RowMatcher::Ends::clear() noexcept {
  all.clear();
  queue.clear();
  admitted = 0;
  head = 0;
}

RowMatcher::RowMatcher(const LogView& log, const CompiledPattern& compiled, const RowsView& rows,
                       const StopToken& stop)
    : log_(log),
      compiled_(compiled),
      rows_(rows),
      poll_(stop),
      ends_(compiled.pattern().steps.size()),
      last_guard_(compiled.pattern().steps.size()),
      guard_seen_(compiled.pattern().steps.size()),
      absence_times_(compiled.pattern().absences.size()),
      candidates_(compiled.pattern().steps.size()),
      taken_(compiled.pattern().steps.size()),
      best_(compiled.pattern().steps.size()),
      reached_(compiled.pattern().steps.size()) {}

Verdict RowMatcher::verdict() const noexcept {
  if (!matched_.empty()) return Verdict::matched;
  return undecided_ ? Verdict::undecided : Verdict::no;
}

bool RowMatcher::collect(std::int64_t row) {
  events_.clear();
  // Whether a row sees all of its entity is told by the first and the last time, which are far apart in memory.
  if (row + rows_ahead < rows_.n_rows && rows_.entity[row + rows_ahead] >= 0) {
    const std::int64_t* offsets = log_.entity_offsets + rows_.entity[row + rows_ahead];
    __builtin_prefetch(log_.time + offsets[0]);
    __builtin_prefetch(log_.time + offsets[1]);
  }
  auto [begin, end] = visible_events(log_, rows_, row);
  std::uint64_t found = 0;
  while (begin < end) {
    const std::int64_t piece = std::min(end, begin + tuning::poll_steps);
    const auto length = static_cast<std::size_t>(piece - begin);
    if (poll_.spend(piece - begin)) return false;
    if (hits_.size() < length) hits_.resize(length);
    const std::size_t n = compiled_.list_hits(begin, piece, hits_.data());
    for (std::size_t h = 0; h < n; ++h) found |= compiled_.type_mask(begin + hits_[h]);
    // In a short row what is missing is known before a time is read; in a long one, when all have been seen.
    if (piece == end && (found & compiled_.needed()) != compiled_.needed()) {
      events_.clear();
      return true;
    }
    for (std::size_t h = 0; h < n; ++h) {
      const std::int64_t i = begin + hits_[h];
      const std::uint64_t mask = compiled_.mask(i);
      if (mask != 0) events_.push_back({log_.time[i], mask});
    }
    begin = piece;
  }
  return true;
}

/// Patterns of steps alone, where no step can be simultaneous with the one before. Without upper limits on the way
/// the newest end that is old enough is the best one: what it starts with is never earlier, and if it is too far
/// back, all are. True when that was possible.
bool RowMatcher::run_chain(bool first_only) {
  if (!compiled_.chain()) return false;
  if (compiled_.reaches_ties()) {
    for (std::size_t e = 1; e < events_.size(); ++e) {
      if (events_[e].time == events_[e - 1].time) return false;
    }
  }
  const Pattern& pattern = compiled_.pattern();
  const std::size_t n_steps = pattern.steps.size();
  for (std::size_t s = 0; s < n_steps; ++s) {
    ends_[s].all.clear();
    ends_[s].admitted = 0;
  }
  for (const Event& event : events_) {
    // From the last step down, so that no event is two steps of one match.
    for (std::size_t s = n_steps; s-- > 0;) {
      const Step& step = pattern.steps[s];
      if (!has(event.mask, step.predicate)) continue;
      Moment moment{event.time, event.time};
      if (s > 0) {
        Ends& before = ends_[s - 1];
        while (before.admitted < before.all.size() &&
               distance(event.time, before.all[before.admitted].time) >= step.lo) {
          ++before.admitted;
        }
        if (before.admitted == 0) continue;
        const Moment& newest = before.all[before.admitted - 1];
        if (distance(event.time, newest.time) >= step.hi) continue;
        if (distance(event.time, newest.start) >= pattern.span) continue;
        moment.start = newest.start;
      } else if (pattern.span == 0) {
        continue;
      }
      if (s + 1 < n_steps) {
        ends_[s].all.push_back(moment);
        continue;
      }
      if (!moments_.empty() && moments_.back().time == moment.time) continue;
      moments_.push_back(moment);
      if (first_only) return true;
    }
  }
  return true;
}

bool RowMatcher::run(std::int64_t row, bool first_only) {
  const Pattern& pattern = compiled_.pattern();
  moments_.clear();
  matched_.clear();
  undecided_ = false;
  if (!collect(row)) return false;
  if (events_.empty()) return true;

  last_ = rows_.last[row];
  if (run_chain(first_only)) {
    std::swap(matched_, moments_);
    return true;
  }
  if (pattern.anchored) {
    const std::int64_t entity = rows_.entity[row];
    anchor_ = log_.start != nullptr ? log_.start[entity] : no_time;
    if (anchor_ == no_time) {
      std::int64_t i = log_.entity_offsets[entity];
      while (!rows_.excluded.empty() && rows_.excluded[log_.code[i]] != 0) ++i;  // some event is visible: it stops
      anchor_ = log_.time[i];
    }
  }
  for (std::size_t s = 0; s < ends_.size(); ++s) ends_[s].clear();
  std::fill(guard_seen_.begin(), guard_seen_.end(), std::uint8_t{0});
  for (auto& times : absence_times_) times.clear();

  const bool stop_at_first = first_only && pattern.absences.empty();
  for (std::size_t begin = 0; begin < events_.size();) {
    std::size_t end = begin + 1;
    while (end < events_.size() && events_[end].time == events_[begin].time) ++end;
    match_group(begin, end);
    if (stop_at_first && !moments_.empty()) break;
    if (poll_.spend(static_cast<std::int64_t>((end - begin) * pattern.steps.size()))) return false;
    begin = end;
  }
  settle_absences();
  return true;
}

// All matches of steps 0..j with step j at this group's time, best start first. A match splits into runs of steps at
// one time; inside a run every gap must allow zero and the steps must take different events, between runs time
// passes. So it is enough to know, per step, the latest start of a match that ends there (Ends), and per group which
// runs can be seated.
void RowMatcher::match_group(std::size_t begin, std::size_t end) {
  const Pattern& pattern = compiled_.pattern();
  const std::size_t n_steps = pattern.steps.size();
  const std::int64_t time = events_[begin].time;
  std::uint64_t any = 0;
  for (std::size_t e = begin; e < end; ++e) any |= events_[e].mask;

  std::fill(reached_.begin(), reached_.end(), std::uint8_t{0});
  for (std::size_t first = 0; first < n_steps; ++first) {
    std::int64_t start = 0;
    if (!has(any, pattern.steps[first].predicate) || !latest_start(first, time, start)) continue;
    for (std::size_t step = first; step < n_steps; ++step) {
      if (step > first) {
        if (pattern.steps[step].lo != 0 || !has(any, pattern.steps[step].predicate)) break;
        if (step == first + 1 && !seat(first, first, begin, end)) break;
        if (!seat(step, first, begin, end)) break;
      }
      if (reached_[step] == 0 || start > best_[step]) best_[step] = start;
      reached_[step] = 1;
    }
  }
  for (std::size_t step = 0; step < n_steps; ++step) {
    // Later steps only move the last time away from the start, so what breaks the span now stays broken.
    if (reached_[step] == 0 || distance(time, best_[step]) >= pattern.span) continue;
    (step + 1 == n_steps ? moments_ : ends_[step].all).push_back({time, best_[step]});
  }
  for (std::size_t step = 0; step < n_steps; ++step) {
    if (pattern.steps[step].guard >= 0 && has(any, pattern.steps[step].guard)) {
      last_guard_[step] = time;
      guard_seen_[step] = 1;
    }
  }
  for (std::size_t a = 0; a < pattern.absences.size(); ++a) {
    if (has(any, pattern.absences[a].predicate)) absence_times_[a].push_back(time);
  }
}

// The latest start of a match of the steps before `step` that ends strictly earlier than `time`, inside the gap and
// with no guard event in between. Both edges of the admissible span of ends move forward with time, so each end is
// looked at once (a monotonic queue: an end that is older and starts no later can never win again).
bool RowMatcher::latest_start(std::size_t step, std::int64_t time, std::int64_t& start) {
  const Pattern& pattern = compiled_.pattern();
  const Step& spec = pattern.steps[step];
  if (step == 0) {
    start = time;
    if (!pattern.anchored) return true;
    if (time < anchor_) return false;
    const std::uint64_t gap = distance(time, anchor_);
    return gap >= spec.lo && gap < spec.hi && (guard_seen_[0] == 0 || last_guard_[0] <= anchor_);
  }
  Ends& ends = ends_[step - 1];
  const std::uint64_t lo = std::max<std::uint64_t>(spec.lo, 1);
  while (ends.admitted < ends.all.size() && distance(time, ends.all[ends.admitted].time) >= lo) {
    const Moment& fresh = ends.all[ends.admitted++];
    while (ends.queue.size() > ends.head && ends.queue.back().start <= fresh.start) ends.queue.pop_back();
    ends.queue.push_back(fresh);
  }
  while (ends.head < ends.queue.size()) {
    const Moment& front = ends.queue[ends.head];
    if (distance(time, front.time) < spec.hi && (guard_seen_[step] == 0 || last_guard_[step] <= front.time)) break;
    ++ends.head;
  }
  if (ends.head == ends.queue.size()) return false;
  start = ends.queue[ends.head].start;
  return true;
}

// Seats one more step of the run [run_begin, step] at this time on an event of its own; the steps before it in the
// run are seated already (Kuhn's augmenting paths). A step with as many candidates as there are steps can always be
// seated last, so more candidates than that are never looked at.
bool RowMatcher::seat(std::size_t step, std::size_t run_begin, std::size_t group_begin, std::size_t group_end) {
  auto& candidates = candidates_[step];
  candidates.clear();
  const std::int32_t predicate = compiled_.pattern().steps[step].predicate;
  for (std::size_t e = group_begin; e < group_end && candidates.size() < candidates_.size(); ++e) {
    if (has(events_[e].mask, predicate)) candidates.push_back(e);
  }
  taken_[step] = nobody;
  tried_.clear();
  return augment(step, run_begin, step);
}

bool RowMatcher::augment(std::size_t step, std::size_t run_begin, std::size_t run_last) {
  for (const std::size_t event : candidates_[step]) {
    if (std::find(tried_.begin(), tried_.end(), event) != tried_.end()) continue;
    tried_.push_back(event);
    std::size_t holder = run_begin;
    while (holder <= run_last && (holder == step || taken_[holder] != event)) ++holder;
    if (holder > run_last || augment(holder, run_begin, run_last)) {
      taken_[step] = event;
      return true;
    }
  }
  return false;
}

void RowMatcher::settle_absences() {
  const Pattern& pattern = compiled_.pattern();
  if (pattern.absences.empty()) {
    matched_.swap(moments_);
    return;
  }
  std::vector<std::size_t> next(pattern.absences.size(), 0);
  for (const Moment& moment : moments_) {
    bool contradicted = false;
    for (std::size_t a = 0; a < pattern.absences.size(); ++a) {
      const auto& times = absence_times_[a];
      while (next[a] < times.size() && times[next[a]] <= moment.time) ++next[a];
      contradicted |= next[a] < times.size() && distance(times[next[a]], moment.time) <= pattern.absences[a].within;
    }
    if (contradicted) continue;
    if (distance(last_, moment.time) >= compiled_.longest_absence()) {
      matched_.push_back(moment);
    } else {
      undecided_ = true;
    }
  }
}

}  // namespace seqmine::matching
