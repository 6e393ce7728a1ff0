#include "closed_patterns.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "seqmine/tuning.hpp"

namespace seqmine::mining {

namespace {

using Index = std::uint32_t;

/// The items of a pattern, first to last.
void items_of(const FrequentPatterns& patterns, Index pattern, std::vector<std::uint32_t>& items) {
  items.resize(patterns.length[pattern]);
  for (std::size_t at = items.size(); at-- > 0; pattern = patterns.parent[pattern]) items[at] = patterns.item[pattern];
}

/// Children of every pattern, to walk the tree from its root: the i-th child of p is child[first[p] + i], by item.
class Tree {
 public:
  explicit Tree(const FrequentPatterns& patterns) : patterns_(patterns), first_(patterns.item.size() + 2, 0) {
    const std::size_t n = patterns.item.size();
    for (std::size_t p = 0; p < n; ++p) ++first_[slot(patterns.parent[p]) + 1];
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    child_.resize(n);
    std::vector<Index> next(first_.begin(), first_.end() - 1);
    for (std::size_t p = 0; p < n; ++p) child_[next[slot(patterns.parent[p])]++] = static_cast<Index>(p);
  }

  /// The child of `pattern` (or of the root) that ends in `item`, or no_parent.
  [[nodiscard]] Index child(Index pattern, std::uint32_t item) const {
    const auto begin = child_.begin() + first_[slot(pattern)];
    const auto end = child_.begin() + first_[slot(pattern) + 1];
    const auto found = std::lower_bound(begin, end, item,
                                        [&](Index c, std::uint32_t wanted) { return patterns_.item[c] < wanted; });
    return found != end && patterns_.item[*found] == item ? *found : FrequentPatterns::no_parent;
  }

 private:
  // The root's children come first, then those of pattern 0, 1, ...
  [[nodiscard]] static std::size_t slot(Index pattern) {
    return pattern == FrequentPatterns::no_parent ? 0 : std::size_t{pattern} + 1;
  }
  const FrequentPatterns& patterns_;
  std::vector<Index> first_, child_;
};

/// Marks what is one step short of a pattern of the same support. O(sum of squared lengths x log children).
bool mark_one_step_shorter(const FrequentPatterns& patterns, std::vector<std::uint8_t>& closed, const StopToken& stop) {
  const Tree tree(patterns);
  std::vector<std::uint32_t> items;
  std::vector<Index> prefix;
  std::int64_t steps = 0;
  for (Index p = 0; p < patterns.item.size(); ++p) {
    items_of(patterns, p, items);
    // Without its last step it is its own prefix; the others are walked from the prefix before the dropped step.
    prefix.assign(1, FrequentPatterns::no_parent);
    for (const std::uint32_t item : items) prefix.push_back(tree.child(prefix.back(), item));
    for (std::size_t dropped = 0; dropped < items.size() && items.size() > 1; ++dropped) {
      Index at = prefix[dropped];
      for (std::size_t i = dropped + 1; i < items.size(); ++i) {
        at = tree.child(at, items[i]);
        ++steps;
        if (at == FrequentPatterns::no_parent) break;
      }
      if (at != FrequentPatterns::no_parent && patterns.support[at] == patterns.support[p]) closed[at] = 0;
    }
    if (steps >= tuning::poll_steps) {
      if (stop.stop_requested()) return false;
      steps = 0;
    }
  }
  return true;
}

/// A set of a pattern's items, folded to one word: a pattern inside another has no flag that the other lacks.
std::uint64_t fold(const std::vector<std::uint32_t>& items) {
  std::uint64_t flags = 0;
  for (const std::uint32_t item : items) flags |= std::uint64_t{1} << (item * 0x9E37'79B1U >> 26);
  return flags;
}

bool contains(const std::uint32_t* longer, std::size_t n, const std::vector<std::uint32_t>& shorter) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < n && found < shorter.size() && n - i >= shorter.size() - found; ++i) {
    if (longer[i] == shorter[found]) ++found;
  }
  return found == shorter.size();
}

/// Compares patterns of equal support, longest first, with the closed ones found so far: containment is
/// transitive, so nothing else needs to be looked at. Closed patterns are listed by the items that they have.
bool compare_equals(const FrequentPatterns& patterns, std::vector<std::uint8_t>& closed, const StopToken& stop) {
  std::vector<Index> order(patterns.item.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    if (patterns.support[a] != patterns.support[b]) return patterns.support[a] < patterns.support[b];
    if (patterns.length[a] != patterns.length[b]) return patterns.length[a] > patterns.length[b];
    return a < b;
  });
  struct Kept {
    std::size_t begin, n;
    std::uint64_t flags;
  };
  std::vector<Kept> kept;
  std::vector<std::uint32_t> kept_items, items;
  std::vector<std::vector<std::uint32_t>> having;  // per item: kept patterns with it, longest first
  std::vector<std::uint32_t> used;
  std::int64_t steps = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Index p = order[i];
    if (i > 0 && patterns.support[order[i - 1]] != patterns.support[p]) {
      for (const std::uint32_t item : used) having[item].clear();
      used.clear();
      kept.clear();
      kept_items.clear();
    }
    items_of(patterns, p, items);
    const std::uint64_t flags = fold(items);
    if (closed[p] != 0) {
      std::uint32_t rarest = items[0];
      for (const std::uint32_t item : items) {
        if (item >= having.size()) having.resize(item + std::size_t{1});
        if (having[item].size() < having[rarest].size()) rarest = item;
      }
      for (const std::uint32_t k : having[rarest]) {
        ++steps;
        if (kept[k].n <= items.size()) break;
        if ((flags & ~kept[k].flags) != 0 || !contains(kept_items.data() + kept[k].begin, kept[k].n, items)) continue;
        closed[p] = 0;
        break;
      }
    }
    if (closed[p] != 0) {
      const auto number = static_cast<std::uint32_t>(kept.size());
      kept.push_back({kept_items.size(), items.size(), flags});
      kept_items.insert(kept_items.end(), items.begin(), items.end());
      std::sort(items.begin(), items.end());
      items.erase(std::unique(items.begin(), items.end()), items.end());
      for (const std::uint32_t item : items) {
        if (having[item].empty()) used.push_back(item);
        having[item].push_back(number);
      }
    }
    if (steps >= tuning::poll_steps) {
      if (stop.stop_requested()) return false;
      steps = 0;
    }
  }
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> closed_patterns(const FrequentPatterns& patterns, bool plain, const StopToken& stop) {
  std::vector<std::uint8_t> closed(patterns.item.size(), 1);
  if (!mark_one_step_shorter(patterns, closed, stop) || (!plain && !compare_equals(patterns, closed, stop))) {
    return Status{Code::cancelled, "cancelled"};
  }
  return closed;
}

}  // namespace seqmine::mining
