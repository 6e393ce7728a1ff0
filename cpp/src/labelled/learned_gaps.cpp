// The best interval of every child of a prefix, from the gap bins in which its rows saw it (STATISTICS D).
#include "labelled/expander.hpp"

namespace seqmine::labelled {

template <class Time>
void Expander<Time>::offer_interval(const Child& child, IntervalSearch& intervals) {
  const BestInterval best = intervals.best();
  if (!best.found) return;
  pool_.offer(path_, full_, child.item, space_.grid.interval(best.first, best.last), -1, 0, best.tally, best.score);
}

// A node with very many rows has a mask for each row and item: their tables are far smaller.
template <class Time>
bool Expander<Time>::add_up() {
  for (std::size_t i = 0; i < masks_.size(); ++i) {
    if (!partial_.add(masks_[i])) return false;
  }
  const auto n = static_cast<std::int64_t>(masks_.size());
  masks_.clear();
  return tick(n);
}

/// Sorts the rows' masks by item and offers the best interval of each child.
template <class Time>
void Expander<Time>::learn_intervals() {
  // What finding a child's best interval costs.
  const std::int64_t n_intervals = std::int64_t{space_.grid.n_bins()} * space_.grid.n_bins();
  if (!partial_.empty()) {
    if (!add_up()) {
      if (!halt_.halted()) halt_.cut();
      return;
    }
    for (const Child& child : children_) {
      if (child.bound < pool_.threshold()) continue;
      offer_interval(child, partial_.of(child.item));
      if (!tick(n_intervals)) return;
    }
    return;
  }
  std::size_t total = 0;
  for (const Child& child : children_) {
    slot_[child.item] = total;
    total += static_cast<std::size_t>(child.tally.matched());
  }
  if (sorted_masks_.reserve(total)) {
    for (std::size_t i = 0; i < masks_.size(); ++i) {
      const std::size_t slot = slot_[masks_[i].item];
      if (slot == no_slot) continue;
      sorted_masks_[slot] = masks_[i];
      ++slot_[masks_[i].item];
    }
    std::size_t begin = 0;
    for (const Child& child : children_) {
      const std::size_t end = begin + static_cast<std::size_t>(child.tally.matched());
      if (child.bound >= pool_.threshold()) {
        intervals_.clear();
        for (std::size_t i = begin; i < end; ++i) intervals_.add(sorted_masks_[i].row, sorted_masks_[i].mask);
        offer_interval(child, intervals_);
      }
      begin = end;
      if (!tick(child.tally.matched() + n_intervals)) break;
    }
  } else {
    halt_.cut();
  }
  for (const Child& child : children_) slot_[child.item] = no_slot;
}

// Members defined here: the class's own instantiation in expander.cpp does not see them.
template void Expander<std::uint32_t>::offer_interval(const Child&, IntervalSearch&);
template void Expander<std::uint64_t>::offer_interval(const Child&, IntervalSearch&);
template bool Expander<std::uint32_t>::add_up();
template bool Expander<std::uint64_t>::add_up();
template void Expander<std::uint32_t>::learn_intervals();
template void Expander<std::uint64_t>::learn_intervals();

}  // namespace seqmine::labelled
