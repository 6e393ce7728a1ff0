#include "permutation/family.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "seqmine/tuning.hpp"

namespace seqmine::permutation {

namespace {

using search::Keep;
using search::nobody;
using search::Occurrences;

struct Cell {
  std::uint32_t row, n_rows, n_entries;
};

struct Child {
  std::uint32_t item, n_rows, n_entries;
  std::size_t begin;  // in the block of its group
};

/// A pattern that has been looked at and may be grown.
struct Prefix {
  std::uint32_t last = 0;
  std::int32_t depth = 0;
  Occurrences list;
  std::span<const std::uint32_t> rows;  // ascending
  const std::uint32_t* count = nullptr;  // its positive rows under each permutation
};

template <Keep keep>
class Walker final : public FamilyWorker {
 public:
  Walker(const Family& family, FamilySearch& search, int number)
      : family_(family), search_(search), number_(number), arena_(search.budget), cells_(family.table.n_items),
        targets_(family.table.n_items), support_(family.moments.n_strata(), 0) {
    tally_.best.assign(static_cast<std::size_t>(family.labels.n_permutations() + 1), 0.0);
  }

  void grow(const Subtree& subtree) override {
    const search::Arena::Mark mark = arena_.mark();
    Prefix prefix{subtree.last, subtree.depth, {}, {}, subtree.count.data()};
    if (!subtree.end.empty()) {
      prefix.list = {subtree.end.data(), subtree.start.data(), subtree.end.size()};
      if (list_rows(prefix)) extend(prefix);
    } else {
      const search::ScanTable& table = family_.table;
      const std::size_t begin = table.offset[subtree.last];
      const std::uint32_t* entries = table.occurrence.data() + begin;
      prefix.list = {entries, entries, table.offset[subtree.last + std::size_t{1}] - begin};
      const Prefix all{0, 0, {}, family_.all_rows, family_.all_positive.data()};
      if (list_rows(prefix) && look_at(all, prefix)) extend(prefix);
    }
    arena_.release(mark);
  }

  [[nodiscard]] const FamilyTally& tally() const noexcept override { return tally_; }

 private:
  [[nodiscard]] bool list_rows(Prefix& prefix);
  bool look_at(const Prefix& parent, Prefix& pattern);
  const std::uint32_t* count(const Prefix& parent, std::span<const std::uint32_t> rows, std::uint32_t* into);
  void note(const std::uint32_t* count, const Moments& moments);
  void extend(const Prefix& prefix);
  void count_extensions(const Prefix& prefix);
  void grow_group(const Prefix& prefix, std::span<Child> children);
  void descend(const Prefix& pattern);
  template <class T>
  [[nodiscard]] T* take(std::size_t n);

  /// Counts work done, and looks at the token and the clock when enough has come together.
  bool spend(std::size_t steps) {
    steps_ += steps;
    if (steps_ >= static_cast<std::size_t>(tuning::poll_steps)) {
      steps_ = 0;
      return search_.halt.poll();
    }
    return search_.halt.halted();
  }

