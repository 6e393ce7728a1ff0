#include "labelled/evidence.hpp"

#include <algorithm>

namespace seqmine::labelled {

namespace {

/// Calls `visit(row, i, i_end, k, k_end)` for every row in which both lists have entries.
template <class Visit>
void for_common_rows(const Space& space, const Occurrences& a, const Occurrences& b, const Visit& visit) {
  const auto& offsets = space.database->offsets;
  for (std::size_t i = 0, k = 0; i < a.n && k < b.n;) {
    const std::uint32_t row = std::max(space.row_of(a.position[i]), space.row_of(b.position[k]));
    const auto begin = static_cast<std::size_t>(offsets[row]), end = static_cast<std::size_t>(offsets[row + 1]);
    while (i < a.n && a.position[i] < begin) ++i;
    while (k < b.n && b.position[k] < begin) ++k;
    const std::size_t i_begin = i, k_begin = k;
    while (i < a.n && a.position[i] < end) ++i;
    while (k < b.n && b.position[k] < end) ++k;
    if (i > i_begin && k > k_begin) visit(row, i_begin, i, k_begin, k);
  }
}

}  // namespace

template <class Time>
Evidence<Time>::Evidence(const Space& space)
    : space_(space), intervals_(space.grid, space.scorer, space.labels.label, space.strata.weight) {
  if constexpr (sizeof(Time) == 4) {
    time_ = space.database->time32.data();
  } else {
    time_ = space.database->time64.data();
  }
}

/// Entries of `candidates` that end a longer prefix: some end lies a feasible gap before. The latest one decides,
/// because it has the latest start and, if it is too far back, all are.
template <class Time>
void Evidence<Time>::join(const Occurrences& before, const Occurrences& candidates, GapInterval gap,
                          OwnedOccurrences& ends) const {
  const std::uint64_t lo = ticks_at_least(gap.lo, space_.database->unit);
  const std::uint64_t hi = ticks_at_least(gap.hi, space_.database->unit);
  ends.position.clear();
  ends.edge.clear();
  for_common_rows(space_, before, candidates, [&](std::uint32_t, std::size_t i, std::size_t i_end, std::size_t k,
                                                  std::size_t k_end) {
    std::uint64_t latest = time_[before.position[i]];
    for (std::size_t last = i; k < k_end; ++k) {
      const std::uint32_t at = candidates.position[k];
      const std::uint64_t now = time_[at];
      while (last + 1 < i_end) {
        const std::uint64_t next = time_[before.position[last + 1]];
        if (next > now || now - next < lo) break;
        latest = next;
        ++last;
      }
      if (latest > now || now - latest < lo || now - latest >= hi) continue;
      if (before.start != nullptr) {
        if (now - before.start[last] >= space_.max_span) continue;
        ends.edge.push_back(before.start[last]);
      }
      ends.position.push_back(at);
    }
  });
}

/// The mirror image: entries of `candidates` that begin a longer suffix.
template <class Time>
void Evidence<Time>::join_back(const Occurrences& after, const Occurrences& candidates, GapInterval gap,
                               OwnedOccurrences& begins) const {
  const std::uint64_t lo = ticks_at_least(gap.lo, space_.database->unit);
  const std::uint64_t hi = ticks_at_least(gap.hi, space_.database->unit);
  begins.position.clear();
  begins.edge.clear();
  for_common_rows(space_, after, candidates, [&](std::uint32_t, std::size_t i, std::size_t i_end, std::size_t k,
                                                 std::size_t k_end) {
    for (; k < k_end; ++k) {
      const std::uint32_t at = candidates.position[k];
      const std::uint64_t now = time_[at];
      while (i < i_end && (after.position[i] < at || time_[after.position[i]] - now < lo)) ++i;
      if (i == i_end) return;
      if (time_[after.position[i]] - now >= hi) continue;
      if (after.start != nullptr) begins.edge.push_back(after.start[i]);
      begins.position.push_back(at);
    }
  });
}

/// Keeps the ends after which the absent item stays away for the whole window, inside what the row can see.
template <class Time>
void Evidence<Time>::drop_followed(const Candidate& pattern, const Occurrences& ends, OwnedOccurrences& left) const {
  left.position.clear();
  left.edge.clear();
  const auto window = std::find_if(space_.windows.begin(), space_.windows.end(), [&](const AbsenceWindow& known) {
    return known.microseconds == pattern.within;
  });
  const Occurrences absent = space_.root_of(static_cast<std::uint32_t>(pattern.absent));
  std::size_t next = 0;
  for (std::size_t i = 0; i < ends.n; ++i) {
    const std::uint32_t at = ends.position[i];
    const std::uint32_t row = space_.row_of(at);
    const std::uint64_t now = time_[at];
    if (now >= window->eligible[row]) continue;
    const auto row_end = static_cast<std::size_t>(space_.database->offsets[row + 1]);
    while (next < absent.n && (absent.position[next] < at ||
                               (absent.position[next] < row_end && time_[absent.position[next]] <= now))) {
      ++next;
    }
    const bool followed = next < absent.n && absent.position[next] < row_end &&
                          time_[absent.position[next]] - now <= window->ticks;
    if (followed) continue;
    left.position.push_back(at);
    if (ends.start != nullptr) left.edge.push_back(ends.start[i]);
  }
}

/// The entries of an item in the windows of a prefix.
template <class Time>
void Evidence<Time>::scan_for(const Occurrences& before, std::uint32_t item, OwnedOccurrences& ends) const {
  const std::uint32_t* items = space_.table.item;
  const auto scan = [&]<search::Keep keep>() {
    search::for_each_range<keep>(space_.table, before.ends(),
                                 [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t) {
      for (std::uint32_t j = from; j < to; ++j) {
        if (items[j] != item) continue;
        ends.position.push_back(j);
        if constexpr (keep == search::Keep::earliest) break;
      }
    });
  };
  ends.position.clear();
  ends.edge.clear();
  if (space_.keep == search::Keep::earliest) {
    scan.template operator()<search::Keep::earliest>();
  } else {
    scan.template operator()<search::Keep::all>();
  }
}

template <class Time>
Occurrences Evidence<Time>::prefix(const Candidate& pattern, std::size_t length) {
  std::size_t depth = 0;
  const auto gap_before = [&](std::size_t i) { return i == 0 ? GapInterval{} : pattern.gaps[i - 1]; };
  while (depth < levels_.size() && depth < length && levels_[depth].item == pattern.items[depth] &&
         levels_[depth].gap == gap_before(depth)) {
    ++depth;
  }
  levels_.resize(depth);
  for (; depth < length; ++depth) {
    const Occurrences root = space_.root_of(pattern.items[depth]);
    Level level{pattern.items[depth], gap_before(depth), {}};
    if (depth > 0) {
      const Occurrences before = depth == 1 ? space_.root_of(pattern.items[0]) : levels_[depth - 1].ends.view();
      if (space_.has_table()) {
        scan_for(before, pattern.items[depth], level.ends);
      } else {
        join(before, root, level.gap, level.ends);
      }
    }
    levels_.push_back(std::move(level));
  }
  return depth == 1 ? space_.root_of(pattern.items[0]) : levels_.back().ends.view();
}

template <class Time>
std::vector<std::uint32_t> Evidence<Time>::rows(const Candidate& pattern) {
  Occurrences ends = prefix(pattern, pattern.items.size());
  OwnedOccurrences left;
  if (pattern.absent >= 0) {
    drop_followed(pattern, ends, left);
    ends = left.view();
  }
  std::vector<std::uint32_t> rows;
  for (std::size_t i = 0; i < ends.n;) {
    rows.push_back(space_.row_of(ends.position[i]));
    const std::int64_t row_end = space_.database->offsets[rows.back() + std::size_t{1}];
    while (i < ends.n && ends.position[i] < row_end) ++i;
  }
  return rows;
}

template <class Time>
template <search::Keep keep>
void Evidence<Time>::scan_siblings(const Occurrences& before, std::span<const Candidate* const> patterns,
                                   std::span<std::vector<std::uint32_t>> rows) {
  // As search::distribute, but rows instead of entries: an item's place moves on when its row is a new one.
  const std::uint32_t* items = space_.table.item;
  std::size_t total = 1;
  targets_.resize(static_cast<std::size_t>(space_.n_items()));
  for (const Candidate* pattern : patterns) {
    targets_[pattern->items.back()] = {static_cast<std::uint32_t>(total), 1, search::nobody};
    total += static_cast<std::size_t>(pattern->tally.matched());
  }
  if (found_.size() < total) found_.resize(total);
  search::for_each_range<keep>(space_.table, before.ends(),
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    for (std::uint32_t j = from; j < to; ++j) {
      search::Target& target = targets_[items[j]];
      const std::uint32_t step = target.row != row ? target.step : 0;
      found_[step != 0 ? target.at : 0] = row;
      target.at += step;
      target.row = row;
    }
  });
  total = 1;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    search::Target& target = targets_[patterns[i]->items.back()];
    rows[i].assign(found_.begin() + static_cast<std::ptrdiff_t>(total), found_.begin() + target.at);
    total += static_cast<std::size_t>(patterns[i]->tally.matched());
    target = {};
  }
}

