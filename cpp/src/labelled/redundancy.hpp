// Which of the ranked patterns say something new.
#pragma once

#include <cstdint>
#include <vector>

#include "search/memory.hpp"

namespace seqmine::labelled {

/// Rows of the patterns kept so far.
class KeptRows {
 public:
  enum class Verdict { fresh, redundant, no_memory };

  KeptRows(std::int64_t n_rows, double limit, search::MemoryBudget& budget)
      : n_rows_(n_rows), limit_(limit), budget_(budget) {}
  KeptRows(const KeptRows&) = delete;
  KeptRows& operator=(const KeptRows&) = delete;
  ~KeptRows() { budget_.give(charged_); }

  /// Keeps the rows (ascending) unless their Jaccard index with rows kept before is above the limit, or the budget is
  /// used up.
  [[nodiscard]] Verdict admit(std::vector<std::uint32_t> rows);
  [[nodiscard]] std::size_t size() const noexcept { return kept_.size(); }

 private:
  /// Dense sets as bits, sparse ones as lists: whichever is smaller.
  struct Set {
    std::size_t n = 0;
    std::vector<std::uint32_t> rows;
    std::vector<std::uint64_t> bits;
  };
  [[nodiscard]] bool alike(const Set& a, const Set& b) const;
  std::int64_t n_rows_;
  double limit_;
  search::MemoryBudget& budget_;
  std::int64_t charged_ = 0;
  std::vector<Set> kept_;
};

}  // namespace seqmine::labelled
