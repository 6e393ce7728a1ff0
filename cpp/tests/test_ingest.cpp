#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ingest_fixture.hpp"

using namespace seqmine;
using naive::RawRow;
using namespace seqmine::test;

TEST_CASE("ingest equals the naive twin: chunking / encoding / threads") {
  Random random(20261122);
  for (int example = 0; example < 600; ++example) {
    CAPTURE(example);
    Shape shape;
    shape.n_strings = static_cast<std::size_t>(pick(random, 3));
    shape.n_numbers = static_cast<std::size_t>(pick(random, 3));
    shape.has_value = pick(random, 2) == 0;
    shape.has_event_id = pick(random, 2) == 0;
    const auto n = static_cast<std::size_t>(pick(random, example % 10 == 0 ? 1500 : 60));
    std::vector<RawRow> rows = random_rows(random, n, shape);
    Plan plan;
    plan.duplicates = choose(random, std::vector{Duplicates::none, Duplicates::exact, Duplicates::id});
    if (pick(random, 3) == 0) plan.excluded = {"a", "never seen", "user_0001"};
    if (pick(random, 3) == 0) plan.renamed = {{"a", "person 1"}, {"b", "person 1"}, {"7", "007"}, {"A", "a"}};
    const auto expected =
        naive::ingest(rows, shape.n_strings, shape.n_numbers, policy_of(plan.duplicates), plan.excluded, plan.renamed);
    for (const int threads : {1, 2, 4, 8}) {
      plan.threads = threads;
      plan.cuts = random_cuts(random, n);
      require_equal(run(random, rows, shape, plan), expected, shape);
    }
    // Another order of the rows gives the same log, whatever the ties.
    std::shuffle(rows.begin(), rows.end(), random);
    Outcome shuffled = run(random, rows, shape, plan);
    REQUIRE(shuffled.bad_row.size() == expected.bad_row.size());
    shuffled.bad_row = expected.bad_row;
    shuffled.bad_reason = expected.bad_reason;
    require_equal(shuffled, expected, shape);
  }
}

