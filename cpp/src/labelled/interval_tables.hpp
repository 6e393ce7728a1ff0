// Interval tables by item, for prefixes whose rows have more masks than are worth keeping.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "labelled/gap_grid.hpp"
#include "labelled/space.hpp"
#include "search/memory.hpp"

namespace seqmine::labelled {

/// One worker's tables. Room is taken from the budget and kept from one prefix to the next.
class IntervalTables {
 public:
  IntervalTables(const Space& space, search::MemoryBudget& budget);
  IntervalTables(const IntervalTables&) = delete;
  IntervalTables& operator=(const IntervalTables&) = delete;
  ~IntervalTables();

  [[nodiscard]] bool empty() const noexcept { return n_used_ == 0; }
  /// Bytes of the tables of so many items.
  [[nodiscard]] std::size_t bytes(std::size_t n_items) const noexcept { return n_items * bytes_each_; }
  /// Adds a mask to its item's table. False when the budget is used up.
  [[nodiscard]] bool add(const MaskRecord& record);
  /// The table of an item that has had a mask since the last clear().
  [[nodiscard]] IntervalSearch& of(std::uint32_t item) noexcept { return *tables_[table_of_[item]]; }
  void clear() noexcept;

 private:
  const Space& space_;
  search::MemoryBudget& budget_;
  std::size_t bytes_each_, n_used_ = 0;
  std::vector<std::unique_ptr<IntervalSearch>> tables_;  // the first n_used_ are in use
  std::vector<std::uint32_t> items_;                     // of those
  std::vector<std::uint32_t> table_of_;  // by item; nobody without one
};

}  // namespace seqmine::labelled
