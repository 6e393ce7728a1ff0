#include "labelled/expander.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace seqmine::labelled {

namespace {

Tally smaller(const Tally& a, const Tally& b) noexcept {
  return {std::min(a.pos, b.pos), std::min(a.neg, b.neg), std::min(a.weight_pos, b.weight_pos),
          std::min(a.weight_neg, b.weight_neg)};
}

}  // namespace

template <class Time>
Expander<Time>::Expander(const Space& space, PatternPool& pool, const PairTable& pairs, search::HaltState& halt,
                         search::MemoryBudget& budget)
    : space_(space),
      pool_(pool),
      pairs_(pairs),
      halt_(halt),
      budget_(budget),
      item_(space.database->item.data()),
      full_(space.full_gap),
      arena_(budget),
      kept_(budget),
      kept_start_(budget),
      masks_(budget),
      sorted_masks_(budget),
      intervals_(space.grid, space.scorer, space.labels.label, space.strata.weight),
      partial_(space, budget),
      until_poll_(tuning::poll_steps) {
  if constexpr (sizeof(Time) == 4) {
    time_ = space.database->time32.data();
  } else {
    time_ = space.database->time64.data();
  }
  const auto n_items = static_cast<std::size_t>(space.n_items());
  seen_.assign(n_items, {0, 0});
  count_.assign(n_items, 0);
  occurrence_count_.assign(n_items, 0);
  slot_.assign(n_items, no_slot);
  if (space.has_table()) {
    cells_.assign(n_items, {0, search::nobody, 0});
    targets_.assign(n_items, {});
  }
  if (!space.strata.weight.empty()) {
    weight_[0].assign(n_items, 0);
    weight_[1].assign(n_items, 0);
  }
  if (space.learn) mask_.assign(n_items, 0);
  if (!space.windows.empty()) {
    full_count_.assign(n_items, 0);
    covered_.assign(n_items, 0);
  }
}

template <class Time>
bool Expander<Time>::tick(std::int64_t steps) {
  stats_.scanned_events += steps;
  until_poll_ -= steps + 1;
  if (until_poll_ > 0) return true;
  until_poll_ = tuning::poll_steps;
  return !halt_.poll();
}

template <class Time>
void Expander<Time>::next_row() {
  if (++row_stamp_ == 0) {  // every 4 billion rows the stamps start anew
    for (Seen& seen : seen_) seen.row = 0;
    row_stamp_ = 1;
  }
}

template <class Time>
void Expander<Time>::new_node() {
  if (++node_stamp_ == 0) {
    for (Seen& seen : seen_) seen.allowed = 0;
    node_stamp_ = 1;
  }
}

