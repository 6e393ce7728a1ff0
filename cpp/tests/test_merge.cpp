#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "ingest_fixture.hpp"
#include "merge_fixture.hpp"

using namespace seqmine;
using namespace seqmine::test;
using naive::RawRow;

namespace {

/// The merged log, with the counts of all its rows.
Outcome merged(const Outcome& one, const Outcome& other, Duplicates duplicates, int threads) {
  const NamedLog first = named(one.log);
  const NamedLog second = named(other.log);
  REQUIRE(check(first.columns, 1, StopToken()).ok());
  auto log = merge_logs(first, second, duplicates, threads, StopToken());
  REQUIRE_MESSAGE(log.ok(), log.status().message());
  Outcome outcome;
  outcome.log = std::move(log.value());
  outcome.log.n_exact_duplicates += one.log.n_exact_duplicates + other.log.n_exact_duplicates;
  outcome.log.n_dropped += one.log.n_dropped + other.log.n_dropped;
  outcome.log.n_filtered = one.log.n_filtered + other.log.n_filtered;
  return outcome;
}

Outcome part(Random& random, const std::vector<RawRow>& rows, const Shape& shape, Plan plan) {
  plan.cuts = {rows.size()};
  return run(random, rows, shape, plan);
}

}  // namespace

TEST_CASE("merged logs equal the naive twin of all rows: splits / order / threads") {
  Random random(20261123);
  for (int example = 0; example < 500; ++example) {
    CAPTURE(example);
    Shape shape;
    shape.n_strings = static_cast<std::size_t>(pick(random, 3));
    shape.n_numbers = static_cast<std::size_t>(pick(random, 3));
    shape.has_value = pick(random, 2) == 0;
    const auto n = pick(random, example % 10 == 0 ? 1500 : 60);
    std::vector<RawRow> rows = random_rows(random, static_cast<std::size_t>(n), shape);
    for (RawRow& row : rows) {  // no bad rows: their positions would be those of two inputs
      if (!row.entity || row.entity->empty()) row.entity = std::string("a");
      if (!row.event || row.event->empty()) row.event = std::string("b");
      row.flag = 0;
    }
    // Some rows of the first part stand in the second as well.
    for (std::int64_t k = n == 0 ? 0 : pick(random, 8); k > 0; --k) rows.push_back(choose(random, rows));
    Plan plan;
    plan.duplicates = pick(random, 2) == 0 ? Duplicates::none : Duplicates::exact;
    if (pick(random, 3) == 0) plan.excluded = {"a", "user_0001"};
    const auto expected =
        naive::ingest(rows, shape.n_strings, shape.n_numbers, policy_of(plan.duplicates), plan.excluded, {});
    const auto size = static_cast<std::int64_t>(rows.size());
    const auto cut = pick(random, 3) == 0 ? size - std::min(size, pick(random, 4)) : pick(random, size + 1);
    const Outcome first = part(random, {rows.begin(), rows.begin() + cut}, shape, plan);
    const Outcome second = part(random, {rows.begin() + cut, rows.end()}, shape, plan);
    for (const int threads : {1, 2, 4}) {
      require_equal(merged(first, second, plan.duplicates, threads), expected, shape);
      require_equal(merged(second, first, plan.duplicates, threads), expected, shape);
    }
  }
}

TEST_CASE("several blocks are merged, with few rows added and with as many") {
  Random random(11);
  const std::size_t n = 400'000;
  const std::vector<RawRow> rows = many_rows(random, n, 30'000, 300, 1'000'000);
  const auto expected = naive::ingest(rows, 0, 0, naive::Policy::none, {}, {});
  for (const std::size_t cut : {n - 500, n / 2}) {
    CAPTURE(cut);
    const Outcome first = part(random, {rows.begin(), rows.begin() + static_cast<std::int64_t>(cut)}, {}, {});
    const Outcome second = part(random, {rows.begin() + static_cast<std::int64_t>(cut), rows.end()}, {}, {});
    for (const int threads : {1, 4}) require_equal(merged(first, second, Duplicates::none, threads), expected, {});
  }
}

TEST_CASE("codes become wide when the types of both are more than 65,536") {
  Random random(12);
  std::vector<RawRow> rows(70'000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].entity = numbered("c", pick(random, 50));
    rows[i].event = numbered("t", static_cast<std::int64_t>(i));
    rows[i].time = pick(random, 100);
  }
  for (const std::int64_t cut : {66'000, 40'000}) {  // one side is wide; none is
    const Outcome first = part(random, {rows.begin(), rows.begin() + cut}, {}, {});
    const Outcome second = part(random, {rows.begin() + cut, rows.end()}, {}, {});
    const auto expected = naive::ingest(rows, 0, 0, naive::Policy::none, {}, {});
    require_equal(merged(first, second, Duplicates::none, 2), expected, {});
  }
}

TEST_CASE("what cannot be merged is refused") {
  Random random(13);
  const Outcome plain = part(random, many_rows(random, 100, 5, 3, 10), {}, {});
  Shape with_value;
  with_value.has_value = true;
  const Outcome valued = part(random, many_rows(random, 100, 5, 3, 10), with_value, {});
  const auto refused = [](const NamedLog& one, const NamedLog& other, Duplicates duplicates) {
    return merge_logs(one, other, duplicates, 1, StopToken()).status().code();
  };
  CHECK(refused(named(plain.log), named(valued.log), Duplicates::none) == Code::invalid_argument);
  CHECK(refused(named(plain.log), named(plain.log), Duplicates::id) == Code::invalid_argument);
  NamedLog damaged = named(plain.log);
  std::vector<std::int64_t> offsets(plain.log.entity_names.offsets.data(),
                                    plain.log.entity_names.offsets.data() + plain.log.entity_names.offsets.size());
  offsets[2] = 1'000'000;
  damaged.entities.offsets64 = offsets.data();
  CHECK(refused(damaged, named(plain.log), Duplicates::none) == Code::invalid_argument);
  CHECK(refused(named(plain.log), damaged, Duplicates::none) == Code::invalid_argument);
  damaged = named(plain.log);
  --damaged.columns.n_types;
  CHECK(refused(damaged, named(plain.log), Duplicates::none) == Code::invalid_argument);
  StopToken stop;
  stop.request_stop();
  CHECK(merge_logs(named(plain.log), named(plain.log), Duplicates::none, 1, stop).status().code() == Code::cancelled);
}
