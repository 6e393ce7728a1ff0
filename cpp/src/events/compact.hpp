// Taking rows out of a sorted log, and names out of its dictionaries.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// Removes the rows `drops` (ascending) from every column and from the offsets. O(rows).
[[nodiscard]] Status drop_rows(IngestedLog& log, const std::vector<std::int64_t>& drops, const StopToken& stop);

/// The names whose flag is set, in the same order.
[[nodiscard]] Names select_names(const Names& names, const std::vector<bool>& keep);

/// Removes entities without rows from the offsets and the names.
void drop_empty_entities(IngestedLog& log);

/// Renumbers the event codes so that only names in use remain, and narrows the column when they fit.
void drop_unused_types(IngestedLog& log);

/// The same for one string attribute.
void drop_unused_strings(Column<std::int32_t>& codes, Names& names);

}  // namespace seqmine::detail