template <class Time>
Tally Expander<Time>::tally_of(std::uint32_t item) const noexcept {
  const std::uint64_t count = space_.has_table() ? cells_[item].count : count_[item];
  Tally tally{static_cast<std::int64_t>(count >> 32), static_cast<std::int64_t>(count & 0xffff'ffffU)};
  if (!weight_[0].empty()) {
    tally.weight_neg = weight_[0][item];
    tally.weight_pos = weight_[1][item];
  }
  return tally;
}

template <class Time>
bool Expander<Time>::admit(const Tally& tally, std::size_t n_occurrences) {
  allowed_mask_ = 0;
  allowed_value_ = 0;
  all_admitted_ = true;
  admitted_.clear();
  const auto& follows = pairs_.follows[path_.back()];
  const double threshold = pool_.threshold();
  // Where the table is longer than the windows are likely to be, reading it costs more than it saves.
  if (follows.size() > 4 * n_occurrences) return true;
  new_node();
  std::int64_t n_allowed = 0;
  for (const PairTable::Entry& entry : follows) {
    if (space_.scorer.bound(smaller(tally, entry.tally)) < threshold) continue;
    if (smaller(tally, entry.tally).matched() < space_.scorer.min_support()) continue;
    seen_[entry.next].allowed = node_stamp_;
    admitted_.push_back(entry.next);
    ++n_allowed;
  }
  all_admitted_ = false;
  stats_.pruned_by_pair_table += space_.n_items() - n_allowed;
  allowed_mask_ = ~std::uint32_t{0};
  allowed_value_ = node_stamp_;
  return n_allowed > 0;
}

template <class Time>
bool Expander<Time>::make_room(std::size_t n, bool keep) {
  if (keep && !kept_.reserve(kept_.size() + n)) return false;
  if (keep && space_.has_span() && !kept_start_.reserve(kept_.size() + n)) return false;
  return !space_.learn || masks_.reserve(masks_.size() + n);
}

/// Counts an entry that lies in a gap window, once per row and item.
template <class Time>
inline void Expander<Time>::see(std::size_t at, std::uint32_t row, bool count_entries, bool keep) {
  const std::uint32_t item = item_[at];
  Seen& seen = seen_[item];
  if (((seen.allowed ^ allowed_value_) & allowed_mask_) != 0) return;
  if (seen.row != row_stamp_) {
    seen.row = row_stamp_;
    if (count_[item] == 0) touched_.push_back(item);
    count_[item] += space_.tally_of_row(row);
    if (!weight_[0].empty()) weight_[space_.labels.label[row] != 0][item] += space_.strata.weight[row];
    if (space_.learn) touched_in_row_.push_back(item);
  }
  if (count_entries) {
    ++occurrence_count_[item];
    if (keep) kept_.push_unchecked(static_cast<std::uint32_t>(at));
  }
}

template <class Time>
template <search::Keep keep, bool weighted>
bool Expander<Time>::count_windows_as(const Occurrences& occurrences) {
  const search::ScanTable& table = space_.table;
  constexpr Cell empty{0, search::nobody, 0};
  const auto clear = [&](std::uint32_t item) {
    cells_[item] = empty;
    if constexpr (weighted) weight_[0][item] = weight_[1][item] = 0;
  };
  if (all_admitted_) {
    // Which items come is not known before: a first pass lists them.
    search::for_each_range<keep>(table, occurrences.ends(),
                                 [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t) {
      for (std::uint32_t j = from; j < to; ++j) cells_[item_[j]].n_entries = 0;
    });
    search::for_each_range<keep>(table, occurrences.ends(),
                                 [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t) {
      for (std::uint32_t j = from; j < to; ++j) {
        if (cells_[item_[j]].n_entries++ == 0) admitted_.push_back(item_[j]);
      }
    });
    std::sort(admitted_.begin(), admitted_.end());
  }
  for (const std::uint32_t item : admitted_) clear(item);
  Cell* cells = cells_.data();
  bool whole = true;
  search::for_each_range<keep>(table, occurrences.ends(),
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    if (!whole || !tick(to - from)) {
      whole = false;
      return;
    }
    const std::uint64_t add = space_.tally_of_row(row);
    [[maybe_unused]] std::int64_t* sums = nullptr;
    [[maybe_unused]] std::int64_t weight = 0;
    if constexpr (weighted) {
      sums = weight_[space_.labels.label[row] != 0 ? 1 : 0].data();
      weight = space_.strata.weight[row];
    }
    for (std::uint32_t j = from; j < to; ++j) {
      Cell& cell = cells[item_[j]];
      const bool fresh = cell.row != row;
      cell.count += fresh ? add : 0;
      cell.row = row;
      ++cell.n_entries;
      if constexpr (weighted) {
        // Unsigned: the sums of items that are not admitted are never read, nor cleared, and may wrap around.
        std::int64_t& sum = sums[item_[j]];
        sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) +
                                        static_cast<std::uint64_t>(fresh ? weight : 0));
      }
    }
  });
  return whole;
}