template <class Time>
void Evidence<Time>::rows_of_siblings(std::span<const Candidate* const> patterns,
                                      std::span<std::vector<std::uint32_t>> rows) {
  const std::size_t length = patterns[0]->items.size();
  if (!space_.has_table() || length == 1 || patterns[0]->absent >= 0) {
    for (std::size_t i = 0; i < patterns.size(); ++i) rows[i] = this->rows(*patterns[i]);
    return;
  }
  const Occurrences before = prefix(*patterns[0], length - 1);
  if (space_.keep == search::Keep::earliest) {
    scan_siblings<search::Keep::earliest>(before, patterns, rows);
  } else {
    scan_siblings<search::Keep::all>(before, patterns, rows);
  }
}

/// Every pair of an end and a begin that lies in the limits puts its gap's bin into the mask of its row.
template <class Time>
BestInterval Evidence<Time>::best_gap(const Occurrences& ends, const Occurrences& begins) {
  intervals_.clear();
  for_common_rows(space_, ends, begins, [&](std::uint32_t row, std::size_t i, std::size_t i_end, std::size_t k,
                                            std::size_t k_end) {
    std::uint64_t mask = 0, latest = time_[ends.position[i]];
    for (std::size_t last = i; k < k_end; ++k) {
      const std::uint64_t now = time_[begins.position[k]];
      while (last + 1 < i_end) {
        const std::uint64_t next = time_[ends.position[last + 1]];
        if (next > now || now - next < space_.min_gap) break;
        latest = next;
        ++last;
      }
      if (latest > now || now - latest < space_.min_gap || now - latest >= space_.max_gap) continue;
      mask |= bins_between(space_, time_, ends, i, last, now, begins.start == nullptr ? now : begins.start[k]);
      if (mask == space_.grid.all()) break;
    }
    if (mask != 0) intervals_.add(row, mask);
  });
  return intervals_.best();
}

