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

#include "naive_ingest.hpp"
#include "random_fixture.hpp"
#include "seqmine/ingest.hpp"
#include "text_fixture.hpp"

using namespace seqmine;
using naive::RawRow;
using namespace seqmine::test;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t min_time = std::numeric_limits<std::int64_t>::min() + 1;
constexpr std::int64_t max_time = std::numeric_limits<std::int64_t>::max();

struct Shape {
  std::size_t n_strings = 0;
  std::size_t n_numbers = 0;
  bool has_value = false;
  bool has_event_id = false;
};

/// Few distinct values of everything, so that ties and duplicates of every kind are common.
std::vector<RawRow> random_rows(Random& random, std::size_t n, const Shape& shape) {
  static const std::vector<std::string> nasty{"a", "b", "ab", "user_0001", "user_0002", "user_00020", "007", "7", "1e5",
                                              std::string("a\0", 2), std::string("a\0\0b", 4), "\xc3\xa9", "e\xcc\x81",
                                              "\xff\xfe", " a", "a ", "A", std::string(40, 'x'), std::string(41, 'x'),
                                              "0123456789abcdef", "0123456789abcdeg", "01234567", "0123456"};
  static const std::vector<std::int64_t> times{min_time, min_time + 1, -1, 0, 1, 2, 1000, max_time - 1, max_time};
  static const std::vector<double> numbers{nan, -nan, 0.0, -0.0, 1.0, -1.0, inf, -inf, 5e-324, 1e308};
  const std::int64_t bad_in = pick(random, 3) == 0 ? 8 : 1'000'000;
  const auto text = [&](bool may_be_empty) -> std::optional<std::string> {
    if (pick(random, bad_in) == 0) return std::nullopt;
    if (may_be_empty && pick(random, bad_in) == 0) return "";
    return choose(random, nasty);
  };
  std::vector<RawRow> rows(n);
  for (RawRow& row : rows) {
    row.entity = text(true);
    row.event = text(true);
    row.time = pick(random, 2) == 0 ? choose(random, times) : pick(random, 20);
    row.flag = pick(random, bad_in) == 0 ? static_cast<std::uint8_t>(10 + pick(random, 3)) : std::uint8_t{0};
    row.value = shape.has_value ? choose(random, numbers) : nan;
    for (std::size_t k = 0; k < shape.n_strings; ++k) {
      row.strings.push_back(pick(random, 4) == 0 ? std::nullopt : text(true));
    }
    for (std::size_t k = 0; k < shape.n_numbers; ++k) row.numbers.push_back(choose(random, numbers));
    if (shape.has_event_id && pick(random, 3) != 0) row.event_id = numbered("id", pick(random, 30));
  }
  return rows;
}

struct Plan {
  int threads = 1;
  std::vector<std::size_t> cuts;  // ends of the batches
  Duplicates duplicates = Duplicates::none;
  std::vector<std::string> excluded;
  std::map<std::string, std::string> renamed;
};

struct Outcome {
  IngestedLog log;
  std::vector<std::int64_t> bad_row;
  std::vector<std::uint8_t> bad_reason;
};

Outcome run(Random& random, const std::vector<RawRow>& rows, const Shape& shape, const Plan& plan) {
  IngestOptions options;
  options.n_string_attributes = static_cast<int>(shape.n_strings);
  options.n_number_attributes = static_cast<int>(shape.n_numbers);
  options.has_value = shape.has_value;
  options.has_event_id = shape.has_event_id;
  options.threads = plan.threads;
  Ingest ingest(options);
  const StopToken stop;
  Outcome outcome;
  std::size_t begin = 0;
  for (const std::size_t end : plan.cuts) {
    const auto column = [&](const auto& get) {
      std::vector<std::optional<std::string>> texts;
      for (std::size_t i = begin; i < end; ++i) texts.push_back(get(rows[i]));
      return test::TextColumn(texts, random);
    };
    const auto numbers = [&](const auto& get) {
      std::vector<double> values;
      for (std::size_t i = begin; i < end; ++i) values.push_back(get(rows[i]));
      return values;
    };
    const test::TextColumn entity = column([](const RawRow& row) { return row.entity; });
    const test::TextColumn event = column([](const RawRow& row) { return row.event; });
    const test::TextColumn event_id = column([](const RawRow& row) { return row.event_id; });
    std::vector<test::TextColumn> strings;
    std::vector<std::vector<double>> number_columns;
    for (std::size_t k = 0; k < shape.n_strings; ++k) {
      strings.push_back(column([k](const RawRow& row) { return row.strings[k]; }));
    }
    for (std::size_t k = 0; k < shape.n_numbers; ++k) {
      number_columns.push_back(numbers([k](const RawRow& row) { return row.numbers[k]; }));
    }
    const std::vector<double> value = numbers([](const RawRow& row) { return row.value; });
    std::vector<std::int64_t> time;
    std::vector<std::uint8_t> flags;
    for (std::size_t i = begin; i < end; ++i) {
      time.push_back(rows[i].flag != 0 ? std::numeric_limits<std::int64_t>::min() : rows[i].time);
      flags.push_back(rows[i].flag);
    }
    IngestBatch batch;
    batch.entity = entity.view();
    batch.event = event.view();
    batch.time = time;
    batch.flags = flags;
    if (shape.has_value) batch.value = value;
    for (const auto& strings_k : strings) batch.string_attributes.push_back(strings_k.view());
    for (const auto& numbers_k : number_columns) batch.number_attributes.emplace_back(numbers_k);
    if (shape.has_event_id) batch.event_id = event_id.view();
    const auto bad = ingest.push(batch, stop);
    REQUIRE_MESSAGE(bad.ok(), bad.status().message());
    for (const std::int64_t row : bad.value().row) outcome.bad_row.push_back(row + static_cast<std::int64_t>(begin));
    for (const std::uint8_t reason : bad.value().reason) outcome.bad_reason.push_back(reason);
    begin = end;
  }
  REQUIRE(ingest.n_rows() == static_cast<std::int64_t>(rows.size() - outcome.bad_row.size()));
  if (!plan.renamed.empty()) {
    const auto names = ingest.entity_names();
    REQUIRE(names.ok());
    std::vector<std::int64_t> offsets{0};
    std::string bytes;
    for (std::int64_t i = 0; i < names.value().size(); ++i) {
      const std::string name(names.value()[i]);
      bytes += plan.renamed.count(name) != 0 ? plan.renamed.at(name) : name;
      offsets.push_back(static_cast<std::int64_t>(bytes.size()));
    }
    const Status status = ingest.rename_entities(offsets, bytes);
    REQUIRE_MESSAGE(status.ok(), status.message());
  }
  auto log = ingest.finish({plan.duplicates, plan.excluded}, stop);
  REQUIRE_MESSAGE(log.ok(), log.status().message());
  outcome.log = std::move(log.value());
  return outcome;
}

