#include "labelled/gap_grid.hpp"

#include <algorithm>
#include <bit>

namespace seqmine::labelled {

namespace {
constexpr std::uint64_t table_size = 4'096;  // ticks; a log in whole days or hours never leaves the table
}

GapGrid::GapGrid(const MinerOptions& options, std::int64_t unit) {
  std::vector<std::uint64_t> edges{options.min_gap};
  for (const std::uint64_t edge : options.gap_edges) {
    if (edge > edges.back() && edge < options.max_gap) edges.push_back(edge);
  }
  edges.push_back(options.max_gap);
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    const std::uint64_t from = ticks_at_least(edges[i], unit), to = ticks_at_least(edges[i + 1], unit);
    if (from == to) continue;
    bins_.push_back({edges[i], edges[i + 1]});
    ticks_.push_back(from);
  }
  ticks_.push_back(ticks_at_least(options.max_gap, unit));
  if (bins_.empty()) return;
  const std::uint64_t n = std::min(ticks_.back(), table_size);
  table_.resize(static_cast<std::size_t>(n));
  for (std::uint64_t gap = 0; gap < n; ++gap) {
    table_[static_cast<std::size_t>(gap)] = static_cast<std::uint8_t>(search(gap));
  }
}

int GapGrid::search(std::uint64_t ticks) const noexcept {
  const auto after = std::upper_bound(ticks_.begin(), ticks_.end() - 1, ticks);
  return after == ticks_.begin() ? 0 : static_cast<int>(after - ticks_.begin()) - 1;
}

IntervalSearch::IntervalSearch(const GapGrid& grid, const Scorer& scorer, std::span<const std::uint8_t> label,
                               std::span<const std::int64_t> weight)
    : grid_(&grid),
      scorer_(&scorer),
      label_(label),
      weight_(weight),
      width_(grid.n_bins() + 1),
      cells_(static_cast<std::size_t>(width_) * static_cast<std::size_t>(width_)) {}

void IntervalSearch::clear() noexcept { std::fill(cells_.begin(), cells_.end(), Cell{}); }

// A row whose bins are b1 < b2 < .. is hit by [first, last] exactly when, for one k, first lies in (b(k-1), bk] and
// last >= bk: disjoint rectangles, each added at its corner and taken away beyond its lower edge.
void IntervalSearch::add(std::uint32_t row, std::uint64_t mask) noexcept {
  const bool positive = label_[row] != 0;
  const std::int64_t weight = weight_.empty() ? 0 : weight_[row];
  int previous = -1;
  while (mask != 0) {
    const int bin = std::countr_zero(mask);
    mask &= mask - 1;
    Cell& corner = at(previous + 1, bin);
    Cell& below = at(bin + 1, bin);
    if (positive) {
      ++corner.pos;
      --below.pos;
      corner.weight_pos += weight;
      below.weight_pos -= weight;
    } else {
      ++corner.neg;
      --below.neg;
      corner.weight_neg += weight;
      below.weight_neg -= weight;
    }
    previous = bin;
  }
}

BestInterval IntervalSearch::best() noexcept {
  BestInterval best;
  std::uint64_t best_width = 0;
  const int n = grid_->n_bins();
  for (int first = 0; first < n; ++first) {
    Cell along{};
    for (int last = 0; last < n; ++last) {
      // Running sums: `along` over last within this row of the table, the row above over first.
      Cell& cell = at(first, last);
      along = {along.pos + cell.pos, along.neg + cell.neg, along.weight_pos + cell.weight_pos,
               along.weight_neg + cell.weight_neg};
      cell = along;
      if (first > 0) {
        const Cell& above = at(first - 1, last);
        cell = {cell.pos + above.pos, cell.neg + above.neg, cell.weight_pos + above.weight_pos,
                cell.weight_neg + above.weight_neg};
      }
      if (last < first) continue;
      const Tally tally{cell.pos, cell.neg, cell.weight_pos, cell.weight_neg};
      if (tally.matched() < scorer_->min_support()) continue;
      const Score score = scorer_->score(tally);
      if (!scorer_->allows(score.raises) || (best.found && score.value < best.score.value)) continue;
      const GapInterval interval = grid_->interval(first, last);
      const std::uint64_t width = interval.hi - interval.lo;
      if (best.found && score.value == best.score.value && width >= best_width) continue;
      best = {true, first, last, tally, score};
      best_width = width;
    }
  }
  return best;
}

}  // namespace seqmine::labelled
