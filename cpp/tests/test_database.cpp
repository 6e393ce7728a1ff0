#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "naive_database.hpp"
#include "seqmine/database.hpp"
#include "seqmine/pattern.hpp"

using namespace seqmine;
using namespace seqmine::reference;

namespace {

void require_equal(const Database& got, const NaiveDatabase& want) {
  REQUIRE(got.source == want.source);
  REQUIRE(got.support == want.support);
  REQUIRE(static_cast<unsigned __int128>(got.unit) == want.unit);
  REQUIRE(got.offsets.size() == want.rows.size() + 1);
  REQUIRE(got.item.size() == static_cast<std::size_t>(got.offsets.back()));
  REQUIRE((got.narrow() ? got.time32.size() : got.time64.size()) == got.item.size());
  bool wide = false;
  for (std::size_t row = 0; row < want.rows.size(); ++row) {
    const auto begin = static_cast<std::size_t>(got.offsets[row]);
    REQUIRE(static_cast<std::size_t>(got.offsets[row + 1]) - begin == want.rows[row].size());
    for (std::size_t i = 0; i < want.rows[row].size(); ++i) {
      const unsigned __int128 tick = got.narrow() ? got.time32[begin + i] : got.time64[begin + i];
      REQUIRE(tick == want.rows[row][i].first);
      REQUIRE(got.item[begin + i] == want.rows[row][i].second);
      wide = wide || tick > UINT32_MAX;
    }
    REQUIRE(static_cast<unsigned __int128>(got.last_tick[row]) == want.last_tick[row]);
  }
  REQUIRE(got.narrow() == !wide);
}

OwnedRows random_rows(std::mt19937_64& rng, const OwnedLog& log, const std::vector<std::int64_t>& times) {
  OwnedRows rows;
  const auto n_entities = static_cast<std::int64_t>(log.offsets.size()) - 1;
  for (int i = 0; i < 12; ++i) {
    rows.entity.push_back(static_cast<std::int64_t>(rng() % static_cast<std::uint64_t>(n_entities + 1)) - 1);
    rows.lo.push_back(rng() % 3 == 0 ? INT64_MIN + 1 : times[rng() % times.size()]);
    rows.last.push_back(rng() % 3 == 0 ? INT64_MAX : times[rng() % times.size()]);
  }
  if (rng() % 2 == 0) {
    rows.excluded.assign(static_cast<std::size_t>(log.n_types), 0);
    rows.excluded[rng() % rows.excluded.size()] = 1;
  }
  return rows;
}

}  // namespace

