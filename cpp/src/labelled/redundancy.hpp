// Which of the ranked patterns say something new.
#pragma once

#include <cstdint>
#include <vector>

#include "search/memory.hpp"

namespace seqmine::labelled {

/// Rows of one pattern: a dense set as bits, a sparse one as a list, whichever is smaller.
struct RowSet {
  RowSet(const std::vector<std::uint32_t>& ascending, std::int64_t n_rows);
  std::size_t n = 0;
  std::vector<std::uint32_t> rows;
  std::vector<std::uint64_t> bits;
  [[nodiscard]] std::int64_t bytes() const noexcept;
};

/// What RowSet takes for `n` of `n_rows` rows.
[[nodiscard]] std::int64_t bytes_of_row_set(std::int64_t n, std::int64_t n_rows) noexcept;

/// Rows of the patterns kept so far.
class KeptRows {
 public:
  enum class Verdict { fresh, redundant, no_memory };

  KeptRows(double limit, search::MemoryBudget& budget) : limit_(limit), budget_(budget) {}
  KeptRows(const KeptRows&) = delete;
  KeptRows& operator=(const KeptRows&) = delete;
  ~KeptRows() { budget_.give(charged_); }

  /// Keeps the rows unless their Jaccard index with rows kept before is above the limit, or the budget is
  /// used up.
  [[nodiscard]] Verdict admit(RowSet rows);
  [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

 private:
  [[nodiscard]] bool alike(const RowSet& a, const RowSet& b) const;
  double limit_;
  search::MemoryBudget& budget_;
  std::int64_t charged_ = 0;
  std::vector<RowSet> kept_;
};

}  // namespace seqmine::labelled
