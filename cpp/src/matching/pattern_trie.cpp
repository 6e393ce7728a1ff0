#include "pattern_trie.hpp"

#include <algorithm>

#include "seqmine/tuning.hpp"

namespace seqmine::matching {

bool fits_trie(const Pattern& pattern) noexcept {
  if (pattern.anchored) return false;
  const auto types = [&](std::size_t step) -> const std::vector<std::uint8_t>& {
    return pattern.predicates[static_cast<std::size_t>(pattern.steps[step].predicate)].types;
  };
  std::size_t run = 0;  // where the steps that may be simultaneous with this one begin
  for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
    if (pattern.steps[s].guard >= 0) return false;
    if (s == 0 || pattern.steps[s].lo != 0) {
      run = s;
      continue;
    }
    // No event may be two steps of one match: of different types none can be.
    for (std::size_t before = run; before < s; ++before) {
      for (std::size_t type = 0; type < types(s).size(); ++type) {
        if (types(s)[type] != 0 && types(before)[type] != 0) return false;
      }
    }
  }
  return true;
}

bool PatternTrie::Node::first_only(bool with_clock) const noexcept {
  return !with_clock && children.empty() &&
         std::all_of(leaves.begin(), leaves.end(), [](const Leaf& leaf) { return leaf.absences.empty(); });
}

PatternTrie::PatternTrie(const LogView& log, std::span<const Pattern* const> patterns,
                         std::span<const std::uint8_t> excluded) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i] == nullptr) continue;
    const Pattern& pattern = *patterns[i];
    std::size_t at = 0;
    for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
      const Step& step = pattern.steps[s];
      Node wanted;
      wanted.predicate = predicates_.intern(pattern.predicates[static_cast<std::size_t>(step.predicate)]);
      wanted.span = pattern.span;
      if (s > 0) {
        wanted.lo = step.lo;
        wanted.hi = step.hi;
      }
      if (s == 0) {
        at = child(roots_, wanted);
      } else {
        // Not a reference into nodes_: making the child may move them.
        std::vector<std::size_t> children = nodes_[at].children;
        const std::size_t next = child(children, wanted);
        nodes_[at].children = std::move(children);
        at = next;
      }
    }
    Leaf leaf{i, {}, 0};
    for (const Absence& absence : pattern.absences) {
      leaf.absences.push_back(
          {predicates_.intern(pattern.predicates[static_cast<std::size_t>(absence.predicate)]), absence.within});
      leaf.longest_absence = std::max(leaf.longest_absence, absence.within);
    }
    nodes_[at].leaves.push_back(std::move(leaf));
  }
  predicates_.index_types(log, excluded);
}

std::size_t PatternTrie::child(std::vector<std::size_t>& among, const Node& wanted) {
  for (const std::size_t i : among) {
    const Node& node = nodes_[i];
    if (node.predicate == wanted.predicate && node.lo == wanted.lo && node.hi == wanted.hi &&
        node.span == wanted.span) {
      return i;
    }
  }
  nodes_.push_back(wanted);
  among.push_back(nodes_.size() - 1);
  return nodes_.size() - 1;
}

TrieMatcher::TrieMatcher(const LogView& log, const PatternTrie& trie, const RowsView& rows, const StopToken& stop,
                         bool with_clock)
    : log_(log), trie_(trie), rows_(rows), poll_(stop), with_clock_(with_clock), times_(log, trie.predicates(), rows) {}

std::uint32_t TrieMatcher::clock_of(std::int64_t time) const noexcept {
  const LocalClock clock = local_clock(log_.zone, time);
  return std::uint32_t{1} << clock.hour | std::uint32_t{1} << (24 + clock.weekday);
}

}  // namespace seqmine::matching