TEST_CASE("several blocks, pieces, partitions and groups") {
  Random random(7);
  // More rows than one piece, more entities than one partition.
  const std::size_t n = 530'000;
  std::vector<RawRow> rows = many_rows(random, n, 40'000, 300, 1'000'000);
  const auto expected = naive::ingest(rows, 0, 0, naive::Policy::none, {}, {});
  require_equal(run(random, rows, {}, one_batch(n, 4)), expected, {});
  Plan chunked = one_batch(n, 2);
  chunked.cuts.clear();
  for (std::size_t end = 50'000; end <= n; end += 50'000) chunked.cuts.push_back(end);
  chunked.cuts.push_back(n);
  require_equal(run(random, rows, {}, chunked), expected, {});
}

TEST_CASE("an entity that is most of the log") {
  Random random(8);
  for (const std::int64_t n_entities : {1, 5'000}) {
    for (const bool with_value : {false, true}) {
      CAPTURE(n_entities);
      CAPTURE(with_value);
      Shape shape;
      shape.has_value = with_value;
      const std::size_t n = 280'000;
      std::vector<RawRow> rows = many_rows(random, n, n_entities, 3, 10'000);
      for (std::size_t i = 0; i < n; i += 1 + i % 20) rows[i].entity = "customer-2";
      for (RawRow& row : rows) {
        if (pick(random, 20) != 0) row.entity = "customer-1";
        if (with_value) row.value = static_cast<double>(pick(random, 3)) - 1.0;
      }
      Plan plan = one_batch(n, 4);
      plan.duplicates = Duplicates::exact;
      const auto expected = naive::ingest(rows, 0, 0, naive::Policy::exact, {}, {});
      REQUIRE(expected.n_dropped > 0);
      require_equal(run(random, rows, shape, plan), expected, shape);
    }
  }
}

TEST_CASE("more than 65,536 event types have wide codes, and narrow ones when fewer are left") {
  Random random(9);
  std::vector<RawRow> rows = many_rows(random, 70'000, 10, 1, 100);
  Shape shape;
  shape.has_event_id = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].event = numbered("type ", static_cast<std::int64_t>(i));
    rows[i].event_id = std::to_string(i % 60'000);
  }
  Plan plan = one_batch(rows.size(), 2);
  Outcome wide = run(random, rows, shape, plan);
  CHECK(wide.log.wide_codes);
  CHECK(wide.log.event_names.size() == 70'000);
  CHECK(wide.log.n_id_duplicates == 10'000);
  plan.duplicates = Duplicates::id;
  Outcome narrow = run(random, rows, shape, plan);
  CHECK_FALSE(narrow.log.wide_codes);
  CHECK(narrow.log.event_names.size() == 60'000);
  CHECK(narrow.log.code16.size() == 60'000);
  CHECK(narrow.log.n_dropped == 10'000);
}

TEST_CASE("no rows make an empty log") {
  Random random(1);
  const Outcome outcome = run(random, {}, {}, Plan{});
  REQUIRE(outcome.log.time.size() == 0);
  CHECK(outcome.log.entity_offsets.size() == 1);
  CHECK(outcome.log.entity_offsets[0] == 0);
  CHECK(outcome.log.entity_names.size() == 0);
  CHECK(outcome.log.entity_names.offsets.size() == 1);
}

namespace {

Result<BadRows> push_names(Ingest& ingest, const std::vector<std::optional<std::string>>& names,
                           std::int64_t time = 0) {
  Random random(3);
  const test::TextColumn column(names, random);
  const std::vector<std::int64_t> times(names.size(), time);
  const std::vector<std::uint8_t> flags(names.size(), 0);
  IngestBatch batch;
  batch.entity = column.view();
  batch.event = column.view();
  batch.time = times;
  batch.flags = flags;
  return ingest.push(batch, StopToken());
}

}  // namespace

TEST_CASE("too many names are a clean error, and the ingest is spent") {
  IngestOptions options;
  options.threads = 2;
  options.max_names = 3;
  Ingest ingest(options);
  REQUIRE(push_names(ingest, {"a", "b", "c", "a"}).ok());
  CHECK(push_names(ingest, {"c", "d"}).status().code() == Code::out_of_range);
  CHECK(push_names(ingest, {"a"}).status().code() == Code::out_of_range);
  CHECK(ingest.finish({}, StopToken()).status().code() == Code::out_of_range);
}

TEST_CASE("damaged buffers, broken contracts and stop requests are statuses") {
  const auto fresh = [] {
    IngestOptions options;
    options.threads = 2;
    return Ingest(options);
  };
  const std::vector<std::int64_t> times{1, 2};
  const std::vector<std::uint8_t> flags{0, 0};
  const std::vector<std::int32_t> good{0, 1, 2};
  TextView plain;
  plain.length = 2;
  plain.offsets32 = good.data();
  plain.data = "ab";
  plain.data_size = 2;
  const auto push = [&](const TextView& entity, std::span<const std::int64_t> time) {
    Ingest ingest = fresh();
    IngestBatch batch;
    batch.entity = entity;
    batch.event = plain;
    batch.time = time;
    batch.flags = flags;
    return ingest.push(batch, StopToken()).status().code();
  };
  CHECK(push(plain, times) == Code::ok);
  for (const std::vector<std::int32_t>& offsets :
       {std::vector<std::int32_t>{0, 2, 1}, {0, 1, 3}, {-1, 1, 2}, {5, 6, 7}}) {
    TextView damaged = plain;
    damaged.offsets32 = offsets.data();
    CHECK(push(damaged, times) == Code::invalid_argument);
  }
  for (const std::vector<std::int32_t>& indices : {std::vector<std::int32_t>{0, 2}, {-1, 0}}) {
    TextView damaged;
    damaged.length = 2;
    damaged.indices = indices.data();
    damaged.index_width = 4;
    damaged.values = &plain;
    CHECK(push(damaged, times) == Code::invalid_argument);
  }
  CHECK(push(plain, std::vector<std::int64_t>{1}) == Code::invalid_argument);
  CHECK(push(plain, std::vector<std::int64_t>{1, std::numeric_limits<std::int64_t>::min()}) == Code::invalid_argument);

  StopToken stop;
  stop.request_stop();
  Ingest ingest = fresh();
  REQUIRE(push_names(ingest, {"a", "b"}).ok());
  CHECK(ingest.finish({}, stop).status().code() == Code::cancelled);
  Ingest renamed = fresh();
  REQUIRE(push_names(renamed, {"a", "b"}).ok());
  const std::vector<std::int64_t> empty_name{0, 1, 1};
  CHECK(renamed.rename_entities(empty_name, "x").code() == Code::invalid_argument);
}

TEST_CASE("an abandoned ingest gives nothing more, and keeps an earlier failure") {
  Ingest ingest{IngestOptions{}};
  REQUIRE(push_names(ingest, {"a", "b"}).ok());
  ingest.abandon();
  CHECK(ingest.entity_names().status().code() == Code::cancelled);
  CHECK(push_names(ingest, {"c"}).status().code() == Code::cancelled);
  CHECK(ingest.finish({}, {}).status().code() == Code::cancelled);
  Ingest failed{IngestOptions{}};
  REQUIRE(push_names(failed, {"a"}).ok());
  const std::vector<std::int64_t> empty_name{0, 0};
  REQUIRE(failed.rename_entities(empty_name, "").code() == Code::invalid_argument);
  failed.abandon();
  CHECK(failed.finish({}, {}).status().code() == Code::invalid_argument);
}
