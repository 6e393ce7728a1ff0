// A deadline for work that knows stop tokens only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "search/halt.hpp"
#include "seqmine/stop.hpp"

namespace seqmine::search {

/// Lets one token end on the caller's token or on a deadline, for work that knows tokens only. Joins its thread
/// when it goes out of scope.
class Watch {
 public:
  Watch(const StopToken& caller, Clock::time_point deadline)
      : thread_([this, &caller, deadline] {
          std::unique_lock lock(mutex_);
          while (!done_) {
            if (caller.stop_requested() || Clock::now() >= deadline) {
              token_.request_stop();
              return;
            }
            changed_.wait_for(lock, std::chrono::milliseconds(10));
          }
        }) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  [[nodiscard]] const StopToken& token() const noexcept { return token_; }

 private:
  StopToken token_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace seqmine::search
