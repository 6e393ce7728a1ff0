// Cooperative cancellation without any Python in it: the signal glue sits in bindings/.
#pragma once

#include <atomic>

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

}  // namespace seqmine
