// Taking rows out of a sorted log, and names out of its dictionaries.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// Removes the rows `drops` (ascending) from every column and from the offsets. O(rows).
[[nodiscard]] Status drop_rows(IngestedLog& log, const std::vector<std::int64_t>& drops, const StopToken& stop);

/// Removes entities without rows from the offsets and from `names`, which is parallel to them.
void drop_empty_entities(IngestedLog& log, std::vector<std::string_view>& names);

/// Renumbers the event codes so that only names in use remain, and narrows the column when they fit.
void drop_unused_types(IngestedLog& log, std::vector<std::string_view>& names);

/// The same for one string attribute.
void drop_unused_strings(Column<std::int32_t>& codes, std::vector<std::string_view>& names);

}  // namespace seqmine::detail
