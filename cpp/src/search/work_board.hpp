// Work stealing: tasks that leave further tasks, on the threads of one call.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "search/halt.hpp"
#include "seqmine/parallel.hpp"

namespace seqmine::search {

/// Tasks waiting for a worker, who takes its own newest first, and of others their oldest (largest).
template <class Task>
class WorkBoard {
 public:
  explicit WorkBoard(int n_workers) : queues_(static_cast<std::size_t>(n_workers)) {}

  [[nodiscard]] int n_workers() const noexcept { return static_cast<int>(queues_.size()); }

  void put(int worker, Task&& task) {
    {
      const std::lock_guard lock(mutex_);
      queues_[static_cast<std::size_t>(worker)].push_back(std::move(task));
      ++open_;
      waiting_tasks_.fetch_add(1, std::memory_order_relaxed);
    }
    changed_.notify_one();
  }

  /// Whether a worker waits for work, so that the busy ones give some of theirs away. One look without a lock.
  [[nodiscard]] bool hungry() const noexcept {
    return idle_.load(std::memory_order_relaxed) > waiting_tasks_.load(std::memory_order_relaxed);
  }

  /// Calls `work(task, worker)` for every task put before or meanwhile, until none is left. A halted search is for
  /// `work` to notice: the tasks left are still taken. One that throws halts the others; the first failure is returned.
  template <class Work>
  [[nodiscard]] Status run(HaltState& halt, const Work& work) {
    const StopToken never;  // `halt` has the caller's token
    // One unit per worker; each works until nothing is left, so a unit that starts late finds nothing to do.
    return parallel_for(n_workers(), n_workers(), never, [&](std::int64_t, int worker) -> Status {
      Task task;
      while (take(worker, task)) {
        // Whatever happens to this task, the others wait for it to be counted as done.
        const struct Done {
          WorkBoard& board;
          ~Done() { board.done(); }
        } done{*this};
        try {
          work(task, worker);
        } catch (...) {
          halt.raise(Halt::cancelled);
          throw;
        }
        task = {};
      }
      return {};
    });
  }

 private:
  /// False when nothing is left and nobody works on anything that could leave more.
  bool take(int worker, Task& task) {
    std::unique_lock lock(mutex_);
    while (true) {
      auto& own = queues_[static_cast<std::size_t>(worker)];
      if (!own.empty()) {
        task = std::move(own.back());
        own.pop_back();
        waiting_tasks_.fetch_sub(1, std::memory_order_relaxed);
        return true;
      }
      for (std::size_t step = 1; step < queues_.size(); ++step) {
        auto& victim = queues_[(static_cast<std::size_t>(worker) + step) % queues_.size()];
        if (victim.empty()) continue;
        task = std::move(victim.front());
        victim.pop_front();
        waiting_tasks_.fetch_sub(1, std::memory_order_relaxed);
        return true;
      }
      if (open_ == 0) return false;
      idle_.fetch_add(1, std::memory_order_relaxed);
      changed_.wait(lock);
      idle_.fetch_sub(1, std::memory_order_relaxed);
    }
  }

  void done() {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      last = --open_ == 0;
    }
    if (last) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<Task>> queues_;
  std::int64_t open_ = 0;  // waiting or being worked on
  std::atomic<int> idle_{0}, waiting_tasks_{0};
};

}  // namespace seqmine::search