template <class Time>
void Evidence<Time>::refine(Candidate& pattern, search::HaltState& halt) {
  const std::size_t length = pattern.items.size();
  // The search has the best interval of the last gap already, as long as no other gap and no absence narrow it.
  if (length < 2 || (length == 2 && pattern.absent < 0)) return;
  // Only rows that match under the widest gaps can ever match: the lists shrink to those once.
  Candidate widest = pattern;
  widest.gaps.assign(length - 1, space_.full_gap);
  const std::vector<std::uint32_t> support = rows(widest);
  levels_.resize(length - 1);  // other patterns share no more than that
  std::vector<OwnedOccurrences> entries(length);
  for (std::size_t step = 0; step < length; ++step) {
    const Occurrences root = space_.root_of(pattern.items[step]);
    std::size_t i = 0;
    for (const std::uint32_t row : support) {
      const auto begin = static_cast<std::uint32_t>(space_.database->offsets[row]);
      const auto end = static_cast<std::uint64_t>(space_.database->offsets[row + 1]);
      i = static_cast<std::size_t>(std::lower_bound(root.position + i, root.position + root.n, begin) - root.position);
      for (; i < root.n && root.position[i] < end; ++i) {
        entries[step].position.push_back(root.position[i]);
        if (space_.has_span()) entries[step].edge.push_back(time_[root.position[i]]);
      }
    }
  }
  constexpr int sweeps = 2;
  std::vector<OwnedOccurrences> joined(length);
  std::vector<Occurrences> begins(length);
  OwnedOccurrences shorter, longer;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    begins[length - 1] = entries[length - 1].view();
    if (pattern.absent >= 0) {
      drop_followed(pattern, entries[length - 1].view(), joined[length - 1]);
      begins[length - 1] = joined[length - 1].view();
    }
    for (std::size_t step = length - 1; step-- > 1;) {
      join_back(begins[step + 1], entries[step].view(), pattern.gaps[step], joined[step]);
      begins[step] = joined[step].view();
    }
    bool moved = false, moved_later = false;
    Occurrences ends = entries[0].view();
    for (std::size_t gap = 0; gap + 1 < length; ++gap) {
      if (halt.poll()) return;
      const bool settled = sweep == 0 && gap + 2 == length && !moved && pattern.absent < 0;  // by the search
      if (settled) break;
      const BestInterval best = best_gap(ends, begins[gap + 1]);
      if (best.found && best.score.value > pattern.score.value) {
        pattern.gaps[gap] = space_.grid.interval(best.first, best.last);
        pattern.tally = best.tally;
        pattern.score = best.score;
        moved = true;
        moved_later = moved_later || gap > 0;
      }
      if (gap + 2 == length) break;
      join(ends, entries[gap + 1].view(), pattern.gaps[gap], longer);
      std::swap(shorter, longer);
      ends = shorter.view();
    }
    if (!moved_later) return;  // the first gap saw the others as they are now
  }
}

template class Evidence<std::uint32_t>;
template class Evidence<std::uint64_t>;

}  // namespace seqmine::labelled
