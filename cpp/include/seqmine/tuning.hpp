// Every tuning constant of the core, with its reason.
#pragma once

#include <cstdint>

namespace seqmine::tuning {

/// Inner steps between two looks at the StopToken. At 1-5 ns a step this is below 0.4 ms.
inline constexpr std::int64_t poll_steps = 65'536;

/// Rows handed to a worker at a time by the row-parallel kernels (matching, labels). Fixed, so that
/// work units, and with them the order of results, never depend on the number of threads.
inline constexpr std::int64_t rows_per_unit = 1'024;

}  // namespace seqmine::tuning