template <class Time>
bool Expander<Time>::count_windows(const Occurrences& occurrences) {
  ++stats_.nodes;
  const bool weighted = !weight_[0].empty();
  const bool whole = space_.keep == search::Keep::earliest
                         ? (weighted ? count_windows_as<search::Keep::earliest, true>(occurrences)
                                     : count_windows_as<search::Keep::earliest, false>(occurrences))
                         : (weighted ? count_windows_as<search::Keep::all, true>(occurrences)
                                     : count_windows_as<search::Keep::all, false>(occurrences));
  if (!whole && !halt_.halted()) halt_.cut();
  if (!whole) children_.clear();
  return whole;
}

// With a span limit or learned gaps an entry needs to know its ends: the latest one in reach (`last`), whose
// latest start is the latest of all, and, for gaps, every bin in which an end lies.
template <class Time>
template <bool Span, bool Learn>
bool Expander<Time>::scan_rows(const Occurrences& occurrences, const bool count_entries, std::size_t most_kept) {
  const Database& database = *space_.database;
  bool keep = count_entries;
  for (std::size_t i = 0; i < occurrences.n;) {
    const std::uint32_t row = space_.row_of(occurrences.position[i]);
    const auto end = static_cast<std::size_t>(database.offsets[row + 1]);
    std::size_t ends = i + 1;
    while (ends < occurrences.n && occurrences.position[ends] < end) ++ends;
    next_row();
    touched_in_row_.clear();
    std::size_t cursor = occurrences.position[i] + std::size_t{1};
    if (keep && kept_.size() > most_kept) {
      keep = kept_whole_ = false;
      kept_.clear();
      kept_start_.clear();
    }
    if (!make_room(end - cursor, keep)) return false;
    std::size_t last = i;
    std::uint64_t mask = 0, mask_time = 0;
    bool mask_known = false;
    while (cursor < end) {
      if (!tick(1)) return false;
      const std::uint64_t now = time_[cursor];
      while (last + 1 < ends && occurrences.position[last + 1] < cursor &&
             now - time_[occurrences.position[last + 1]] >= space_.min_gap) {
        ++last;
      }
      const std::uint64_t gap = now - time_[occurrences.position[last]];
      if (gap < space_.min_gap) {
        ++cursor;
        continue;
      }
      if (gap >= space_.max_gap) {
        if (last + 1 == ends) break;
        cursor = std::max(cursor + 1, occurrences.position[last + 1] + std::size_t{1});
        continue;
      }
      if constexpr (Span) {
        if (now - occurrences.start[last] >= space_.max_span) {
          ++cursor;
          continue;
        }
      }
      const std::size_t kept_before = kept_.size();
      see(cursor, row, count_entries, keep);
      if (Span && keep && kept_.size() > kept_before) kept_start_.push_unchecked(occurrences.start[last]);
      if constexpr (Learn) {
        const std::uint32_t item = item_[cursor];
        if (seen_[item].row == row_stamp_) {  // admitted
          if (!mask_known || mask_time != now) {
            mask = bins_between(space_, time_, occurrences, i, last, now, now);
            mask_time = now;
            mask_known = true;
          }
          mask_[item] |= mask;
        }
      }
      ++cursor;
    }
    if constexpr (Learn) {
      for (const std::uint32_t item : touched_in_row_) {
        masks_.push_unchecked({item, row, mask_[item]});
        mask_[item] = 0;
      }
      // With many types and many bins the tables would be the larger ones.
      const bool large = masks_.size() > tuning::most_masks;
      if (large && masks_.size() * sizeof(MaskRecord) > partial_.bytes(touched_.size()) && !add_up()) return false;
    }
    i = ends;
  }
  return true;
}

