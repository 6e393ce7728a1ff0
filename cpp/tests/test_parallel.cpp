#include <doctest/doctest.h>

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

#include "seqmine/parallel.hpp"

using namespace seqmine;

TEST_CASE("every unit runs once") {
  StopToken stop;
  std::vector<std::atomic<int>> seen(10'000);
  const Status status = parallel_for(10'000, 4, stop, [&](std::int64_t unit, int) {
    seen[static_cast<std::size_t>(unit)]++;
    return Status{};
  });
  CHECK(status.ok());
  for (const auto& count : seen) REQUIRE(count.load() == 1);
}

TEST_CASE("an exception in a worker becomes a status, never an abort") {
  StopToken stop;
  const Status bad = parallel_for(100, 4, stop, [&](std::int64_t unit, int) -> Status {
    if (unit == 7) throw std::bad_alloc();
    return {};
  });
  CHECK(bad.code() == Code::out_of_memory);
  const Status other = parallel_for(100, 4, stop, [&](std::int64_t, int) -> Status { throw std::runtime_error("x"); });
  CHECK(other.code() == Code::internal);
}

TEST_CASE("a stop request cancels") {
  StopToken stop;
  stop.request_stop();
  CHECK(parallel_for(10, 2, stop, [](std::int64_t, int) { return Status{}; }).code() == Code::cancelled);
}
