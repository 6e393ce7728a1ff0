// Workers that search subtrees of one pattern tree, and what they found, put back in one order.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "search/halt.hpp"
#include "search/memory.hpp"
#include "search/work_board.hpp"
#include "seqmine/frequent.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::mining {

/// One line of a subtree's output, in depth-first order: a pattern (its last item and depth >= 1), or, with
/// depth 0, the place where the output of subtree `item` belongs, which some other worker searched.
struct Emitted {
  std::uint32_t item, support, depth;
};

class Worker;

/// A part of the search that any worker can do. It owns all that it reads, save what outlives the search.
class Subtree {
 public:
  Subtree() = default;
  Subtree(const Subtree&) = delete;
  Subtree& operator=(const Subtree&) = delete;
  virtual ~Subtree() = default;
  virtual void search(Worker& worker) = 0;
  std::uint32_t output = 0;  // where its patterns go; set by SubtreePool::add
};

/// Raises the support that a pattern must have once `max_patterns` better ones are known. Thread-safe.
class SupportFloor {
 public:
  SupportFloor(std::int64_t min_support, std::int64_t max_patterns, std::int64_t n_rows);
  [[nodiscard]] std::uint32_t get() const noexcept { return floor_.load(std::memory_order_relaxed); }
  void note(std::uint32_t support);
  [[nodiscard]] bool limited() const noexcept { return max_patterns_ > 0; }

 private:
  std::atomic<std::uint32_t> floor_;
  std::int64_t max_patterns_;
  std::mutex mutex_;
  std::int64_t n_above_ = 0;              // patterns found with support >= floor
  std::vector<std::uint32_t> with_;       // patterns found per support
};

/// What the workers of one search share: the tasks, the budgets, and one output per subtree.
class SubtreePool {
 public:
  SubtreePool(const FrequentOptions& options, std::int64_t n_rows, const StopToken& stop);

  /// Queues a subtree; returns the number of its output.
  std::uint32_t add(int worker, std::unique_ptr<Subtree> subtree);
  /// Searches everything queued until nothing is left, or until a budget or the stop token ends it.
  [[nodiscard]] Status run();

  [[nodiscard]] bool hungry() const noexcept { return board_.hungry(); }
  [[nodiscard]] bool ended() const noexcept { return halt_.halted(); }
  /// Looks at the stop token, the clock and the memory; ended() from now on when one of them is used up.
  void check() noexcept;

  SupportFloor floor;
  FrequentOptions options;
  search::MemoryBudget memory{0};  // counts what is taken; `check` holds it against options.max_memory
  std::atomic<std::int64_t> n_nodes{0};

  /// All outputs in depth-first order of the whole tree, as the columns of a result.
  void gather(FrequentPatterns& patterns);
  [[nodiscard]] const char* truncated_by() const noexcept;

 private:
  [[nodiscard]] std::vector<Emitted>& output(std::uint32_t number);

  search::HaltState halt_;
  search::WorkBoard<std::unique_ptr<Subtree>> board_;
  std::mutex mutex_;
  std::deque<std::vector<Emitted>> outputs_;  // a deque: references stay good while it grows
};

/// What one thread keeps between subtrees.
class Worker {
 public:
  Worker(SubtreePool& shared, int number) : pool(shared), arena(shared.memory), number_(number) {}

  /// Counts work done; true when the search is over.
  bool spend(std::int64_t steps) {
    steps_ += steps;
    if (steps_ >= tuning::poll_steps) poll();
    return pool.ended();
  }
  void emit(std::uint32_t item, std::uint32_t support, std::uint32_t depth) {
    found->push_back({item, support, depth});
    if (pool.floor.limited()) pool.floor.note(support);
  }
  /// Hands a subtree to whoever waits; its patterns will stand here in the output.
  void hand_over(std::unique_ptr<Subtree> subtree) {
    found->push_back({pool.add(number_, std::move(subtree)), 0, 0});
  }

  SubtreePool& pool;
  search::Arena arena;
  std::vector<Emitted>* found = nullptr;
  std::int64_t n_nodes = 0;
  std::size_t other_bytes = 0;  // what the worker's scratch holds beside the arena and the output
  /// Scratch of the search strategies, made by them on first use.
  std::shared_ptr<void> scan_scratch, suffix_scratch;

 private:
  void poll();
  int number_;
  std::int64_t steps_ = 0, told_bytes_ = 0;
};

}  // namespace seqmine::mining
