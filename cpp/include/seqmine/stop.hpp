// Cooperative cancellation without any Python in it: the signal glue sits in bindings/.
#pragma once

#include <atomic>
#include <cstdint>

#include "seqmine/tuning.hpp"

namespace seqmine {

/// Shared by reference between the caller and the workers of one call. Thread-safe, lock-free.
/// Every long loop of the core polls it at least every 65,536 inner steps (tuning::poll_steps).
class StopToken {
 public:
  void request_stop() noexcept { stop_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool stop_requested() const noexcept { return stop_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
};

/// Counts one worker's inner steps over many short pieces of work, and looks at the token when enough have come
/// together: a unit of a thousand rows is polled as often as one long row. Not thread-safe.
class Poll {
 public:
  explicit Poll(const StopToken& stop) noexcept : stop_(&stop) {}
  /// True when the work must end.
  [[nodiscard]] bool spend(std::int64_t steps) noexcept {
    left_ -= steps;
    if (left_ > 0) return false;
    left_ = tuning::poll_steps;
    return stop_->stop_requested();
  }

 private:
  const StopToken* stop_;
  std::int64_t left_ = tuning::poll_steps;
};

}  // namespace seqmine
