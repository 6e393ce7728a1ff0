// Why and when the workers of one search end before their work does.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "seqmine/stop.hpp"

namespace seqmine::search {

using Clock = std::chrono::steady_clock;

/// `cancelled` throws the result away; the others cut subtrees, and a search says what it keeps of what it found.
enum class Halt : int { none, cancelled, seconds, memory, work };

/// Shared by the workers of one call. Thread-safe, lock-free; the first reason stays.
class HaltState {
 public:
  HaltState(const StopToken& stop, std::optional<Clock::time_point> deadline) noexcept
      : stop_(&stop), deadline_(deadline) {}
  /// True when the work must end. Looks at the token and the clock.
  [[nodiscard]] bool poll() noexcept {
    if (stop_->stop_requested()) raise(Halt::cancelled);
    if (deadline_ && Clock::now() >= *deadline_) raise(Halt::seconds);
    return halted();
  }
  [[nodiscard]] bool halted() const noexcept { return state() != Halt::none; }
  [[nodiscard]] Halt state() const noexcept { return state_.load(std::memory_order_relaxed); }
  void raise(Halt halt) noexcept {
    Halt expected = Halt::none;
    state_.compare_exchange_strong(expected, halt, std::memory_order_relaxed);
  }
  /// Memory ran out in one subtree: that subtree is cut, the search goes on.
  void cut() noexcept { cut_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool was_cut() const noexcept { return cut_.load(std::memory_order_relaxed); }

 private:
  const StopToken* stop_;
  std::optional<Clock::time_point> deadline_;
  std::atomic<Halt> state_{Halt::none};
  std::atomic<bool> cut_{false};
};

/// The moment at which a budget that starts now is used up; none when it is 0, which means unlimited.
[[nodiscard]] inline std::optional<Clock::time_point> deadline_after(Clock::time_point begin, double seconds) {
  constexpr double as_good_as_forever = 1e9;
  if (seconds <= 0.0 || seconds >= as_good_as_forever) return std::nullopt;
  return begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace seqmine::search
