// From staged rows to the sorted columns of the log.
#pragma once

#include <cstdint>
#include <vector>

#include "events/staging.hpp"
#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

/// The code of an event type whose rows are left out.
inline constexpr std::uint32_t excluded_code = 0xFFFF'FFFF;

struct ArrangeInput {
  Shape shape;
  std::vector<Chunk> chunks;                               // consumed
  const std::vector<std::uint32_t>* entity_rank = nullptr;  // by provisional id
  std::int64_t n_entities = 0;                             // ranks
  std::vector<std::uint32_t> code_of;                      // by provisional id; or excluded_code
  std::int64_t n_types = 0;
  std::vector<const std::vector<std::uint32_t>*> string_rank;
  std::int64_t n_event_ids = 0;
  Duplicates duplicates = Duplicates::none;
  int threads = 1;
};

/// Fills every column and count of the log but the names. Entities may be left without rows and dictionaries may hold
/// names that no row uses any more (only when rows were filtered or dropped); the caller removes them.
[[nodiscard]] Result<IngestedLog> arrange(ArrangeInput&& input, const StopToken& stop);

}  // namespace seqmine::detail
