// An obviously correct twin of the family search: every pattern by trying every sequence of items, every count by a
// loop over rows, from the permuted labels as they are read back bit by bit.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/permutation.hpp"

namespace seqmine::reference {

struct NaiveMaxima {
  std::vector<double> maxima;  // the observed one first
  std::int64_t n_patterns = 0, n_tested = 0, work = 0;
  bool close = false;  // some variance is so near the limit that rounding decides
};

/// `bits`: by row, the labels under each permutation.
[[nodiscard]] NaiveMaxima naive_maxima(const LogView& log, const RowsView& rows, const ExchangeableLabels& labels,
                                       const std::vector<Item>& items, const FamilyOptions& options,
                                       const std::vector<std::vector<bool>>& bits);

}  // namespace seqmine::reference
