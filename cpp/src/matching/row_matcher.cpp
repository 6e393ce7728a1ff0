#include "row_matcher.hpp"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "seqmine/tuning.hpp"

namespace seqmine::matching {

namespace {

constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t rows_ahead = 8;

bool has(std::uint64_t mask, std::int32_t predicate) noexcept { return (mask >> predicate & 1U) != 0; }

#if defined(__SSE2__)
constexpr std::size_t most_compared = 4;  // types

/// Which of 16 codes are `type`, as bits.
std::uint32_t compare(__m128i low, __m128i high, std::uint16_t type) noexcept {
  const __m128i all = _mm_set1_epi16(static_cast<std::int16_t>(type));
  const __m128i equal = _mm_packs_epi16(_mm_cmpeq_epi16(low, all), _mm_cmpeq_epi16(high, all));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(equal));
}

/// Lists which of `n` codes are one of the n_types in `wanted`; seen[t] becomes non-zero where type t is there.
/// `n_readable`: codes that may be read, which are more than those that count.
template <std::size_t n_types>
std::size_t list_few(const std::uint16_t* codes, std::int64_t n, std::int64_t n_readable, const std::uint16_t* wanted,
                     std::uint32_t* hits, std::uint32_t* seen) noexcept {
  std::size_t n_hits = 0;
  std::int64_t i = 0;
  for (; i < n && i + 16 <= n_readable; i += 16) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i + 8));
    const std::uint32_t counting = n - i < 16 ? (1U << (n - i)) - 1U : 0xffffU;
    std::uint32_t bits = 0;
    for (std::size_t t = 0; t < n_types; ++t) {
      const std::uint32_t equal = compare(low, high, wanted[t]) & counting;
      seen[t] |= equal;
      bits |= equal;
    }
    const auto at = static_cast<std::uint32_t>(i);
    const auto n_bits = static_cast<std::size_t>(__builtin_popcount(bits));
    // As many as are likely, without a branch; a mask that is used up gives places that the next ones overwrite.
    for (std::size_t k = 0; k < CompiledPattern::spare_hits; ++k) {
      hits[n_hits + k] = at + static_cast<std::uint32_t>(__builtin_ctz(bits | 1U << 31));
      bits &= bits - 1;
    }
    for (std::size_t k = CompiledPattern::spare_hits; k < n_bits; ++k) {
      hits[n_hits + k] = at + static_cast<std::uint32_t>(__builtin_ctz(bits));
      bits &= bits - 1;
    }
    n_hits += n_bits;
  }
  for (; i < n; ++i) {
    for (std::size_t t = 0; t < n_types; ++t) {
      if (codes[i] != wanted[t]) continue;
      hits[n_hits++] = static_cast<std::uint32_t>(i);
      seen[t] = 1;
    }
  }
  return n_hits;
}
#endif

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
#if defined(__SSE2__)
  if (log.code.narrow() != nullptr) {
    for (std::size_t type = 0; type < wanted_.size() && few_.size() <= most_compared; ++type) {
      if (wanted_[type] != 0) few_.push_back(static_cast<std::uint16_t>(type));
    }
    if (few_.size() > most_compared) few_.clear();
  }
#endif
  steps_of_.resize(pattern.predicates.size());
  chain_ = !pattern.anchored && pattern.absences.empty() && pattern.steps.size() <= 64;
  for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
    needed_ |= std::uint64_t{1} << pattern.steps[s].predicate;
    if (chain_) steps_of_[static_cast<std::size_t>(pattern.steps[s].predicate)] |= std::uint64_t{1} << s;
    chain_ = chain_ && pattern.steps[s].guard < 0;
    reaches_ties_ = reaches_ties_ || (s > 0 && pattern.steps[s].lo == 0);
  }
}

