// When the events of one row happen, by predicate: what matchers of many patterns read instead of the log.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "seqmine/log_view.hpp"
#include "seqmine/pattern.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::matching {

/// The distinct predicates of many patterns, and which of them the events of a type may satisfy. Points into the
/// patterns; immutable once they are all in, then shared.
class PredicateTable {
 public:
  /// The number of a predicate; equal ones have one number.
  [[nodiscard]] std::int32_t intern(const Predicate& predicate);
  /// To be called once all are in.
  void index_types(const LogView& log, std::span<const std::uint8_t> excluded);

  [[nodiscard]] std::size_t size() const noexcept { return predicates_.size(); }
  [[nodiscard]] const Predicate& operator[](std::int32_t p) const noexcept {
    return *predicates_[static_cast<std::size_t>(p)];
  }
  /// The predicates whose type test a type passes; none for excluded types.
  [[nodiscard]] std::span<const std::int32_t> of_type(std::uint32_t type) const noexcept {
    return {by_type_.data() + type_offsets_[type], by_type_.data() + type_offsets_[type + 1]};
  }

 private:
  std::vector<const Predicate*> predicates_;
  std::vector<std::int32_t> by_type_;
  std::vector<std::size_t> type_offsets_;
};

/// The times of one row at a time. Not thread-safe; scratch is kept between rows.
class RowTimes {
 public:
  RowTimes(const LogView& log, const PredicateTable& predicates, const RowsView& rows)
      : log_(log), predicates_(predicates), rows_(rows), times_(predicates.size()) {}

  /// Reads a row. False when the stop token was set half-way.
  [[nodiscard]] bool collect(std::int64_t row, Poll& poll);
  /// Whether the row has any event that counts.
  [[nodiscard]] bool empty() const noexcept { return touched_.empty(); }
  /// Distinct times of a predicate's events, ascending.
  [[nodiscard]] const std::vector<std::int64_t>& operator[](std::int32_t p) const noexcept {
    return times_[static_cast<std::size_t>(p)];
  }

 private:
  const LogView& log_;
  const PredicateTable& predicates_;
  const RowsView& rows_;
  std::vector<std::vector<std::int64_t>> times_;
  std::vector<std::int32_t> touched_;
};

}  // namespace seqmine::matching
