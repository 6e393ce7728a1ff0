// Many patterns as one tree of their steps, so that those that begin alike are matched together.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "row_matcher.hpp"
#include "row_times.hpp"

namespace seqmine::matching {

/// Whether the tree can hold a pattern: no `^`, no guard, and steps that may be simultaneous are of different types.
/// Others need a RowMatcher.
[[nodiscard]] bool fits_trie(const Pattern& pattern) noexcept;

/// The tree, and which events of a log its predicates take. Immutable, shared.
class PatternTrie {
 public:
  struct Leaf {
    std::size_t pattern;                // index into the patterns given
    std::vector<Absence> absences;      // predicates are the tree's
    std::uint64_t longest_absence = 0;
  };
  struct Node {
    std::int32_t predicate = -1;
    std::uint64_t lo = 1, hi = unbounded, span = unbounded;
    std::vector<std::size_t> children;
    std::vector<Leaf> leaves;
    /// One match is enough: nothing comes after this step.
    [[nodiscard]] bool first_only(bool with_clock) const noexcept;
  };

  /// `patterns` fit the trie; those that do not are given as null.
  PatternTrie(const LogView& log, std::span<const Pattern* const> patterns, std::span<const std::uint8_t> excluded);

  [[nodiscard]] const Node& node(std::size_t i) const noexcept { return nodes_[i]; }
  [[nodiscard]] const std::vector<std::size_t>& roots() const noexcept { return roots_; }
  [[nodiscard]] const PredicateTable& predicates() const noexcept { return predicates_; }

 private:
  std::size_t child(std::vector<std::size_t>& among, const Node& wanted);
  std::vector<Node> nodes_;
  std::vector<std::size_t> roots_;
  PredicateTable predicates_;
};

/// Not thread-safe; one per worker. Scratch is kept between rows.
class TrieMatcher {
 public:
  TrieMatcher(const LogView& log, const PatternTrie& trie, const RowsView& rows, const StopToken& stop, bool with_clock);

  /// Calls `found(pattern, verdict, clock)` for every pattern of the tree that the row matches or leaves undecided.
  /// False when the stop token was set half-way.
  template <class Found>
  [[nodiscard]] bool run(std::int64_t row, const Found& found);

 private:
  template <class Found>
  [[nodiscard]] bool descend(std::size_t node, std::size_t depth, const Found& found);
  template <class Found>
  void report(const PatternTrie::Node& node, const std::vector<Moment>& ends, const Found& found);
  [[nodiscard]] std::uint32_t clock_of(std::int64_t time) const noexcept;

  const LogView& log_;
  const PatternTrie& trie_;
  const RowsView& rows_;
  Poll poll_;
  bool with_clock_;
  std::int64_t last_ = 0;
  RowTimes times_;
  std::vector<std::vector<Moment>> ends_;  // by depth
};

template <class Found>
bool TrieMatcher::run(std::int64_t row, const Found& found) {
  if (!times_.collect(row, poll_)) return false;
  if (times_.empty()) return true;
  last_ = rows_.end(row);
  for (const std::size_t root : trie_.roots()) {
    if (!descend(root, 0, found)) return false;
  }
  return true;
}

// The newest end that is old enough for the gap is the best one: it starts no earlier than the others, and if it is
// too far back, all are.
template <class Found>
bool TrieMatcher::descend(std::size_t at, std::size_t depth, const Found& found) {
  const PatternTrie::Node& node = trie_.node(at);
  const std::vector<std::int64_t>& times = times_[node.predicate];
  if (times.empty()) return true;
  if (ends_.size() <= depth) ends_.resize(depth + 1);
  std::vector<Moment>& ends = ends_[depth];
  ends.clear();
  const bool first_only = node.first_only(with_clock_);
  if (poll_.spend(static_cast<std::int64_t>(times.size()))) return false;
  if (depth == 0) {
    if (node.span == 0) return true;
    for (const std::int64_t time : times) {
      ends.push_back({time, time});
      if (first_only) break;
    }
  } else {
    const std::vector<Moment>& before = ends_[depth - 1];
    std::size_t admitted = 0;
    for (const std::int64_t time : times) {
      while (admitted < before.size() && before[admitted].time <= time &&
             distance(time, before[admitted].time) >= node.lo) {
        ++admitted;
      }
      if (admitted == 0) continue;
      const Moment& newest = before[admitted - 1];
      if (distance(time, newest.time) >= node.hi || distance(time, newest.start) >= node.span) continue;
      ends.push_back({time, newest.start});
      if (first_only) break;
    }
  }
  if (ends.empty()) return true;
  report(node, ends, found);
  for (const std::size_t next : node.children) {
    if (!descend(next, depth + 1, found)) return false;
  }
  return true;
}

template <class Found>
void TrieMatcher::report(const PatternTrie::Node& node, const std::vector<Moment>& ends, const Found& found) {
  for (const PatternTrie::Leaf& leaf : node.leaves) {
    Verdict verdict = Verdict::no;
    std::uint32_t clock = 0;
    for (const Moment& end : ends) {
      bool contradicted = false;
      for (const Absence& absence : leaf.absences) {
        const auto& times = times_[absence.predicate];
        const auto next = std::upper_bound(times.begin(), times.end(), end.time);
        contradicted = contradicted || (next != times.end() && distance(*next, end.time) <= absence.within);
      }
      if (contradicted) continue;
      if (distance(last_, end.time) < leaf.longest_absence) {
        if (verdict == Verdict::no) verdict = Verdict::undecided;
        continue;
      }
      verdict = Verdict::matched;
      if (!with_clock_) break;
      clock |= clock_of(end.time);
    }
    if (verdict != Verdict::no) found(leaf.pattern, verdict, clock);
  }
}

}  // namespace seqmine::matching