template <class Time>
bool Expander<Time>::scan(const Occurrences& occurrences, bool keep) {
  if (space_.has_table()) return count_windows(occurrences);
  ++stats_.nodes;
  kept_.clear();
  kept_start_.clear();
  masks_.clear();
  partial_.clear();
  touched_in_row_.clear();
  kept_whole_ = keep;
  const std::size_t most = space_.most_distributed;
  const bool whole = space_.learn ? (space_.has_span() ? scan_rows<true, true>(occurrences, keep, most)
                                                       : scan_rows<false, true>(occurrences, keep, most))
                                  : scan_rows<true, false>(occurrences, keep, most);
  if (!whole) {
    if (!halt_.halted()) halt_.cut();
    if (space_.learn) {
      for (const std::uint32_t item : touched_in_row_) mask_[item] = 0;
    }
    children_.clear();
    forget();
  }
  return whole;
}

template <class Time>
void Expander<Time>::forget() {
  for (const std::uint32_t item : touched_) {
    count_[item] = 0;
    occurrence_count_[item] = 0;
    if (!weight_[0].empty()) weight_[0][item] = weight_[1][item] = 0;
  }
  touched_.clear();
}

template <class Time>
void Expander<Time>::consider(std::uint32_t item, const Tally& tally, std::uint32_t n_entries, bool offer) {
  if (tally.matched() < space_.scorer.min_support()) {
    ++stats_.pruned_by_support;
    return;
  }
  const double bound = space_.scorer.bound(tally);
  if (bound < pool_.threshold() || bound == none) {
    ++stats_.pruned_by_bound;
    return;
  }
  children_.push_back({item, tally, bound, 0, n_entries});
  if (!offer) return;
  const Score score = space_.scorer.score(tally);
  if (space_.scorer.allows(score.raises)) pool_.offer(path_, full_, item, full_, -1, 0, tally, score);
}

template <class Time>
void Expander<Time>::harvest(bool offer) {
  children_.clear();
  if (space_.has_table()) {
    for (const std::uint32_t item : admitted_) consider(item, tally_of(item), cells_[item].n_entries, offer);
    return;
  }
  std::sort(touched_.begin(), touched_.end());
  for (const std::uint32_t item : touched_) {
    consider(item, tally_of(item), occurrence_count_[item], offer && !space_.learn);
  }
  forget();
  if (offer && space_.learn) learn_intervals();
}

template <class Time>
void Expander<Time>::recall(std::uint32_t item) {
  children_.clear();
  for (const PairTable::Entry& entry : pairs_.follows[item]) consider(entry.next, entry.tally, entry.n_entries, false);
}

template <class Time>
void Expander<Time>::count_pairs(std::uint32_t item, const Tally& tally, std::vector<PairTable::Entry>& follows) {
  if (halt_.halted() || space_.scorer.bound(tally) < pool_.threshold()) return;
  path_.assign(1, item);
  allowed_mask_ = allowed_value_ = 0;
  const Occurrences root = space_.root_of(item);
  admitted_.clear();
  all_admitted_ = static_cast<std::size_t>(space_.n_items()) > 4 * root.n;
  if (space_.has_table() && !all_admitted_) {
    admitted_.resize(static_cast<std::size_t>(space_.n_items()));
    std::iota(admitted_.begin(), admitted_.end(), std::uint32_t{0});
  }
  if (!scan(root, false)) return;
  harvest(true);
  for (const Child& child : children_) {
    follows.push_back({child.item, static_cast<std::uint32_t>(child.n), child.tally});
  }
}

template <class Time>
bool Expander<Time>::scan_again(const Occurrences& occurrences, std::span<const Child> children) {
  new_node();
  allowed_mask_ = ~std::uint32_t{0};
  allowed_value_ = node_stamp_;
  for (const Child& child : children) seen_[child.item].allowed = node_stamp_;
  kept_.clear();
  kept_start_.clear();
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  const bool whole = space_.has_span() ? scan_rows<true, false>(occurrences, true, most)
                                       : scan_rows<false, false>(occurrences, true, most);
  forget();
  return whole;
}

template class Expander<std::uint32_t>;
template class Expander<std::uint64_t>;

}  // namespace seqmine::labelled
