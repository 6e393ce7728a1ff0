// Single patterns against the database: which rows match, and what gaps serve them best.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "labelled/pattern_pool.hpp"
#include "labelled/space.hpp"
#include "search/halt.hpp"

namespace seqmine::labelled {

/// Occurrences that own their arrays.
struct OwnedOccurrences {
  std::vector<std::uint32_t> position;
  std::vector<std::uint64_t> edge;  // with a span limit: latest start (of a prefix) or earliest end (of a suffix)
  [[nodiscard]] Occurrences view() const noexcept {
    return {position.data(), edge.empty() ? nullptr : edge.data(), position.size()};
  }
};

/// Not thread-safe; one per worker. Keeps the prefixes of the last pattern, so patterns are best asked for in the
/// order of their items.
template <class Time>
class Evidence {
 public:
  explicit Evidence(const Space& space);

  /// The rows that match, ascending. O(entries of the pattern's items).
  [[nodiscard]] std::vector<std::uint32_t> rows(const Candidate& pattern);

  /// The same for one pattern, or for some that differ in their last item alone and have no absence: with a table one
  /// scan serves all of them.
  void rows_of_siblings(std::span<const Candidate* const> patterns, std::span<std::vector<std::uint32_t>> rows);

  /// Moves the gaps one after the other, left to right, twice, to the interval that scores best while the others
  /// stay; takes only strict improvements. Updates gaps, tally and score, not the text.
  void refine(Candidate& pattern, search::HaltState& halt);

 private:
  struct Level {
    std::uint32_t item;
    GapInterval gap;
    OwnedOccurrences ends;
  };
  /// The occurrences of the pattern's first `length` steps.
  [[nodiscard]] Occurrences prefix(const Candidate& pattern, std::size_t length);
  void scan_for(const Occurrences& before, std::uint32_t item, OwnedOccurrences& ends) const;
  template <search::Keep keep>
  void scan_siblings(const Occurrences& before, std::span<const Candidate* const> patterns,
                     std::span<std::vector<std::uint32_t>> rows);
  void join(const Occurrences& before, const Occurrences& candidates, GapInterval gap, OwnedOccurrences& ends) const;
  void join_back(const Occurrences& after, const Occurrences& candidates, GapInterval gap,
                 OwnedOccurrences& begins) const;
  void drop_followed(const Candidate& pattern, const Occurrences& ends, OwnedOccurrences& left) const;
  [[nodiscard]] BestInterval best_gap(const Occurrences& ends, const Occurrences& begins);

  const Space& space_;
  const Time* time_;
  IntervalSearch intervals_;
  std::vector<Level> levels_;
  std::vector<search::Target> targets_;  // by item; all unwanted between scans
  std::vector<std::uint32_t> found_;
};

extern template class Evidence<std::uint32_t>;
extern template class Evidence<std::uint64_t>;

}  // namespace seqmine::labelled
