// Bins of gaps, and the best contiguous interval of bins (STATISTICS D).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "labelled/measure.hpp"
#include "seqmine/miner.hpp"

namespace seqmine::labelled {

struct GapInterval {
  std::uint64_t lo = 1, hi = unbounded;  // microseconds, half open
  friend bool operator==(const GapInterval&, const GapInterval&) = default;
};

/// The bins that hold at least one whole tick; the others can never be hit and are left out. At most 64.
class GapGrid {
 public:
  GapGrid() = default;
  GapGrid(const MinerOptions& options, std::int64_t unit);

  [[nodiscard]] int n_bins() const noexcept { return static_cast<int>(bins_.size()); }
  /// The bin of a gap in ticks, min_gap <= gap < max_gap. O(1) for short gaps, else O(log bins).
  [[nodiscard]] int bin(std::uint64_t ticks) const noexcept {
    if (ticks < table_.size()) return table_[static_cast<std::size_t>(ticks)];
    return search(ticks);
  }
  /// Smallest gap in ticks beyond the bin.
  [[nodiscard]] std::uint64_t beyond(int bin) const noexcept { return ticks_[static_cast<std::size_t>(bin) + 1]; }
  [[nodiscard]] GapInterval interval(int first, int last) const noexcept {
    return {bins_[static_cast<std::size_t>(first)].lo, bins_[static_cast<std::size_t>(last)].hi};
  }
  [[nodiscard]] std::uint64_t all() const noexcept {
    return n_bins() == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n_bins()) - 1;
  }

 private:
  [[nodiscard]] int search(std::uint64_t ticks) const noexcept;
  std::vector<GapInterval> bins_;
  std::vector<std::uint64_t> ticks_;  // n_bins + 1
  std::vector<std::uint8_t> table_;
};

/// In which bins the step was seen in a row.
struct MaskRecord {
  std::uint32_t item;
  std::uint32_t row;
  std::uint64_t mask;
};

struct BestInterval {
  bool found = false;
  int first = 0, last = 0;
  Tally tally;
  Score score;
};

/// Scratch of one worker: two-dimensional difference tables of counts over (first bin, last bin).
class IntervalSearch {
  struct Cell {
    std::int64_t pos, neg, weight_pos, weight_neg;
  };

 public:
  IntervalSearch(const GapGrid& grid, const Scorer& scorer, std::span<const std::uint8_t> label,
                 std::span<const std::int64_t> weight);
  /// Bytes that a table takes.
  [[nodiscard]] static std::size_t bytes(const GapGrid& grid) noexcept {
    const auto width = static_cast<std::size_t>(grid.n_bins()) + 1;
    return width * width * sizeof(Cell) + sizeof(IntervalSearch);
  }
  void clear() noexcept;
  void add(std::uint32_t row, std::uint64_t mask) noexcept;
  /// The interval with the best allowed score among those with min_support rows; ties go to the narrower (in
  /// time), then to the lower. O(bins^2).
  [[nodiscard]] BestInterval best() noexcept;

 private:
  [[nodiscard]] Cell& at(int first, int last) noexcept {
    return cells_[static_cast<std::size_t>(first) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(last)];
  }
  const GapGrid* grid_;
  const Scorer* scorer_;
  std::span<const std::uint8_t> label_;
  std::span<const std::int64_t> weight_;
  int width_;
  std::vector<Cell> cells_;
};

}  // namespace seqmine::labelled
