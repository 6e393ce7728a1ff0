// The obviously correct twin of the matcher: every assignment of different events to steps is tried.
#pragma once

#include <vector>

#include "seqmine/matcher.hpp"

namespace seqmine::reference {

struct NaiveMoment {
  std::int64_t time, start;
};

struct NaiveMatch {
  std::vector<NaiveMoment> moments;  // matched ones, by time, latest start each
  Verdict verdict = Verdict::no;
};

[[nodiscard]] NaiveMatch match_row(const LogView& log, const Pattern& pattern, const RowsView& rows, std::int64_t row);

}  // namespace seqmine::reference
