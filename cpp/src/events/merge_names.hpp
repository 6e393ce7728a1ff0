// The union of two sorted lists of names.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::detail {

struct NameUnion {
  Names names;
  std::vector<std::int64_t> place;     // by added name: how many of the base's names come before it
  std::vector<std::uint8_t> is_known;  // by added name: whether the base has it, at that place
};

/// Both are plain text columns without nulls, distinct and in byte order. O(base names + added x log base).
/// invalid_argument: offsets that point outside of the text; cancelled.
[[nodiscard]] Result<NameUnion> unite_names(const TextView& base, const TextView& added, const StopToken& stop);

/// The new number of each name of the base, or of those added. Empty: they keep their numbers.
[[nodiscard]] std::vector<std::uint32_t> base_numbers(const NameUnion& merged, std::int64_t n_base);
[[nodiscard]] std::vector<std::uint32_t> added_numbers(const NameUnion& merged);

}  // namespace seqmine::detail
