// Every allocation of an ingest fails once, and then all of them from there on: a status each time, never an abort.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "seqmine/ingest.hpp"
#include "text_fixture.hpp"

using namespace seqmine;

namespace {

constexpr std::int64_t disarmed = std::numeric_limits<std::int64_t>::max();
std::atomic<std::int64_t> left{disarmed};  // allocations that still succeed
std::atomic<bool> for_good{false};

void* allocate(std::size_t size) {
  if (left.load() != disarmed) {
    const std::int64_t before = left.fetch_sub(1);
    if (before == 0 || (before < 0 && for_good.load())) throw std::bad_alloc();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// The nothrow forms too: a sanitizer has its own, whose memory does not go with free().
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return std::malloc(size == 0 ? 1 : size); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

TEST_CASE("an ingest that runs out of memory says so, at every allocation") {
  std::mt19937_64 random(5);
  std::vector<std::optional<std::string>> texts;
  std::vector<std::int64_t> times;
  for (int i = 0; i < 300; ++i) {
    texts.emplace_back(std::to_string(random() % 90));
    times.push_back(static_cast<std::int64_t>(random() % 50));
  }
  const std::vector<std::uint8_t> flags(texts.size(), 0);
  const test::TextColumn column(texts, random);
  IngestBatch batch;
  batch.entity = batch.event = column.view();
  batch.time = times;
  batch.flags = flags;
  batch.string_attributes = {column.view()};
  batch.event_id = column.view();
  const FinishOptions finish{Duplicates::id, {"7"}};
  for (const bool persistent : {false, true}) {
    bool succeeded = false;
    int n = 0;
    for (; !succeeded && n < 100'000; ++n) {
      IngestOptions options;
      options.n_string_attributes = 1;
      options.has_event_id = true;
      options.threads = 2;
      Ingest ingest(options);
      for_good = persistent;
      left = n;
      Code code = ingest.push(batch, StopToken()).status().code();
      if (code == Code::ok) code = ingest.finish(finish, StopToken()).status().code();
      const bool fired = left.load() < 0;
      left = disarmed;
      // A thread that cannot start is done without: only then may a failed allocation pass unseen.
      succeeded = code == Code::ok && !fired;
      REQUIRE((code == Code::ok || code == Code::out_of_memory));
    }
    CHECK(succeeded);
    CHECK(n > 100);  // the fault did fire
  }
}
