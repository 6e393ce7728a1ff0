// What a search may take of the memory, and a worker's share of it: vectors and a stack of chunks that ask first.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "seqmine/status.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::search {

/// What one call may take in all; shared by its workers. `limit` 0 means no limit of its own.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::int64_t limit) noexcept : limit_(limit) {}
  /// False, and nothing taken, when the limit would be passed. Does not throw.
  [[nodiscard]] bool take(std::int64_t bytes) noexcept {
    const std::int64_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
    if (limit_ == 0 || before + bytes <= limit_) return true;
    used_.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  void give(std::int64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> used_{0};
  std::int64_t limit_;
};

/// The failure of a call whose events alone are larger than its budget.
[[nodiscard]] inline Status too_large(std::int64_t bytes, std::int64_t max_memory) {
  return {Code::out_of_memory, "the events to mine take " + std::to_string(bytes) +
                                   " bytes, more than max_memory = " + std::to_string(max_memory)};
}

/// A vector that asks the budget before it grows; keeps its capacity when cleared. Not thread-safe.
template <class T>
class Scratch {
 public:
  explicit Scratch(MemoryBudget& budget) noexcept : budget_(&budget) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { budget_->give(static_cast<std::int64_t>(capacity_ * sizeof(T))); }

  /// Room for `n` elements, the first `size()` of which are kept. False when the budget is used up; may throw
  /// std::bad_alloc.
  [[nodiscard]] bool reserve(std::size_t n) {
    if (n <= capacity_) return true;
    const std::size_t wanted = n + n / 2;
    if (!budget_->take(static_cast<std::int64_t>((wanted - capacity_) * sizeof(T)))) return false;
    std::unique_ptr<T[]> larger;
    try {
      larger = std::make_unique_for_overwrite<T[]>(wanted);
    } catch (...) {
      budget_->give(static_cast<std::int64_t>((wanted - capacity_) * sizeof(T)));
      throw;
    }
    for (std::size_t i = 0; i < size_; ++i) larger[i] = data_[i];
    data_ = std::move(larger);
    capacity_ = wanted;
    return true;
  }
  void push_unchecked(const T& value) noexcept { data_[size_++] = value; }
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] T* data() noexcept { return data_.get(); }
  T& operator[](std::size_t i) noexcept { return data_[i]; }

 private:
  MemoryBudget* budget_;
  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0, capacity_ = 0;
};

/// Blocks are taken in stack order and given back by returning to a mark; chunks are kept for the next descent.
class Arena {
 public:
  struct Mark {
    std::size_t chunk = 0, used = 0;
  };
  explicit Arena(MemoryBudget& budget) noexcept : budget_(&budget) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { drop_from(0); }

  [[nodiscard]] Mark mark() const noexcept { return {current_, used_}; }
  void release(Mark mark) noexcept {
    current_ = mark.chunk;
    used_ = mark.used;
  }

  /// nullptr when the budget is used up; may throw std::bad_alloc. Uninitialised; T is trivial.
  template <class T>
  [[nodiscard]] T* take(std::size_t n) {
    const std::size_t bytes = (n * sizeof(T) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) *
                              alignof(std::max_align_t);
    if (current_ < chunks_.size() && chunks_[current_].size - used_ < bytes) {
      if (used_ != 0) ++current_;
      used_ = 0;
      // Nothing lives in this chunk and those after it: one that fits comes next, and where none does, they go.
      const auto next = chunks_.begin() + static_cast<std::ptrdiff_t>(current_);
      const auto fitting = std::find_if(next, chunks_.end(), [bytes](const Chunk& c) { return c.size >= bytes; });
      if (fitting == chunks_.end()) {
        drop_from(current_);
      } else {
        std::iter_swap(next, fitting);
      }
    }
    if (current_ == chunks_.size()) {
      const std::size_t size = bytes > tuning::arena_chunk ? bytes : tuning::arena_chunk;
      if (!budget_->take(static_cast<std::int64_t>(size))) return nullptr;
      try {
        chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
      } catch (...) {
        budget_->give(static_cast<std::int64_t>(size));
        throw;
      }
      used_ = 0;
    }
    std::byte* block = chunks_[current_].bytes.get() + used_;
    used_ += bytes;
    return reinterpret_cast<T*>(block);
  }

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size;
  };

  void drop_from(std::size_t first) noexcept {
    for (std::size_t i = first; i < chunks_.size(); ++i) budget_->give(static_cast<std::int64_t>(chunks_[i].size));
    chunks_.resize(first);
  }

  MemoryBudget* budget_;
  std::vector<Chunk> chunks_;
  std::size_t current_ = 0, used_ = 0;
};

}  // namespace seqmine::search