template <class T, class U>
void require_same(const Column<T>& column, const std::vector<U>& expected) {
  REQUIRE(column.size() == static_cast<std::int64_t>(expected.size()));
  REQUIRE(std::equal(expected.begin(), expected.end(), column.data()));
}

void require_same(const Column<double>& column, const std::vector<double>& expected) {  // to the bit
  REQUIRE(column.size() == static_cast<std::int64_t>(expected.size()));
  if (!expected.empty()) REQUIRE(std::memcmp(column.data(), expected.data(), expected.size() * sizeof(double)) == 0);
}

void require_equal(const Outcome& got, const naive::SortedLog& expected, const Shape& shape) {
  REQUIRE(got.bad_row == expected.bad_row);
  REQUIRE(got.bad_reason == expected.bad_reason);
  const IngestedLog& log = got.log;
  require_names(log.entity_names, expected.entities);
  require_names(log.event_names, expected.events);
  require_same(log.entity_offsets, expected.entity_offsets);
  require_same(log.time, expected.time);
  REQUIRE(log.wide_codes == (expected.events.size() > 65'536));
  if (log.wide_codes) {
    require_same(log.code32, expected.code);
  } else {
    require_same(log.code16, expected.code);
  }
  if (shape.has_value) require_same(log.value, expected.value);
  for (std::size_t k = 0; k < shape.n_strings; ++k) {
    require_same(log.string_codes[k], expected.string_codes[k]);
    require_names(log.string_dictionaries[k], expected.dictionaries[k]);
  }
  for (std::size_t k = 0; k < shape.n_numbers; ++k) require_same(log.numbers[k], expected.numbers[k]);
  REQUIRE(log.n_exact_duplicates == expected.n_exact_duplicates);
  REQUIRE(log.n_id_duplicates == expected.n_id_duplicates);
  REQUIRE(log.n_dropped == expected.n_dropped);
  REQUIRE(log.n_filtered == expected.n_filtered);
}

naive::Policy policy_of(Duplicates duplicates) {
  return duplicates == Duplicates::none ? naive::Policy::none
         : duplicates == Duplicates::id ? naive::Policy::id
                                        : naive::Policy::exact;
}

std::vector<std::size_t> random_cuts(Random& random, std::size_t n) {
  std::vector<std::size_t> cuts{n};
  for (std::int64_t k = pick(random, 5); k > 0; --k) {
    cuts.push_back(static_cast<std::size_t>(pick(random, static_cast<std::int64_t>(n) + 1)));
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

/// Rows of n_entities entities over n_times times, all good, in random order.
std::vector<RawRow> many_rows(Random& random, std::size_t n, std::int64_t n_entities, std::int64_t n_types,
                              std::int64_t n_times) {
  std::vector<RawRow> rows(n);
  for (RawRow& row : rows) {
    row.entity = numbered("customer-", pick(random, n_entities));
    row.event = numbered("t", pick(random, n_types));
    row.time = pick(random, n_times);
    row.value = nan;
  }
  return rows;
}

Plan one_batch(std::size_t n, int threads) {
  Plan plan;
  plan.threads = threads;
  plan.cuts = {n};
  return plan;
}

}  // namespace

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
