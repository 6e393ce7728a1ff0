// Logs of random rows, and their comparison with the naive twin, for the tests of ingest and of merging.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "naive_ingest.hpp"
#include "random_fixture.hpp"
#include "seqmine/ingest.hpp"
#include "text_fixture.hpp"

namespace seqmine::test {

inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();
inline constexpr std::int64_t min_time = std::numeric_limits<std::int64_t>::min() + 1;
inline constexpr std::int64_t max_time = std::numeric_limits<std::int64_t>::max();

struct Shape {
  std::size_t n_strings = 0;
  std::size_t n_numbers = 0;
  bool has_value = false;
  bool has_event_id = false;
};

/// Few distinct values of everything, so that ties and duplicates of every kind are common.
inline std::vector<naive::RawRow> random_rows(Random& random, std::size_t n, const Shape& shape) {
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
  std::vector<naive::RawRow> rows(n);
  for (naive::RawRow& row : rows) {
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

inline Outcome run(Random& random, const std::vector<naive::RawRow>& rows, const Shape& shape, const Plan& plan) {
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
      return TextColumn(texts, random);
    };
    const auto numbers = [&](const auto& get) {
      std::vector<double> values;
      for (std::size_t i = begin; i < end; ++i) values.push_back(get(rows[i]));
      return values;
    };
    const TextColumn entity = column([](const naive::RawRow& row) { return row.entity; });
    const TextColumn event = column([](const naive::RawRow& row) { return row.event; });
    const TextColumn event_id = column([](const naive::RawRow& row) { return row.event_id; });
    std::vector<TextColumn> strings;
    std::vector<std::vector<double>> number_columns;
    for (std::size_t k = 0; k < shape.n_strings; ++k) {
      strings.push_back(column([k](const naive::RawRow& row) { return row.strings[k]; }));
    }
    for (std::size_t k = 0; k < shape.n_numbers; ++k) {
      number_columns.push_back(numbers([k](const naive::RawRow& row) { return row.numbers[k]; }));
    }
    const std::vector<double> value = numbers([](const naive::RawRow& row) { return row.value; });
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

inline void require_same(const Column<double>& column, const std::vector<double>& expected) {  // to the bit
  REQUIRE(column.size() == static_cast<std::int64_t>(expected.size()));
  if (!expected.empty()) REQUIRE(std::memcmp(column.data(), expected.data(), expected.size() * sizeof(double)) == 0);
}

inline void require_equal(const Outcome& got, const naive::SortedLog& expected, const Shape& shape) {
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

inline naive::Policy policy_of(Duplicates duplicates) {
  return duplicates == Duplicates::none ? naive::Policy::none
         : duplicates == Duplicates::id ? naive::Policy::id
                                        : naive::Policy::exact;
}

inline std::vector<std::size_t> random_cuts(Random& random, std::size_t n) {
  std::vector<std::size_t> cuts{n};
  for (std::int64_t k = pick(random, 5); k > 0; --k) {
    cuts.push_back(static_cast<std::size_t>(pick(random, static_cast<std::int64_t>(n) + 1)));
  }
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

/// Rows of n_entities entities over n_times times, all good, in random order.
inline std::vector<naive::RawRow> many_rows(Random& random, std::size_t n, std::int64_t n_entities, std::int64_t n_types,
                              std::int64_t n_times) {
  std::vector<naive::RawRow> rows(n);
  for (naive::RawRow& row : rows) {
    row.entity = numbered("customer-", pick(random, n_entities));
    row.event = numbered("t", pick(random, n_types));
    row.time = pick(random, n_times);
    row.value = nan;
  }
  return rows;
}

inline Plan one_batch(std::size_t n, int threads) {
  Plan plan;
  plan.threads = threads;
  plan.cuts = {n};
  return plan;
}

}  // namespace seqmine::test
