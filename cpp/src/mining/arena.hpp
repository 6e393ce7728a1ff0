// Memory of one worker's search: a bump allocator that is given back last in, first out, with the search's depth.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <vector>

namespace seqmine::mining {

class Arena {
 public:
  struct Mark {
    std::size_t block = 0, used = 0;
  };

  [[nodiscard]] Mark mark() const noexcept { return {block_, used_}; }
  void release(Mark mark) noexcept {
    block_ = mark.block;
    used_ = mark.used;
  }

  /// Uninitialised room for n values; valid until a release to an earlier mark. Throws std::bad_alloc.
  template <class T>
  [[nodiscard]] T* take(std::size_t n) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= alignment);
    const std::size_t size = (n * sizeof(T) + alignment - 1) / alignment * alignment;
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < size) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) {
      const std::size_t room = std::max(size, blocks_.empty() ? first_block : 2 * blocks_.back().size);
      blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(room), room});
      bytes_ += room;
    }
    auto* result = reinterpret_cast<T*>(blocks_[block_].data.get() + used_);
    used_ += size;
    return result;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t alignment = 16;
  static constexpr std::size_t first_block = 1 << 18;
  struct Block {
    std::unique_ptr<std::byte[]> data;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0, bytes_ = 0;
};

}  // namespace seqmine::mining