TEST_CASE("the database equals its naive twin") {
  const std::vector<std::vector<std::int64_t>> clocks{
      {0, 1, 2, 3, 4, 5, 6, 7},
      {-600, 0, 600, 1200, 1260},
      {INT64_MIN + 1, -1, 0, 1, INT64_MAX},
      {INT64_MIN + 1, INT64_MAX},
      {0, std::int64_t{1} << 32, (std::int64_t{1} << 32) - 1},
      {0, 3'600'000'000, 7'200'000'000, 86'400'000'000},
  };
  StopToken stop;
  std::mt19937_64 rng(7);
  for (int round = 0; round < 600; ++round) {
    const auto& times = clocks[rng() % clocks.size()];
    const OwnedLog log = random_log(rng, 1 + static_cast<std::int64_t>(rng() % 6), 1 + static_cast<std::int64_t>(rng() % 4), 9, times);
    const OwnedRows rows = rng() % 2 == 0 ? whole_rows(log) : random_rows(rng, log, times);
    std::vector<Item> items = plain_items(log.n_types);
    Item any;  // overlaps the others: several items for one event
    any.predicate.types.assign(static_cast<std::size_t>(log.n_types), 1);
    any.predicate.conditions.push_back({Condition::Field::value, -1, Comparison::ge, 2.0, {}});
    items.insert(items.begin() + static_cast<std::ptrdiff_t>(rng() % (items.size() + 1)), any);
    const auto min_support = static_cast<std::int64_t>(1 + rng() % 4);
    const NaiveDatabase want = naive_database(log.view(), rows.view(), items, min_support);
    for (const int threads : {1, 2, 4}) {
      const Result<Database> got = build_database(log.view(), rows.view(), items, min_support, threads, stop);
      REQUIRE(got.ok());
      require_equal(got.value(), want);
    }
  }
}

TEST_CASE("many rows are cut into units and come out in order for any number of threads") {
  StopToken stop;
  std::mt19937_64 rng(11);
  const OwnedLog log = random_log(rng, 5'000, 6, 8, {0, 60, 120, 180, 240});
  const OwnedRows rows = whole_rows(log);
  const std::vector<Item> items = plain_items(6);
  const NaiveDatabase want = naive_database(log.view(), rows.view(), items, 10);
  std::int64_t scanned = -1;
  for (const int threads : {1, 2, 4, 8}) {
    const Result<Database> got = build_database(log.view(), rows.view(), items, 10, threads, stop);
    REQUIRE(got.ok());
    require_equal(got.value(), want);
    if (scanned < 0) scanned = got.value().n_scanned;
    CHECK(got.value().n_scanned == scanned);
  }
  CHECK(scanned == static_cast<std::int64_t>(log.time.size()));
}

TEST_CASE("the database refuses what does not fit together and stops when asked") {
  StopToken stop;
  std::mt19937_64 rng(3);
  const OwnedLog log = random_log(rng, 3, 2, 4, {0, 1});
  OwnedRows rows = whole_rows(log);
  std::vector<Item> items = plain_items(3);
  CHECK(build_database(log.view(), rows.view(), items, 1, 1, stop).status().code() == Code::invalid_argument);
  items = plain_items(2);
  rows.entity[0] = 3;
  CHECK(build_database(log.view(), rows.view(), items, 1, 1, stop).status().code() == Code::invalid_argument);
  rows = whole_rows(log);
  stop.request_stop();
  CHECK(build_database(log.view(), rows.view(), items, 1, 1, stop).status().code() == Code::cancelled);
}

TEST_CASE("an empty log gives an empty database") {
  StopToken stop;
  OwnedLog log;
  log.n_types = 1;
  log.time.reserve(1);
  log.code.reserve(1);
  const OwnedRows rows = whole_rows(log);
  const Result<Database> got = build_database(log.view(), rows.view(), plain_items(1), 1, 2, stop);
  REQUIRE(got.ok());
  CHECK(got.value().n_items() == 0);
  CHECK(got.value().narrow());
}

TEST_CASE("ticks_at_least rounds up and keeps unbounded") {
  CHECK(ticks_at_least(0, 60) == 0);
  CHECK(ticks_at_least(1, 60) == 1);
  CHECK(ticks_at_least(60, 60) == 1);
  CHECK(ticks_at_least(61, 60) == 2);
  CHECK(ticks_at_least(UINT64_MAX - 1, 1) == UINT64_MAX - 1);
  CHECK(ticks_at_least(UINT64_MAX - 1, 2) == UINT64_MAX / 2);
  CHECK(ticks_at_least(unbounded, 60) == unbounded);
}

TEST_CASE("durations are written in the largest exact unit") {
  CHECK(format_duration(0) == "0s");
  CHECK(format_duration(1) == "1us");
  CHECK(format_duration(1'000) == "1ms");
  CHECK(format_duration(1'500) == "1500us");
  CHECK(format_duration(90'000'000) == "90s");
  CHECK(format_duration(5'400'000'000) == "90m");
  CHECK(format_duration(14ULL * 86'400'000'000) == "2w");
  CHECK(format_duration(25ULL * 3'600'000'000) == "25h");
  CHECK(format_duration(UINT64_MAX - 1) == "18446744073709551614us");
}
