// An obviously correct twin of the miner for fixed gaps: every sequence of items, matched by trying every
// assignment of events, ranked by exact fractions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "seqmine/miner.hpp"

namespace seqmine::reference {

struct NaivePattern {
  std::string text;
  std::int64_t n_matched = 0, n_positive = 0;
  bool raises = true;
  double score = 0.0;
  std::size_t length = 0;
  std::vector<std::int64_t> rows;
};

/// All patterns with enough support, best first, before the redundancy filter. Leverage (with or without strata)
/// only. Absences are tried as the core tries them: X within w after an eligible end in one fifth of the rows.
[[nodiscard]] std::vector<NaivePattern> naive_ranking(const LogView& log, const RowsView& rows,
                                                      const MinerLabels& labels, const std::vector<Item>& items,
                                                      const MinerOptions& options);

[[nodiscard]] std::vector<NaivePattern> naive_top(std::vector<NaivePattern> ranking, std::int64_t top_k,
                                                  double redundancy);

/// The rows that a mined pattern matches.
[[nodiscard]] std::vector<std::int64_t> naive_rows(const LogView& log, const RowsView& rows,
                                                   const std::vector<Item>& items, const MinedPattern& pattern,
                                                   std::uint64_t max_span);

}  // namespace seqmine::reference