  const Family& family_;
  FamilySearch& search_;
  int number_;
  search::Arena arena_;
  std::vector<Cell> cells_;
  std::vector<search::Target> targets_;
  std::vector<std::uint32_t> support_;  // by stratum; zeros between patterns
  std::vector<Child> children_;         // of the last prefix whose extensions were counted
  FamilyTally tally_;
  std::size_t steps_ = 0;
};

template <Keep keep>
template <class T>
T* Walker<keep>::take(std::size_t n) {
  T* block = arena_.take<T>(n);
  if (block == nullptr) search_.halt.raise(search::Halt::memory);
  return block;
}

/// The rows of a list of occurrences, each once.
template <Keep keep>
bool Walker<keep>::list_rows(Prefix& prefix) {
  auto* rows = take<std::uint32_t>(prefix.list.n);
  if (rows == nullptr) return false;
  std::size_t n = 0;
  std::uint32_t previous = nobody;
  for (std::size_t i = 0; i < prefix.list.n; ++i) {
    const std::uint32_t row = family_.table.row(prefix.list.end[i]);
    if (row != previous) rows[n] = row;
    n += row != previous ? 1 : 0;
    previous = row;
  }
  prefix.rows = {rows, n};
  return true;
}

/// Tests a pattern whose rows are known. True, with its counts, when it may be grown.
///
/// The only cut: without rows for a variance of 3 in any subset of them, nothing below is tested. A match of a pattern
/// contains one of its prefix, so the rows of a longer pattern are such a subset.
template <Keep keep>
bool Walker<keep>::look_at(const Prefix& parent, Prefix& pattern) {
  const std::size_t n = pattern.rows.size();
  const std::int64_t most = family_.options.max_work;
  const std::int64_t before = search_.work.fetch_add(static_cast<std::int64_t>(n), std::memory_order_relaxed);
  if (most != 0 && before + static_cast<std::int64_t>(n) > most) search_.halt.raise(search::Halt::work);
  if (spend(n)) return false;
  ++tally_.n_patterns;
  const Moments moments = family_.moments.of(pattern.rows, support_);
  const bool tested = moments.variance >= tuning::least_tested_variance;
  const bool grows = pattern.depth < family_.options.max_length &&
                     moments.most_variance >= tuning::least_tested_variance &&
                     !family_.pairs.followers[pattern.last].empty();
  if (!tested && !grows) return false;
  const search::Arena::Mark mark = arena_.mark();
  auto* into = take<std::uint32_t>(family_.labels.n_counters());
  if (into == nullptr) return false;
  pattern.count = count(parent, pattern.rows, into);
  if (pattern.count == nullptr) return false;
  if (tested) {
    ++tally_.n_tested;
    note(pattern.count, moments);
  }
  if (!grows) arena_.release(mark);
  return grows;
}

template <Keep keep>
const std::uint32_t* Walker<keep>::count(const Prefix& parent, std::span<const std::uint32_t> rows,
                                         std::uint32_t* into) {
  const CountKernel kernel = family_.options.kernel;
  const std::size_t n = rows.size(), n_parent = parent.rows.size();
  if (n == n_parent) return parent.count;  // the very same rows
  if (static_cast<double>(n) <= tuning::counted_by_difference * static_cast<double>(n_parent)) {
    family_.labels.count(rows, into, kernel);
    return into;
  }
  const search::Arena::Mark mark = arena_.mark();
  auto* lacking = take<std::uint32_t>(n_parent - n + 1);  // what is passed over is written at its end and again
  if (lacking == nullptr) return nullptr;
  std::size_t k = 0, n_lacking = 0;
  for (const std::uint32_t row : parent.rows) {
    const bool has = (k < n ? rows[k] : nobody) == row;
    lacking[n_lacking] = row;
    n_lacking += has ? 0 : 1;
    k += has ? 1 : 0;
  }
  family_.labels.count({lacking, n_lacking}, into, kernel);
  for (std::size_t j = 0; j < family_.labels.n_counters(); ++j) into[j] = parent.count[j] - into[j];
  arena_.release(mark);
  return into;
}

template <Keep keep>
void Walker<keep>::note(const std::uint32_t* count, const Moments& moments) {
  const double mean = moments.mean, deviation = std::sqrt(moments.variance);
  // Counts are below 2^31: as signed numbers they convert several at a time on every machine.
  double* best = tally_.best.data();
  const std::size_t n = tally_.best.size();
  for (std::size_t j = 0; j < n; ++j) {
    const double statistic = std::fabs(static_cast<double>(static_cast<std::int32_t>(count[j])) - mean) / deviation;
    best[j] = statistic > best[j] ? statistic : best[j];
  }
}

/// Leaves in children_ the items that are frequent after the prefix.
template <Keep keep>
void Walker<keep>::count_extensions(const Prefix& prefix) {
  children_.clear();
  const auto& candidates = family_.pairs.followers[prefix.last];
  // Only candidates are read afterwards, so only they are cleared; what the others count means nothing.
  for (const search::Follower& candidate : candidates) cells_[candidate.item] = {nobody, 0, 0};
  Cell* cells = cells_.data();
  const std::uint32_t* item = family_.table.item;
  search::for_each_range<keep>(family_.table, prefix.list,
                               [&](std::uint32_t from, std::uint32_t to, std::size_t, std::uint32_t row) {
    if (spend(to - from)) return;
    for (std::uint32_t j = from; j < to; ++j) {
      Cell& cell = cells[item[j]];
      cell.n_rows += cell.row != row ? 1 : 0;
      cell.row = row;
      ++cell.n_entries;
    }
  });
  for (const search::Follower& candidate : candidates) {
    const Cell& cell = cells[candidate.item];
    if (cell.n_rows >= family_.options.min_support) {
      children_.push_back({candidate.item, cell.n_rows, cell.n_entries, 0});
    }
  }
}

template <Keep keep>
void Walker<keep>::extend(const Prefix& prefix) {
  // Of pairs the table has counted all there is.
  if (prefix.depth == 1) {
    children_.clear();
    for (const search::Follower& follower : family_.pairs.followers[prefix.last]) {
      children_.push_back({follower.item, follower.support, follower.n_entries, 0});
    }
  } else {
    count_extensions(prefix);
  }
  if (children_.empty() || search_.halt.halted()) return;
  const search::Arena::Mark mark = arena_.mark();
  auto* block = take<Child>(children_.size());
  if (block == nullptr) return;
  std::copy(children_.begin(), children_.end(), block);
  std::span<Child> left(block, children_.size());
  const bool leaves = prefix.depth + 1 == family_.options.max_length;
  while (!left.empty() && !search_.halt.halted()) {
    // So many children at a time as memory is meant for; one scan finds the lists of each such group.
    std::size_t n = 0, total = 1;  // place 0 takes what is not wanted
    while (n < left.size()) {
      const std::size_t size = leaves || keep == Keep::earliest ? left[n].n_rows : left[n].n_entries;
      if (n > 0 && total + size > family_.most_distributed) break;
      left[n].begin = total;
      total += size;
      ++n;
    }
    grow_group(prefix, left.first(n));
    left = left.subspan(n);
  }
  arena_.release(mark);
}

/// Looks at these children, whose places are set, and goes down into those that may be grown.
template <Keep keep>
void Walker<keep>::grow_group(const Prefix& prefix, std::span<Child> children) {
  const search::Arena::Mark mark = arena_.mark();
  const bool leaves = prefix.depth + 1 == family_.options.max_length;
  const Child& last = children.back();
  const std::size_t total = last.begin + (leaves || keep == Keep::earliest ? last.n_rows : last.n_entries);
  auto* end = take<std::uint32_t>(total);
  auto* start = keep == Keep::spans && !leaves && end != nullptr ? take<std::uint32_t>(total) : end;
  if (start != nullptr) {
    for (const Child& child : children) {
      targets_[child.item] = {static_cast<std::uint32_t>(child.begin), 1, nobody};
    }
    const auto told = [&](std::uint32_t n) { (void)spend(n); };
    if (leaves) {
      search::distribute_rows<keep>(family_.table, prefix.list, targets_.data(), end, told);
    } else {
      search::distribute<keep>(family_.table, prefix.list, targets_.data(), end, start, told);
    }
    for (const Child& child : children) targets_[child.item] = {};
    for (const Child& child : children) {
      if (search_.halt.halted()) break;
      const search::Arena::Mark below = arena_.mark();
      Prefix pattern{child.item, prefix.depth + 1, {}, {}, nullptr};
      if (leaves) {
        pattern.rows = {end + child.begin, child.n_rows};
        (void)look_at(prefix, pattern);
      } else {
        pattern.list = {end + child.begin, start + child.begin, keep == Keep::earliest ? child.n_rows : child.n_entries};
        if (list_rows(pattern) && look_at(prefix, pattern)) descend(pattern);
      }
      arena_.release(below);
    }
  }
  arena_.release(mark);
}

/// Grows a pattern, or leaves it for a worker who waits.
template <Keep keep>
void Walker<keep>::descend(const Prefix& pattern) {
  const std::size_t n = pattern.list.n;
  const auto bytes = static_cast<std::int64_t>(sizeof(std::uint32_t) * (n * (keep == Keep::spans ? 2 : 1) +
                                                                         family_.labels.n_counters()));
  if (n < tuning::min_task_occurrences || !search_.board.hungry() || !search_.budget.take(bytes)) {
    extend(pattern);
    return;
  }
  Subtree subtree{pattern.last, pattern.depth, {pattern.list.end, pattern.list.end + n}, {},
                  {pattern.count, pattern.count + family_.labels.n_counters()}, bytes};
  if (keep == Keep::spans) subtree.start.assign(pattern.list.start, pattern.list.start + n);
  search_.board.put(number_, std::move(subtree));
}

}  // namespace

std::int64_t worker_bytes(const Family& family) noexcept {
  return static_cast<std::int64_t>(family.table.n_items * (sizeof(Cell) + sizeof(search::Target)) +
                                   family.labels.n_counters() * sizeof(double));
}

std::unique_ptr<FamilyWorker> make_worker(const Family& family, FamilySearch& search, int number, search::Keep keep) {
  switch (keep) {
    case Keep::earliest: return std::make_unique<Walker<Keep::earliest>>(family, search, number);
    case Keep::all: return std::make_unique<Walker<Keep::all>>(family, search, number);
    case Keep::spans: return std::make_unique<Walker<Keep::spans>>(family, search, number);
  }
  return nullptr;
}

}  // namespace seqmine::permutation
