#include "row_times.hpp"

#include <algorithm>

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

std::int32_t PredicateTable::intern(const Predicate& predicate) {
  const auto known = std::find_if(predicates_.begin(), predicates_.end(),
                                  [&](const Predicate* other) { return same(*other, predicate); });
  if (known == predicates_.end()) {
    predicates_.push_back(&predicate);
    return static_cast<std::int32_t>(predicates_.size() - 1);
  }
  return static_cast<std::int32_t>(known - predicates_.begin());
}

void PredicateTable::index_types(const LogView& log, std::span<const std::uint8_t> excluded) {
  type_offsets_.assign(static_cast<std::size_t>(log.n_types) + 1, 0);
  by_type_.clear();
  for (std::size_t type = 0; type + 1 < type_offsets_.size(); ++type) {
    for (std::size_t p = 0; p < predicates_.size(); ++p) {
      if (predicates_[p]->types[type] == 0 || (!excluded.empty() && excluded[type] != 0)) continue;
      by_type_.push_back(static_cast<std::int32_t>(p));
    }
    type_offsets_[type + 1] = by_type_.size();
  }
}

bool RowTimes::collect(std::int64_t row, Poll& poll) {
  for (const std::int32_t p : touched_) times_[static_cast<std::size_t>(p)].clear();
  touched_.clear();
  const auto [begin, end] = visible_events(log_, rows_, row);
  for (std::int64_t i = begin; i < end; ++i) {
    if (poll.spend(1)) return false;
    for (const std::int32_t p : predicates_.of_type(log_.code[i])) {
      auto& times = times_[static_cast<std::size_t>(p)];
      if (!times.empty() && times.back() == log_.time[i]) continue;
      if (!satisfies_conditions(log_, predicates_[p], i)) continue;
      if (times.empty()) touched_.push_back(p);
      times.push_back(log_.time[i]);
    }
  }
  return true;
}

}  // namespace seqmine::matching
