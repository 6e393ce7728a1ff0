#include "labelled/interval_tables.hpp"

#include "search/scan_rows.hpp"

namespace seqmine::labelled {

IntervalTables::IntervalTables(const Space& space, search::MemoryBudget& budget)
    : space_(space), budget_(budget), bytes_each_(IntervalSearch::bytes(space.grid)) {
  if (space.learn) table_of_.assign(static_cast<std::size_t>(space.n_items()), search::nobody);
}

IntervalTables::~IntervalTables() { budget_.give(static_cast<std::int64_t>(bytes(tables_.size()))); }

bool IntervalTables::add(const MaskRecord& record) {
  std::uint32_t& table = table_of_[record.item];
  if (table == search::nobody) {
    if (n_used_ == tables_.size()) {
      if (!budget_.take(static_cast<std::int64_t>(bytes_each_))) return false;
      try {
        tables_.push_back(std::make_unique<IntervalSearch>(space_.grid, space_.scorer, space_.labels.label,
                                                           space_.strata.weight));
        items_.resize(tables_.size());
      } catch (...) {
        budget_.give(static_cast<std::int64_t>(bytes_each_));
        throw;
      }
    }
    items_[n_used_] = record.item;
    table = static_cast<std::uint32_t>(n_used_++);
  }
  tables_[table]->add(record.row, record.mask);
  return true;
}

void IntervalTables::clear() noexcept {
  for (std::size_t i = 0; i < n_used_; ++i) {
    tables_[i]->clear();
    table_of_[items_[i]] = search::nobody;
  }
  n_used_ = 0;
}

}  // namespace seqmine::labelled
