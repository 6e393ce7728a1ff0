// The best patterns so far, shared by all workers, and the threshold that they set.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "labelled/gap_grid.hpp"
#include "labelled/measure.hpp"
#include "search/halt.hpp"
#include "search/memory.hpp"
#include "seqmine/miner.hpp"

namespace seqmine::labelled {

/// A pattern in dense item ids.
struct Candidate {
  std::vector<std::uint32_t> items;
  std::vector<GapInterval> gaps;  // one fewer than items
  std::int32_t absent = -1;       // dense item
  std::uint64_t within = 0;       // microseconds
  Tally tally;
  Score score;
  std::string text;
};

/// The total order of results: score, then fewer steps, then the bytes of the text.
[[nodiscard]] bool better(const Candidate& a, const Candidate& b) noexcept;

/// Writes canonical text. Immutable, shared.
class TextWriter {
 public:
  TextWriter(const Database& database, const std::vector<Item>& items, std::uint64_t max_span);
  [[nodiscard]] std::string write(const Candidate& candidate) const;

 private:
  const Database* database_;
  const std::vector<Item>* items_;
  std::uint64_t max_span_;
};

/// Keeps the `capacity` best by `better`, or as many as the memory budget allows: the halt state then says that the
/// result is cut. Thread-safe.
class PatternPool {
 public:
  PatternPool(std::size_t capacity, const TextWriter& writer, search::MemoryBudget& budget, search::HaltState& halt)
      : capacity_(capacity), writer_(&writer), budget_(&budget), halt_(&halt) {}
  PatternPool(const PatternPool&) = delete;
  PatternPool& operator=(const PatternPool&) = delete;
  ~PatternPool() { budget_->give(charged_); }

  /// The score of the worst pattern of a full pool; -infinity before. Only ever rises. One relaxed load.
  [[nodiscard]] double threshold() const noexcept { return threshold_.load(std::memory_order_relaxed); }

  /// Takes part with `path` plus `last` (when >= 0) as items, full gaps but the last. Does nothing when the score
  /// is below the threshold.
  void offer(std::span<const std::uint32_t> path, GapInterval full, std::int64_t last, GapInterval last_gap,
             std::int32_t absent, std::uint64_t within, const Tally& tally, const Score& score);

  [[nodiscard]] bool full() const noexcept { return heap_.size() == capacity_; }
  /// Best first; empties the pool.
  [[nodiscard]] std::vector<Candidate> take();

 private:
  std::size_t capacity_;
  const TextWriter* writer_;
  search::MemoryBudget* budget_;
  search::HaltState* halt_;
  std::int64_t charged_ = 0;
  std::atomic<double> threshold_{-std::numeric_limits<double>::infinity()};
  std::mutex mutex_;
  std::vector<Candidate> heap_;  // worst on top
};

}  // namespace seqmine::labelled
