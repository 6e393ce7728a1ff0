// Trailing absences of a prefix: `-> no X within w` for every X at once.
#include <algorithm>

#include "labelled/expander.hpp"

namespace seqmine::labelled {

namespace {

/// X must follow within w in at least one fifth of the eligible rows, else its absence says nothing
/// (STATISTICS D): almost every row would match.
constexpr std::int64_t common_share = 5;

}  // namespace

template <class Time>
void Expander<Time>::try_absences(const Occurrences& occurrences, const Tally& tally) {
  for (const AbsenceWindow& window : space_.windows) {
    // The rows that match with the absence are some of those without it.
    if (halt_.halted() || space_.scorer.bound(tally) < pool_.threshold()) return;
    count_absences(occurrences, window);
  }
}

// A row matches `no X` unless X follows every eligible end. The ends that an X at time x follows within w are a
// run [first, beyond) of the row's ends, and runs move right with x: so all are followed exactly when the runs of X
// leave no hole, which one number per item (how many of the first ends are covered) can tell.
template <class Time>
void Expander<Time>::count_absences(const Occurrences& occurrences, const AbsenceWindow& window) {
  const Database& database = *space_.database;
  ++stats_.nodes;
  Tally eligible;
  bool whole = true;
  for (std::size_t i = 0; i < occurrences.n && whole;) {
    const std::uint32_t row = space_.row_of(occurrences.position[i]);
    const auto end = static_cast<std::size_t>(database.offsets[row + 1]);
    std::size_t ends = i, row_end = i;
    for (; row_end < occurrences.n && occurrences.position[row_end] < end; ++row_end) {
      if (time_[occurrences.position[row_end]] < window.eligible[row]) ends = row_end + 1;
    }
    if (ends == i) {
      i = row_end;
      whole = tick(1);
      continue;
    }
    const bool positive = space_.labels.label[row] != 0;
    const std::int64_t weight = space_.strata.weight.empty() ? 0 : space_.strata.weight[row];
    ++(positive ? eligible.pos : eligible.neg);
    (positive ? eligible.weight_pos : eligible.weight_neg) += weight;

    next_row();
    touched_in_row_.clear();
    std::size_t first = i, beyond = i;
    const std::uint64_t last_end = time_[occurrences.position[ends - 1]];
    std::size_t cursor = occurrences.position[i] + std::size_t{1};
    const std::size_t started = cursor;
    for (; cursor < end; ++cursor) {
      const std::uint64_t now = time_[cursor];
      if (now > last_end && now - last_end > window.ticks) break;
      while (beyond < ends && time_[occurrences.position[beyond]] < now) ++beyond;
      while (first < beyond && now - time_[occurrences.position[first]] > window.ticks) ++first;
      const std::uint32_t item = item_[cursor];
      if (first == beyond || window.candidate[item] == 0) continue;
      if (seen_[item].row != row_stamp_) {
        seen_[item].row = row_stamp_;
        covered_[item] = 0;
        touched_in_row_.push_back(item);
        if (count_[item] == 0) {
          touched_.push_back(item);
          if (!weight_[0].empty()) weight_[0][item] = weight_[1][item] = 0;
        }
        count_[item] += space_.tally_of_row(row);
      }
      if (covered_[item] >= first - i) covered_[item] = static_cast<std::uint32_t>(beyond - i);
    }
    for (const std::uint32_t item : touched_in_row_) {
      if (covered_[item] != ends - i) continue;
      full_count_[item] += space_.tally_of_row(row);
      if (!weight_[0].empty()) weight_[positive ? 1 : 0][item] += weight;
    }
    whole = tick(static_cast<std::int64_t>(cursor - started));
    i = row_end;
  }
  std::sort(touched_.begin(), touched_.end());
  for (const std::uint32_t item : touched_) {
    const std::uint64_t full = full_count_[item];
    full_count_[item] = 0;
    if (!whole) continue;
    const std::int64_t followed = static_cast<std::int64_t>((count_[item] >> 32) + (count_[item] & 0xffff'ffffU));
    if (followed * common_share < eligible.matched()) continue;
    Tally tally{eligible.pos - static_cast<std::int64_t>(full >> 32),
                eligible.neg - static_cast<std::int64_t>(full & 0xffff'ffffU)};
    if (!weight_[0].empty()) {
      tally.weight_pos = eligible.weight_pos - weight_[1][item];
      tally.weight_neg = eligible.weight_neg - weight_[0][item];
    }
    if (tally.matched() < space_.scorer.min_support()) {
      ++stats_.pruned_by_support;
      continue;
    }
    const Score score = space_.scorer.score(tally);
    if (!space_.scorer.allows(score.raises)) continue;
    pool_.offer(path_, full_, -1, full_, static_cast<std::int32_t>(item), window.microseconds, tally, score);
  }
  forget();
}

template void Expander<std::uint32_t>::try_absences(const Occurrences&, const Tally&);
template void Expander<std::uint64_t>::try_absences(const Occurrences&, const Tally&);
template void Expander<std::uint32_t>::count_absences(const Occurrences&, const AbsenceWindow&);
template void Expander<std::uint64_t>::count_absences(const Occurrences&, const AbsenceWindow&);

}  // namespace seqmine::labelled
