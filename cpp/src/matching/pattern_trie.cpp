#include "pattern_trie.hpp"

#include <algorithm>

#include "seqmine/tuning.hpp"

namespace seqmine::matching {

namespace {

bool same(const Condition& a, const Condition& b) noexcept {
  return a.field == b.field && a.attribute == b.attribute && a.comparison == b.comparison && a.operand == b.operand &&
         a.allowed == b.allowed;
}

bool same(const Predicate& a, const Predicate& b) noexcept {
  return a.types == b.types && std::equal(a.conditions.begin(), a.conditions.end(), b.conditions.begin(),
                                          b.conditions.end(), [](const Condition& x, const Condition& y) {
                                            return same(x, y);
                                          });
}

}  // namespace

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
      wanted.predicate = intern(pattern.predicates[static_cast<std::size_t>(step.predicate)]);
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
          {intern(pattern.predicates[static_cast<std::size_t>(absence.predicate)]), absence.within});
      leaf.longest_absence = std::max(leaf.longest_absence, absence.within);
    }
    nodes_[at].leaves.push_back(std::move(leaf));
  }
  type_offsets_.assign(static_cast<std::size_t>(log.n_types) + 1, 0);
  for (std::size_t type = 0; type + 1 < type_offsets_.size(); ++type) {
    for (std::size_t p = 0; p < predicates_.size(); ++p) {
      if (predicates_[p]->types[type] == 0 || (!excluded.empty() && excluded[type] != 0)) continue;
      by_type_.push_back(static_cast<std::int32_t>(p));
    }
    type_offsets_[type + 1] = by_type_.size();
  }
}

std::int32_t PatternTrie::intern(const Predicate& predicate) {
  const auto known = std::find_if(predicates_.begin(), predicates_.end(),
                                  [&](const Predicate* other) { return same(*other, predicate); });
  if (known == predicates_.end()) {
    predicates_.push_back(&predicate);
    return static_cast<std::int32_t>(predicates_.size() - 1);
  }
  return static_cast<std::int32_t>(known - predicates_.begin());
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
    : log_(log), trie_(trie), rows_(rows), poll_(stop), with_clock_(with_clock), times_(trie.n_predicates()) {}

bool TrieMatcher::collect(std::int64_t row) {
  const auto [begin, end] = visible_events(log_, rows_, row);
  for (std::int64_t i = begin; i < end; ++i) {
    if (poll_.spend(1)) return false;
    for (const std::int32_t p : trie_.of_type(log_.code[i])) {
      auto& times = times_[static_cast<std::size_t>(p)];
      if (!times.empty() && times.back() == log_.time[i]) continue;
      if (!satisfies_conditions(log_, trie_.predicate(p), i)) continue;
      if (times.empty()) touched_.push_back(p);
      times.push_back(log_.time[i]);
    }
  }
  return true;
}

std::uint32_t TrieMatcher::clock_of(std::int64_t time) const noexcept {
  const LocalClock clock = local_clock(log_.zone, time);
  return std::uint32_t{1} << clock.hour | std::uint32_t{1} << (24 + clock.weekday);
}

}  // namespace seqmine::matching
