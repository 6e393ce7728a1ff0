// Depth-first through a family of patterns, each met once with its rows, counted under all permutations.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "permutation/statistic.hpp"
#include "search/halt.hpp"
#include "search/memory.hpp"
#include "search/pair_table.hpp"
#include "search/scan_rows.hpp"
#include "search/scan_table.hpp"
#include "search/work_board.hpp"
#include "seqmine/permutation.hpp"

namespace seqmine::permutation {

/// What all workers read.
struct Family {
  const FamilyOptions& options;
  const search::ScanTable& table;
  const search::PairTable& pairs;  // empty where patterns have one step
  const PermutedLabels& labels;
  const StrataMoments& moments;
  std::span<const std::uint32_t> all_rows;       // 0, 1, 2, ...
  std::span<const std::uint32_t> all_positive;   // positive rows under each permutation
  std::size_t most_distributed = 0;              // occurrences of children that are listed at a time
};

/// A prefix to be grown, with its own copy of all that growing it needs; a unit of work stealing. Without `end` it is
/// the item `last`, not looked at yet.
struct Subtree {
  std::uint32_t last = 0;
  std::int32_t depth = 0;
  std::vector<std::uint32_t> end, start, count;
  std::int64_t charged = 0;  // bytes taken from the budget
};

/// What the workers share and change.
struct FamilySearch {
  search::HaltState& halt;
  search::MemoryBudget& budget;
  search::WorkBoard<Subtree>& board;
  std::atomic<std::int64_t> work{0};
};

/// What one worker has found.
struct FamilyTally {
  std::vector<double> best;  // by permutation, the observed one first
  std::int64_t n_patterns = 0, n_tested = 0;
};

/// One worker. Not thread-safe.
class FamilyWorker {
 public:
  virtual ~FamilyWorker() = default;
  virtual void grow(const Subtree& subtree) = 0;
  [[nodiscard]] virtual const FamilyTally& tally() const noexcept = 0;
};

/// What a worker takes apart from its arena.
[[nodiscard]] std::int64_t worker_bytes(const Family& family) noexcept;

[[nodiscard]] std::unique_ptr<FamilyWorker> make_worker(const Family& family, FamilySearch& search, int number,
                                                        search::Keep keep);

}  // namespace seqmine::permutation
