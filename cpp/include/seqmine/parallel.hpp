// Threads of one call: started by it, joined before it returns; no static pool, no globals.
#pragma once

#include <cstdint>
#include <functional>

#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// The number of threads a request means: 0 = all the hardware has, otherwise the request itself (>= 1), up to
/// tuning::max_threads.
[[nodiscard]] int resolve_threads(int requested) noexcept;

/// Calls `work(unit, worker)` once for every unit in [0, n_units), on at most `threads` threads
/// (worker in [0, threads)). Units are handed out in ascending order, one at a time. The first failing
/// Status (of the lowest-numbered unit that failed) is returned and stops the handing out; a
/// std::bad_alloc becomes out_of_memory, any other exception internal. `stop` is polled before each unit
/// and gives Code::cancelled. Which worker runs a unit is not deterministic: write results by unit.
[[nodiscard]] Status parallel_for(std::int64_t n_units, int threads, const StopToken& stop,
                                  const std::function<Status(std::int64_t unit, int worker)>& work);

}  // namespace seqmine
