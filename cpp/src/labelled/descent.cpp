// How a worker goes down: the children of a prefix get their entries in groups, best first, and are grown or left for
// idle workers.
#include <algorithm>

#include "labelled/expander.hpp"

namespace seqmine::labelled {

template <class Time>
bool Expander<Time>::distribute(const Occurrences& occurrences, std::span<Child> children, std::uint32_t*& positions,
                                std::uint64_t*& starts) {
  starts = nullptr;
  if (space_.has_table()) return distribute_windows(occurrences, children, positions);
  std::size_t total = 0;
  for (Child& child : children) {
    child.begin = total;
    slot_[child.item] = total;
    total += child.n;
  }
  positions = arena_.take<std::uint32_t>(total);
  starts = space_.has_span() && positions != nullptr ? arena_.take<std::uint64_t>(total) : nullptr;
  const bool fits = positions != nullptr && (!space_.has_span() || starts != nullptr);
  for (std::size_t i = 0; fits && i < kept_.size(); ++i) {
    std::size_t& slot = slot_[item_[kept_[i]]];
    if (slot == no_slot) continue;
    positions[slot] = kept_[i];
    if (starts != nullptr) starts[slot] = kept_start_[i];
    ++slot;
  }
  for (const Child& child : children) slot_[child.item] = no_slot;
  return fits;
}

template <class Time>
bool Expander<Time>::distribute_windows(const Occurrences& occurrences, std::span<Child> children,
                                        std::uint32_t*& positions) {
  std::size_t total = 1;  // place 0 takes what is not wanted
  for (Child& child : children) {
    child.begin = total;
    targets_[child.item] = {static_cast<std::uint32_t>(total), 1, search::nobody};
    total += child.n;
  }
  positions = arena_.take<std::uint32_t>(total);
  if (positions != nullptr) {
    const auto spend = [&](std::uint32_t n) { (void)tick(n); };
    const search::Occurrences ends = occurrences.ends();
    if (space_.keep == search::Keep::earliest) {
      search::distribute<search::Keep::earliest>(space_.table, ends, targets_.data(), positions, nullptr, spend);
    } else {
      search::distribute<search::Keep::all>(space_.table, ends, targets_.data(), positions, nullptr, spend);
    }
  }
  for (const Child& child : children) targets_[child.item] = {};
  return positions != nullptr;
}

template <class Time>
void Expander<Time>::descend(const Occurrences& occurrences, const Tally& tally, bool offered,
                             const Exchange& exchange) {
  if (halt_.halted() || space_.scorer.bound(tally) < pool_.threshold()) return;
  const bool absences = !space_.windows.empty();
  if (absences) try_absences(occurrences, tally);
  const auto depth = static_cast<std::int32_t>(path_.size());
  if (depth >= space_.max_length) return;
  const bool leaf = depth + 1 == space_.max_length && !absences;
  if (offered && leaf) return;
  if (offered && space_.has_table()) {
    recall(path_[0]);
  } else {
    if (!admit(tally, occurrences.n)) return;
    if (!scan(occurrences, !leaf)) return;
    harvest(!offered);
    if (leaf) return;
  }

  // A child that can only be extended needs an extension that still counts.
  if (!absences) {
    std::erase_if(children_, [&](Child& child) {
      child.bound = std::min(child.bound, pairs_.best[child.item]);
      return child.bound < pool_.threshold() || child.bound == none;
    });
  }
  if (children_.empty()) return;
  if (space_.has_table() && space_.keep == search::Keep::earliest) {
    for (Child& child : children_) child.n = static_cast<std::size_t>(child.tally.matched());
  }
  // Best first: the threshold rises early. Ties by item only keep the order reproducible.
  std::sort(children_.begin(), children_.end(), [](const Child& a, const Child& b) {
    return a.bound != b.bound ? a.bound > b.bound : a.item < b.item;
  });
  const search::Arena::Mark mark = arena_.mark();
  // The descent below reuses children_.
  Child* block = arena_.take<Child>(children_.size());
  if (block == nullptr) {
    halt_.cut();
    return;
  }
  std::copy(children_.begin(), children_.end(), block);
  std::span<Child> left(block, children_.size());
  const bool kept = kept_whole_ && !space_.has_table();  // of this scan: those below overwrite it
  while (!left.empty() && !halt_.halted()) {
    // So many children at a time as memory is meant for; one scan finds the entries of each such group.
    const std::size_t n = kept ? left.size() : group_of(left);
    grow_children(occurrences, left.first(n), kept, exchange);
    left = left.subspan(n);
  }
  arena_.release(mark);
}

template <class Time>
std::size_t Expander<Time>::group_of(std::span<const Child> children) const noexcept {
  std::size_t n = 1;
  for (std::size_t total = children[0].n; n < children.size(); ++n) {
    total += children[n].n;
    if (total > space_.most_distributed) break;
  }
  return n;
}

template <class Time>
void Expander<Time>::grow_children(const Occurrences& occurrences, std::span<Child> children, bool kept,
                                   const Exchange& exchange) {
  if (children.front().bound < pool_.threshold()) {  // best first: none of the others is better
    stats_.pruned_by_bound += static_cast<std::int64_t>(children.size());
    return;
  }
  const search::Arena::Mark mark = arena_.mark();
  std::uint32_t* positions = nullptr;
  std::uint64_t* starts = nullptr;
  const bool ready = kept || space_.has_table() || scan_again(occurrences, children);
  if (!ready || !distribute(occurrences, children, positions, starts)) {
    if (!halt_.halted()) halt_.cut();
    arena_.release(mark);
    return;
  }
  for (const Child& child : children) {
    if (child.bound < pool_.threshold()) {
      ++stats_.pruned_by_bound;
      continue;
    }
    const Occurrences below{positions + child.begin, starts == nullptr ? nullptr : starts + child.begin, child.n};
    path_.push_back(child.item);
    const auto bytes = static_cast<std::int64_t>(child.n * (starts == nullptr ? 4 : 12));
    if (child.n >= tuning::min_task_occurrences && exchange.board.hungry() && budget_.take(bytes)) {
      Subtree subtree{path_, child.tally, {below.position, below.position + below.n}, {}, bytes};
      if (below.start != nullptr) subtree.start.assign(below.start, below.start + below.n);
      exchange.board.put(exchange.worker, std::move(subtree));
    } else {
      descend(below, child.tally, false, exchange);
    }
    path_.pop_back();
    if (halt_.halted()) break;
  }
  arena_.release(mark);
}

template <class Time>
void Expander<Time>::grow_root(std::uint32_t item, const Tally& tally, const Exchange& exchange) {
  path_.assign(1, item);
  descend(space_.root_of(item), tally, true, exchange);
}

template <class Time>
void Expander<Time>::grow(Subtree& subtree, const Exchange& exchange) {
  path_ = subtree.path;
  descend({subtree.position.data(), subtree.start.empty() ? nullptr : subtree.start.data(), subtree.position.size()},
          subtree.tally, false, exchange);
}

template bool Expander<std::uint32_t>::distribute(const Occurrences&, std::span<Child>, std::uint32_t*&,
                                                std::uint64_t*&);
template bool Expander<std::uint64_t>::distribute(const Occurrences&, std::span<Child>, std::uint32_t*&,
                                                std::uint64_t*&);
template bool Expander<std::uint32_t>::distribute_windows(const Occurrences&, std::span<Child>, std::uint32_t*&);
template bool Expander<std::uint64_t>::distribute_windows(const Occurrences&, std::span<Child>, std::uint32_t*&);
template void Expander<std::uint32_t>::descend(const Occurrences&, const Tally&, bool, const Exchange&);
template void Expander<std::uint64_t>::descend(const Occurrences&, const Tally&, bool, const Exchange&);
template std::size_t Expander<std::uint32_t>::group_of(std::span<const Child>) const noexcept;
template std::size_t Expander<std::uint64_t>::group_of(std::span<const Child>) const noexcept;
template void Expander<std::uint32_t>::grow_children(const Occurrences&, std::span<Child>, bool, const Exchange&);
template void Expander<std::uint64_t>::grow_children(const Occurrences&, std::span<Child>, bool, const Exchange&);
template void Expander<std::uint32_t>::grow_root(std::uint32_t, const Tally&, const Exchange&);
template void Expander<std::uint64_t>::grow_root(std::uint32_t, const Tally&, const Exchange&);
template void Expander<std::uint32_t>::grow(Subtree&, const Exchange&);
template void Expander<std::uint64_t>::grow(Subtree&, const Exchange&);

}  // namespace seqmine::labelled
