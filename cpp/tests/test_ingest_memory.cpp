// Every allocation of an ingest or a merge fails once, and then all of them from there on: a status each time, never an
// abort. And what a merge takes beside its result.
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

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "merge_fixture.hpp"
#include "seqmine/ingest.hpp"
#include "text_fixture.hpp"

using namespace seqmine;

namespace {

constexpr std::int64_t disarmed = std::numeric_limits<std::int64_t>::max();
std::atomic<std::int64_t> left{disarmed};  // allocations that still succeed
std::atomic<bool> for_good{false};
std::atomic<std::int64_t> in_use{0};  // bytes
std::atomic<std::int64_t> most{0};

std::int64_t size_of(void* memory) noexcept {
#if defined(__GLIBC__)
  return static_cast<std::int64_t>(malloc_usable_size(memory));
#else
  static_cast<void>(memory);
  return 0;
#endif
}

void* allocate(std::size_t size) {
  if (left.load() != disarmed) {
    const std::int64_t before = left.fetch_sub(1);
    if (before == 0 || (before < 0 && for_good.load())) throw std::bad_alloc();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::int64_t now = in_use.fetch_add(size_of(memory)) + size_of(memory);
  for (std::int64_t seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
  }
  return memory;
}

void* allocate_or_null(std::size_t size) noexcept {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory != nullptr) in_use.fetch_add(size_of(memory));
  return memory;
}

void release(void* memory) noexcept {
  if (memory != nullptr) in_use.fetch_sub(size_of(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// The nothrow forms too: a sanitizer has its own, whose memory does not go with free().
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate_or_null(size); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }

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

namespace {

/// n events of n_entities customers, one of `n_types` types and one of as many texts each.
IngestedLog made_log(std::mt19937_64& random, int n, std::uint64_t n_entities, std::uint64_t n_types) {
  std::vector<std::optional<std::string>> entities;
  std::vector<std::optional<std::string>> types;
  std::vector<std::int64_t> times;
  for (int i = 0; i < n; ++i) {
    entities.emplace_back(std::to_string(random() % n_entities));
    types.emplace_back(std::to_string(random() % n_types));
    times.push_back(static_cast<std::int64_t>(random() % 50));
  }
  const std::vector<std::uint8_t> flags(times.size(), 0);
  const test::TextColumn entity(entities, random);
  const test::TextColumn type(types, random);
  IngestBatch batch;
  batch.entity = entity.view();
  batch.event = type.view();
  batch.time = times;
  batch.flags = flags;
  batch.string_attributes = {type.view()};
  IngestOptions options;
  options.n_string_attributes = 1;
  options.threads = 1;
  Ingest ingest(options);
  REQUIRE(ingest.push(batch, StopToken()).ok());
  auto log = ingest.finish({Duplicates::exact, {}}, StopToken());
  REQUIRE(log.ok());
  return std::move(log.value());
}

}  // namespace

TEST_CASE("a merge that runs out of memory says so, at every allocation") {
  std::mt19937_64 random(6);
  const IngestedLog first = made_log(random, 300, 40, 9);
  const IngestedLog second = made_log(random, 100, 60, 12);
  const NamedLog one = test::named(first);
  const NamedLog other = test::named(second);
  for (const bool persistent : {false, true}) {
    bool succeeded = false;
    int n = 0;
    for (; !succeeded && n < 10'000; ++n) {
      for_good = persistent;
      left = n;
      const Code code = merge_logs(one, other, Duplicates::exact, 2, StopToken()).status().code();
      const bool fired = left.load() < 0;
      left = disarmed;
      succeeded = code == Code::ok && !fired;
      REQUIRE((code == Code::ok || code == Code::out_of_memory));
    }
    CHECK(succeeded);
    CHECK(n > 20);
  }
}

#if defined(__GLIBC__)
TEST_CASE("a merge takes little beside its result") {
  std::mt19937_64 random(7);
  const IngestedLog first = made_log(random, 200'000, 20'000, 500);
  const IngestedLog second = made_log(random, 20'000, 25'000, 600);
  const NamedLog one = test::named(first);
  const NamedLog other = test::named(second);
  const std::int64_t before = in_use.load();
  most = before;
  const auto merged = merge_logs(one, other, Duplicates::exact, 1, StopToken());
  REQUIRE(merged.ok());
  const IngestedLog& log = merged.value();
  REQUIRE(log.n_dropped > 0);
  const std::int64_t result = in_use.load() - before;
  const std::int64_t columns = log.time.size() * (8 + 2 + 4) + log.entity_offsets.size() * 16 + log.entity_names.bytes.size();
  CHECK(result < columns + columns / 50 + 100'000);
  // 17 bytes an event of the smaller log, and 17 an entity of it.
  CHECK(most.load() - before < result + 17 * second.time.size() + 17 * second.entity_offsets.size() + 100'000);
}
#endif
