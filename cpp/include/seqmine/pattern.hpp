// The compiled form of a pattern (docs/patterns.md has the language).
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "seqmine/predicate.hpp"

namespace seqmine {

/// Differences of two int64 times always fit uint64, and never reach this value.
inline constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

struct Step {
  std::int32_t predicate = 0;      // index into Pattern::predicates
  std::uint64_t lo = 1;            // gap to the step before (or to the start, when anchored): [lo, hi)
  std::uint64_t hi = unbounded;    // microseconds
  std::int32_t guard = -1;         // `without X`: predicate with no event strictly between the two steps
};

/// `-> no X within w`: no event satisfying the predicate in (t, t + within] after the last step.
struct Absence {
  std::int32_t predicate = 0;
  std::uint64_t within = 0;
};

/// At most 64 predicates in all. The gap of steps[0] counts only when `anchored`.
struct Pattern {
  std::vector<Predicate> predicates;
  std::vector<Step> steps;
  std::vector<Absence> absences;
  std::uint64_t span = unbounded;  // last step's time - first step's time < span
  bool anchored = false;           // `^`: the entity's declared start, else its first visible event
};

}  // namespace seqmine
