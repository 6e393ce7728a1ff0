// Which patterns have no super-sequence of the same support.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/frequent.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::mining {

/// One flag per pattern. `plain`: no gap or span limits, so that a super-sequence of equal support implies one
/// that is a single step longer, and only those are looked for.
[[nodiscard]] Result<std::vector<std::uint8_t>> closed_patterns(const FrequentPatterns& patterns, bool plain,
                                                                const StopToken& stop);

}  // namespace seqmine::mining
