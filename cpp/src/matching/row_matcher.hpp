// One pattern against one row at a time; scratch memory is kept between rows. Private to cpp/src/matching.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "seqmine/matcher.hpp"

namespace seqmine::matching {

/// The part of a pattern that does not change from row to row, laid out for the inner loop.
class CompiledPattern {
 public:
  CompiledPattern(const LogView& log, const Pattern& pattern, std::span<const std::uint8_t> excluded);

  /// Bit p is set when event `i` satisfies predicate p; 0 for most events of most logs.
  [[nodiscard]] std::uint64_t mask(std::int64_t i) const noexcept;
  /// The predicates whose type test event `i` passes.
  [[nodiscard]] std::uint64_t type_mask(std::int64_t i) const noexcept { return by_type_[log_.code[i]]; }
  /// Writes the events of [begin, end) that pass some type test, as offsets from `begin`, and returns how many they
  /// are; adds the predicates whose test they pass to `found`. `hits` has room for all and `spare_hits` more.
  [[nodiscard]] std::size_t list_hits(std::int64_t begin, std::int64_t end, std::uint32_t* hits,
                                      std::uint64_t& found) const noexcept;
  static constexpr std::size_t spare_hits = 4;
  /// The predicates of the steps: a row that lacks one of them matches nothing.
  [[nodiscard]] std::uint64_t needed() const noexcept { return needed_; }
  /// Some predicate has more than a type test.
  [[nodiscard]] bool conditional() const noexcept { return conditional_ != 0; }
  /// Bit s is set when the predicates of `mask` hold that of step s; of chains only.
  [[nodiscard]] std::uint64_t steps_of(std::uint64_t mask) const noexcept {
    std::uint64_t steps = steps_of_[static_cast<std::size_t>(__builtin_ctzll(mask))];
    while ((mask &= mask - 1) != 0) steps |= steps_of_[static_cast<std::size_t>(__builtin_ctzll(mask))];
    return steps;
  }
  /// No `^`, no guard, no absence, at most 64 steps: only the order and the gaps of the steps count.
  [[nodiscard]] bool chain() const noexcept { return chain_; }
  /// A chain whose events their types alone decide, each step later than the one before.
  [[nodiscard]] bool plain() const noexcept { return chain_ && !conditional() && !reaches_ties_; }
  /// Some step may be simultaneous with the one before.
  [[nodiscard]] bool reaches_ties() const noexcept { return reaches_ties_; }
  [[nodiscard]] const Pattern& pattern() const noexcept { return pattern_; }
  [[nodiscard]] std::uint64_t longest_absence() const noexcept { return longest_absence_; }

 private:
  const LogView& log_;
  const Pattern& pattern_;
  std::vector<std::uint64_t> by_type_;  // predicates whose type test an event type passes
  std::vector<std::uint8_t> wanted_;    // by type: whether it passes any type test
  std::vector<std::uint16_t> few_;      // the wanted types, where they are few and codes are narrow
  std::vector<std::uint64_t> steps_of_;  // by predicate
  std::uint64_t conditional_ = 0;       // predicates that have conditions
  std::uint64_t needed_ = 0;
  bool chain_ = false, reaches_ties_ = false;
  std::uint64_t longest_absence_ = 0;
};

/// Whether a pattern and rows fit a log. Errors: invalid_argument.
[[nodiscard]] Status check(const LogView& log, const Pattern& pattern, const RowsView& rows);

/// A distinct time at which the last step matches, with the latest feasible time of the first step.
struct Moment {
  std::int64_t time;
  std::int64_t start;
};

class RowMatcher {
 public:
  RowMatcher(const LogView& log, const CompiledPattern& compiled, const RowsView& rows, const StopToken& stop);

  /// Matches one row. `matched()` then holds its moments in time order: all of them, or (when `first_only`)
  /// at least the first one. Returns false when the stop token was set half-way.
  [[nodiscard]] bool run(std::int64_t row, bool first_only);
  [[nodiscard]] const std::vector<Moment>& matched() const noexcept { return matched_; }
  [[nodiscard]] Verdict verdict() const noexcept;

 private:
  struct Event {
    std::int64_t time;
    std::uint64_t mask;
  };
  // Ends of one step, as the next step looks at them: ends are admitted when they are old enough for its gap,
  // and the admitted ones form a queue whose front has the latest start among those not too old.
  struct Ends {
    std::vector<Moment> all;
    std::vector<Moment> queue;
    std::size_t admitted = 0;
    std::size_t head = 0;
    void clear() noexcept;
  };

  /// The events of [begin, end) that some predicate takes; none where a step's is missing.
  [[nodiscard]] bool collect(std::int64_t begin, std::int64_t end);
  [[nodiscard]] std::size_t list_hits(std::int64_t begin, std::int64_t end, std::uint64_t& found);
  void fetch_times(std::int64_t row) noexcept;
  [[nodiscard]] bool has_tied_events() const noexcept;
  template <class EventAt>
  void run_chain(std::size_t n_events, const EventAt& event_at, bool first_only);
  void match_group(std::size_t begin, std::size_t end);
  [[nodiscard]] bool latest_start(std::size_t step, std::int64_t time, std::int64_t& start);
  [[nodiscard]] bool seat(std::size_t step, std::size_t run_begin, std::size_t group_begin, std::size_t group_end);
  [[nodiscard]] bool augment(std::size_t step, std::size_t run_begin, std::size_t run_last);
  void settle_absences();

  const LogView& log_;
  const CompiledPattern& compiled_;
  const RowsView& rows_;
  Poll poll_;
  std::vector<std::uint32_t> hits_;
  std::vector<Event> room_;
  std::span<const Event> events_;  // of this row, in room_
  std::vector<Ends> ends_;                        // per step
  std::vector<std::int64_t> last_guard_;          // per step: time of the last guard event before this group
  std::vector<std::uint8_t> guard_seen_;
  std::vector<std::vector<std::int64_t>> absence_times_;
  std::vector<std::vector<std::size_t>> candidates_;  // per step: rows of the group it could take (at most n steps)
  std::vector<std::size_t> taken_;                    // per step of the run: the row it takes
  std::vector<std::size_t> tried_;                    // events asked for on this augmenting path
  std::vector<std::int64_t> best_;                    // per step: latest start of a match ending in this group
  std::vector<std::uint8_t> reached_;
  std::vector<Moment> moments_;  // positive part matched
  std::vector<Moment> matched_;  // and the trailing absences hold
  bool undecided_ = false;
  volatile std::int64_t touched_ = 0;  // so that the read is not left out
  std::int64_t n_listed_ = 0, n_looked_at_ = 0;  // events so far
  std::int64_t anchor_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace seqmine::matching
