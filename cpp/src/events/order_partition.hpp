// Puts the rows of one range of entities in order.
#pragma once

#include <cstdint>
#include <vector>

#include "events/staging.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// Rows of entities [first_entity, first_entity + n_entities), in order of arrival, with their extra columns.
struct Partition {
  StagedRow* rows = nullptr;
  std::int64_t n = 0;
  std::int64_t first_row = 0;  // where they go in the log
  std::int64_t first_entity = 0;
  std::int64_t n_entities = 0;
  std::vector<const std::uint64_t*> wide;
  std::vector<const std::uint32_t*> narrow;
  bool in_place = false;  // the rows are too many for a copy (only without extra columns)
};

/// The columns of the log. Pointers are null where the log has no such column.
struct LogColumns {
  std::int64_t* entity_offsets = nullptr;
  std::int64_t* time = nullptr;
  std::uint16_t* code16 = nullptr;
  std::uint32_t* code32 = nullptr;
  std::vector<double*> wide;
  std::vector<std::int32_t*> strings;
  std::uint32_t* event_id = nullptr;  // 0 = null; the ids in any numbering
};

/// One row while an entity is sorted; `index` finds its extra columns.
struct SortItem {
  std::int64_t time;
  std::uint32_t code;
  std::uint32_t index;
};

/// Memory that a worker keeps from partition to partition.
struct PartitionScratch {
  Column<SortItem> items;
  std::vector<std::int64_t> begin;
};

/// Writes the partition's rows to [first_row, first_row + n) of the columns, and entity_offsets[e + 1] for each of its
/// entities. Adds the rows of the log that equal their predecessor in every column, event id included, to
/// `duplicates` when it is given; returns their number.
[[nodiscard]] Result<std::int64_t> order_partition(const Partition& partition, const Shape& shape, int threads,
                                                   const StopToken& stop, const LogColumns& out,
                                                   PartitionScratch& scratch, std::vector<std::int64_t>* duplicates);

}  // namespace seqmine::detail
