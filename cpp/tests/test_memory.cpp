// What a search may take of the memory: the budget, and the stack of chunks that asks it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "search/memory.hpp"
#include "seqmine/tuning.hpp"

using seqmine::search::Arena;
using seqmine::search::MemoryBudget;
using seqmine::search::Scratch;

namespace {

constexpr auto chunk = static_cast<std::int64_t>(seqmine::tuning::arena_chunk);

}  // namespace

TEST_CASE("an arena gives the same memory again after a release") {
  MemoryBudget budget(0);
  {
    Arena arena(budget);
    auto* first = arena.take<std::uint32_t>(5);
    const Arena::Mark mark = arena.mark();
    auto* second = arena.take<std::uint64_t>(3);
    CHECK(reinterpret_cast<std::uintptr_t>(second) % alignof(std::max_align_t) == 0);
    CHECK(reinterpret_cast<std::byte*>(second) >= reinterpret_cast<std::byte*>(first + 5));
    arena.release(mark);
    CHECK(reinterpret_cast<std::byte*>(arena.take<std::byte>(1)) == reinterpret_cast<std::byte*>(second));
    CHECK(budget.used() == chunk);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("an arena gives chunks back that are too small for what comes") {
  MemoryBudget budget(0);
  Arena arena(budget);
  for (std::int64_t n = 2; n <= 64; ++n) {
    const Arena::Mark mark = arena.mark();
    CHECK(arena.take<std::byte>(static_cast<std::size_t>(n * chunk)) != nullptr);
    arena.release(mark);
    CHECK(budget.used() == n * chunk);  // not the sum of all that were ever needed
  }
  CHECK(arena.take<std::byte>(1) != nullptr);
  CHECK(budget.used() == 64 * chunk);
}

TEST_CASE("an arena keeps a chunk that fits, wherever it lies") {
  MemoryBudget budget(0);
  Arena arena(budget);
  CHECK(arena.take<std::byte>(static_cast<std::size_t>(chunk)) != nullptr);
  const Arena::Mark mark = arena.mark();
  auto* small = arena.take<std::byte>(static_cast<std::size_t>(2 * chunk));
  auto* large = arena.take<std::byte>(static_cast<std::size_t>(5 * chunk));
  arena.release(mark);
  const std::int64_t used = budget.used();
  CHECK(arena.take<std::byte>(static_cast<std::size_t>(4 * chunk)) == large);
  CHECK(arena.take<std::byte>(static_cast<std::size_t>(2 * chunk)) == small);
  CHECK(budget.used() == used);
}

TEST_CASE("an arena without budget left gives nothing and keeps what it has") {
  MemoryBudget budget(3 * chunk);
  Arena arena(budget);
  auto* held = arena.take<std::uint32_t>(4);
  REQUIRE(held != nullptr);
  std::fill_n(held, 4, 7U);
  const Arena::Mark mark = arena.mark();
  CHECK(arena.take<std::byte>(static_cast<std::size_t>(3 * chunk)) == nullptr);
  CHECK(budget.used() == chunk);
  arena.release(mark);
  CHECK(arena.take<std::byte>(static_cast<std::size_t>(2 * chunk)) != nullptr);
  CHECK(std::count(held, held + 4, 7U) == 4);
}

TEST_CASE("blocks of an arena never overlap, in whatever order of sizes") {
  struct Block {
    std::uint32_t* data;
    std::size_t n;
    std::uint32_t mark_of;
    Arena::Mark before;
  };
  MemoryBudget budget(0);
  {
    Arena arena(budget);
    std::mt19937 random(11);
    std::vector<Block> blocks;
    std::uint32_t next = 1;
    std::int64_t most_live = 0, live = 0, largest = 0;
    for (int step = 0; step < 20'000; ++step) {
      if (!blocks.empty() && random() % 100 < 32) {
        const std::size_t keep = blocks.size() - 1 - random() % std::min<std::size_t>(blocks.size(), 3);
        for (std::size_t i = keep; i < blocks.size(); ++i) {
          const Block& block = blocks[i];
          CHECK(std::count(block.data, block.data + block.n, block.mark_of) == static_cast<std::ptrdiff_t>(block.n));
          live -= static_cast<std::int64_t>(block.n) * 4;
        }
        arena.release(blocks[keep].before);
        blocks.resize(keep);
        continue;
      }
      const std::size_t n = random() % 50 == 0 ? random() % 200'000 : random() % 3'000;
      const Arena::Mark before = arena.mark();
      auto* data = arena.take<std::uint32_t>(n);
      REQUIRE(data != nullptr);
      std::fill_n(data, n, next);
      blocks.push_back({data, n, next++, before});
      live += static_cast<std::int64_t>(n) * 4;
      most_live = std::max(most_live, live);
      largest = std::max(largest, static_cast<std::int64_t>(n) * 4);
    }
    CHECK(most_live > 8 * chunk);
    CHECK(budget.used() <= 3 * most_live + 2 * largest + chunk);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("a scratch vector keeps its elements and asks before it grows") {
  MemoryBudget budget(4'000);
  {
    Scratch<std::uint64_t> scratch(budget);
    REQUIRE(scratch.reserve(100));
    for (std::uint64_t i = 0; i < 100; ++i) scratch.push_unchecked(i);
    REQUIRE(scratch.reserve(200));
    CHECK(budget.used() == static_cast<std::int64_t>(scratch.capacity() * sizeof(std::uint64_t)));
    CHECK_FALSE(scratch.reserve(1'000));
    CHECK(scratch.size() == 100);
    for (std::uint64_t i = 0; i < 100; ++i) CHECK(scratch[i] == i);
  }
  CHECK(budget.used() == 0);
}