std::size_t CompiledPattern::list_hits(std::int64_t begin, std::int64_t end, std::uint32_t* hits,
                                       std::uint64_t& found) const noexcept {
#if defined(__SSE2__)
  if (!few_.empty()) {
    const auto list = [&]<std::size_t n_types>() {
      std::uint32_t seen[n_types] = {};
      const std::size_t n = list_few<n_types>(log_.code.narrow() + begin, end - begin, log_.n_events - begin,
                                              few_.data(), hits, seen);
      for (std::size_t t = 0; t < n_types; ++t) found |= seen[t] != 0 ? by_type_[few_[t]] : 0;
      return n;
    };
    switch (few_.size()) {
      case 1: return list.template operator()<1>();
      case 2: return list.template operator()<2>();
      case 3: return list.template operator()<3>();
      default: return list.template operator()<most_compared>();
    }
  }
#endif
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
  const std::size_t n = log_.code.narrow() != nullptr ? list(log_.code.narrow()) : list(log_.code.wide());
  for (std::size_t h = 0; h < n; ++h) found |= type_mask(begin + hits[h]);
  return n;
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

bool RowMatcher::collect(std::int64_t begin, std::int64_t end) {
  std::uint64_t found = 0;
  std::size_t n_events = 0;
  events_ = {};
  while (begin < end) {
    const std::int64_t piece = std::min(end, begin + tuning::poll_steps);
    if (poll_.spend(piece - begin)) return false;
    const std::size_t n = list_hits(begin, piece, found);
    // In a short row what is missing is known before a time is read; in a long one, when all have been seen.
    if (piece == end && (found & compiled_.needed()) != compiled_.needed()) return true;
    if (room_.size() < n_events + n) room_.resize(std::max(2 * room_.size(), n_events + n));
    for (std::size_t h = 0; h < n; ++h) {
      const std::int64_t i = begin + hits_[h];
      const std::uint64_t mask = compiled_.mask(i);
      if (mask != 0) room_[n_events++] = {log_.time[i], mask};
    }
    begin = piece;
  }
  events_ = {room_.data(), n_events};
  return true;
}

std::size_t RowMatcher::list_hits(std::int64_t begin, std::int64_t end, std::uint64_t& found) {
  const std::size_t wanted = static_cast<std::size_t>(end - begin) + CompiledPattern::spare_hits;
  if (hits_.size() < wanted) hits_.resize(wanted);
  const std::size_t n = compiled_.list_hits(begin, end, hits_.data(), found);
  n_listed_ += static_cast<std::int64_t>(n);
  n_looked_at_ += end - begin;
  return n;
}

// Rows follow each other in memory, but what is read of their times are a few of each: no processor foresees that.
void RowMatcher::fetch_times(std::int64_t row) noexcept {
  if (rows_.entity[row] < 0) return;
  constexpr std::int64_t per_line = 8, most_lines = 16;
  const std::int64_t* offsets = log_.entity_offsets + rows_.entity[row];
  if (2 * per_line * n_listed_ > n_looked_at_) {  // most lines of times are read
    const std::int64_t end = std::min(offsets[1], offsets[0] + per_line * most_lines);
    // Read, because a fetch from a page that has not been read lately is dropped.
    if (offsets[0] < end) touched_ = log_.time[offsets[0]];
    for (std::int64_t i = offsets[0]; i < end; i += per_line) __builtin_prefetch(log_.time + i);
  } else if (rows_.lo != nullptr || rows_.last != nullptr) {
    // Whether a row sees all of its entity is told by the first and the last time.
    __builtin_prefetch(log_.time + offsets[0]);
    __builtin_prefetch(log_.time + offsets[1]);
  }
}

bool RowMatcher::has_tied_events() const noexcept {
  for (std::size_t e = 1; e < events_.size(); ++e) {
    if (events_[e].time == events_[e - 1].time) return true;
  }
  return false;
}

/// Patterns of steps alone, where no step can be simultaneous with the one before. Without upper limits on the way
/// the newest end that is old enough is the best one: what it starts with is never earlier, and if it is too far
/// back, all are.
template <class EventAt>
void RowMatcher::run_chain(std::size_t n_events, const EventAt& event_at, bool first_only) {
  const Pattern& pattern = compiled_.pattern();
  const std::size_t n_steps = pattern.steps.size();
  for (std::size_t s = 0; s < n_steps; ++s) {
    ends_[s].all.clear();
    ends_[s].admitted = 0;
  }
  for (std::size_t e = 0; e < n_events; ++e) {
    const Event event = event_at(e);
    // From the last step down, so that no event is two steps of one match.
    for (std::uint64_t steps = compiled_.steps_of(event.mask); steps != 0;) {
      const auto s = static_cast<std::size_t>(63 - __builtin_clzll(steps));
      steps &= ~(std::uint64_t{1} << s);
      const Step& step = pattern.steps[s];
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
      if (!matched_.empty() && matched_.back().time == moment.time) continue;
      matched_.push_back(moment);
      if (first_only) return;
    }
  }
}

bool RowMatcher::run(std::int64_t row, bool first_only) {
  const Pattern& pattern = compiled_.pattern();
  moments_.clear();
  matched_.clear();
  undecided_ = false;
  if (row + rows_ahead < rows_.n_rows) fetch_times(row + rows_ahead);
  const auto [from, to] = visible_events(log_, rows_, row);
  if (compiled_.plain() && to - from <= tuning::poll_steps) {
    if (poll_.spend(to - from)) return false;
    std::uint64_t found = 0;
    const std::size_t n = list_hits(from, to, found);
    if ((found & compiled_.needed()) != compiled_.needed()) return true;
    const std::int64_t* time = log_.time + from;
    run_chain(n, [&](std::size_t h) { return Event{time[hits_[h]], compiled_.type_mask(from + hits_[h])}; },
              first_only);
    return true;
  }
  if (!collect(from, to)) return false;
  if (events_.empty()) return true;

  last_ = rows_.end(row);
  if (compiled_.chain() && !(compiled_.reaches_ties() && has_tied_events())) {
    run_chain(events_.size(), [&](std::size_t e) { return events_[e]; }, first_only);
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
