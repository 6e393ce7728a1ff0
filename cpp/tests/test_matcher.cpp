#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "naive_matcher.hpp"
#include "seqmine/matcher.hpp"

using namespace seqmine;

namespace {

constexpr std::int64_t min_time = std::numeric_limits<std::int64_t>::min() + 1;
constexpr std::int64_t max_time = std::numeric_limits<std::int64_t>::max();

struct Case {
  std::vector<std::int64_t> offsets, time, entity, lo, last;
  std::vector<std::uint16_t> code;
  std::vector<double> value;
  std::vector<std::uint8_t> excluded;
  LogView log;
  RowsView rows;     // what the matcher is given
  RowsView bounded;  // the same with every bound written out
  Pattern pattern;
};

std::int64_t draw_time(std::mt19937_64& rng, int style) {
  static const std::vector<std::int64_t> extreme{min_time, min_time + 1, -1, 0, 1, max_time - 1, max_time};
  if (style == 0) return static_cast<std::int64_t>(rng() % 6);
  if (style == 1) return extreme[rng() % extreme.size()];
  return rng() % 2 == 0 ? static_cast<std::int64_t>(rng() % 6) : extreme[rng() % extreme.size()];
}

std::uint64_t draw_length(std::mt19937_64& rng) {
  static const std::vector<std::uint64_t> lengths{0, 1, 2, 3, 5, 9, static_cast<std::uint64_t>(max_time), unbounded - 1};
  return lengths[rng() % lengths.size()];
}

void draw(std::mt19937_64& rng, Case& c) {
  const int n_types = 3;
  const int style = static_cast<int>(rng() % 3);
  const int n_entities = 1 + static_cast<int>(rng() % 3);
  c.offsets.push_back(0);
  for (int e = 0; e < n_entities; ++e) {
    const int n = 1 + static_cast<int>(rng() % 9);
    std::vector<std::pair<std::int64_t, std::uint16_t>> events;
    for (int i = 0; i < n; ++i) events.emplace_back(draw_time(rng, style), static_cast<std::uint16_t>(rng() % n_types));
    std::sort(events.begin(), events.end());
    for (const auto& [time, code] : events) {
      c.time.push_back(time);
      c.code.push_back(code);
      c.value.push_back(rng() % 4 == 0 ? std::nan("") : static_cast<double>(rng() % 3));
    }
    c.offsets.push_back(static_cast<std::int64_t>(c.time.size()));
    c.entity.push_back(e);
    c.lo.push_back(rng() % 2 == 0 ? min_time : draw_time(rng, style));
    c.last.push_back(rng() % 2 == 0 ? max_time : draw_time(rng, style));
  }
  if (rng() % 4 == 0) c.excluded = {0, 0, 1};
  c.log.n_entities = n_entities;
  c.log.n_events = static_cast<std::int64_t>(c.time.size());
  c.log.n_types = n_types;
  c.log.entity_offsets = c.offsets.data();
  c.log.time = c.time.data();
  c.log.code = CodeView(c.code.data());
  c.log.value = c.value.data();
  c.rows = {n_entities, c.entity.data(), c.lo.data(), c.last.data(), c.excluded};
  if (rng() % 3 == 0) {
    c.rows.lo = nullptr;
    std::fill(c.lo.begin(), c.lo.end(), min_time);
  }
  if (rng() % 3 == 0) {
    c.rows.last = nullptr;
    if (rng() % 2 == 0) c.rows.until = c.time.empty() ? 0 : *std::max_element(c.time.begin(), c.time.end());
    std::fill(c.last.begin(), c.last.end(), c.rows.until);
  }
  c.bounded = {n_entities, c.entity.data(), c.lo.data(), c.last.data(), c.excluded};

  const int n_predicates = 1 + static_cast<int>(rng() % 4);
  for (int p = 0; p < n_predicates; ++p) {
    Predicate predicate;
    for (int type = 0; type < n_types; ++type) predicate.types.push_back(rng() % 2);
    if (rng() % 4 == 0) predicate.conditions.push_back({Condition::Field::value, -1, Comparison::ge, 1.0, {}});
    c.pattern.predicates.push_back(predicate);
  }
  const auto any = [&] { return static_cast<std::int32_t>(rng() % static_cast<unsigned>(n_predicates)); };
  c.pattern.anchored = rng() % 4 == 0;
  const int n_steps = 1 + static_cast<int>(rng() % 4);
  for (int s = 0; s < n_steps; ++s) {
    Step step{any(), rng() % 2 == 0 ? 0 : draw_length(rng), unbounded, -1};
    if (rng() % 2 == 0) step.hi = std::max<std::uint64_t>(draw_length(rng), step.lo + 1);
    if ((s > 0 || c.pattern.anchored) && rng() % 4 == 0) step.guard = any();
    c.pattern.steps.push_back(step);
  }
  for (auto a = rng() % 3; a > 0; --a) c.pattern.absences.push_back({any(), draw_length(rng)});
  if (rng() % 3 == 0) c.pattern.span = draw_length(rng) + 1;
}

}  // namespace

TEST_CASE("matches equal the naive enumeration, ties, duplicates and extreme times included") {
  std::mt19937_64 rng(20240229);
  StopToken stop;
  int n_matched = 0;
  int n_undecided = 0;
  for (int round = 0; round < 60'000; ++round) {
    Case c;
    draw(rng, c);
    const auto all = find_occurrences(c.log, c.pattern, c.rows, true, 1 + round % 4, stop);
    const auto first = find_occurrences(c.log, c.pattern, c.rows, false, 1, stop);
    const auto verdicts = match_rows(c.log, c.pattern, c.rows, 1, stop);
    REQUIRE(all.ok());
    REQUIRE(first.ok());
    REQUIRE(verdicts.ok());
    std::size_t at = 0;
    std::size_t at_first = 0;
    for (std::int64_t row = 0; row < c.rows.n_rows; ++row) {
      const auto expected = reference::match_row(c.log, c.pattern, c.bounded, row);
      for (std::size_t i = 0; i < expected.moments.size(); ++i, ++at) {
        REQUIRE(at < all.value().row.size());
        REQUIRE(all.value().row[at] == row);
        REQUIRE(all.value().moment_time[at] == expected.moments[i].time);
        REQUIRE(all.value().start_time[at] == expected.moments[i].start);
        if (i == 0) {
          REQUIRE(first.value().row[at_first] == row);
          REQUIRE(first.value().moment_time[at_first] == expected.moments[i].time);
          REQUIRE(first.value().start_time[at_first] == expected.moments[i].start);
          ++at_first;
        }
      }
      REQUIRE(verdicts.value()[static_cast<std::size_t>(row)] == expected.verdict);
      n_matched += expected.verdict == Verdict::matched;
      n_undecided += expected.verdict == Verdict::undecided;
    }
    REQUIRE(at == all.value().row.size());
    REQUIRE(at_first == first.value().row.size());
  }
  CHECK(n_matched > 10'000);
  CHECK(n_undecided > 300);
}

TEST_CASE("many patterns at once say what each says alone") {
  std::mt19937_64 rng(20261123);
  StopToken stop;
  int n_matched = 0, n_undecided = 0, n_shared = 0;
  for (int round = 0; round < 6'000; ++round) {
    Case c;
    draw(rng, c);
    std::vector<Pattern> patterns;
    for (int i = 0; i < 12; ++i) {
      Case other;
      draw(rng, other);
      Pattern pattern = std::move(other.pattern);
      if (i % 3 != 0) {  // steps that the tree can hold
        pattern.anchored = false;
        for (Step& step : pattern.steps) {
          step.guard = -1;
          step.lo = std::max<std::uint64_t>(step.lo, 1);
          step.hi = std::max(step.hi, step.lo + 1);
        }
      }
      patterns.push_back(pattern);
      if (i % 3 == 1) {  // one that begins alike
        pattern.steps.push_back({0, 1, unbounded, -1});
        patterns.push_back(pattern);
        ++n_shared;
      }
    }
    std::vector<const Pattern*> given;
    for (const Pattern& pattern : patterns) given.push_back(&pattern);
    const bool with_clock = round % 2 == 0;
    const auto many = match_many(c.log, given, c.rows, with_clock, 1 + round % 4, stop);
    REQUIRE(many.ok());
    REQUIRE(many.value().clock.size() == (with_clock ? many.value().verdict.size() : 0));
    for (std::size_t p = 0; p < patterns.size(); ++p) {
      for (std::int64_t row = 0; row < c.rows.n_rows; ++row) {
        const auto expected = reference::match_row(c.log, patterns[p], c.bounded, row);
        const std::size_t at = p * static_cast<std::size_t>(c.rows.n_rows) + static_cast<std::size_t>(row);
        REQUIRE(many.value().verdict[at] == expected.verdict);
        n_matched += expected.verdict == Verdict::matched;
        n_undecided += expected.verdict == Verdict::undecided;
        if (!with_clock) continue;
        std::uint32_t clock = 0;
        for (const auto& moment : expected.moments) {
          const LocalClock local = local_clock(c.log.zone, moment.time);
          clock |= std::uint32_t{1} << local.hour | std::uint32_t{1} << (24 + local.weekday);
        }
        REQUIRE(many.value().clock[at] == clock);
      }
    }
  }
  CHECK(n_matched > 10'000);
  CHECK(n_undecided > 300);
  CHECK(n_shared > 1'000);
}

TEST_CASE("gap tables: every interval's rows and weights are those of the pattern with that gap") {
  std::mt19937_64 rng(42);
  StopToken stop;
  std::int64_t n_counted = 0;
  for (int round = 0; round < 3'000; ++round) {
    Case c;
    draw(rng, c);
    Pattern& pattern = c.pattern;
    pattern.anchored = false;
    while (pattern.steps.size() < 2) pattern.steps.push_back(pattern.steps[0]);
    for (Step& step : pattern.steps) {
      step.guard = -1;
      step.lo = std::max<std::uint64_t>(step.lo, 1);
      step.hi = std::max(step.hi, step.lo + 1);
    }
    std::vector<std::uint64_t> edges{1 + rng() % 2, 3, 4 + rng() % 3, 9, static_cast<std::uint64_t>(max_time)};
    if (round % 2 == 0) edges.push_back(unbounded);
    std::vector<std::int64_t> weight;
    for (std::int64_t row = 0; row < c.rows.n_rows; ++row) weight.push_back(static_cast<std::int64_t>(rng() % 7) - 3);
    std::vector<GapJob> jobs;
    for (std::size_t step = 1; step < pattern.steps.size(); ++step) jobs.push_back({&pattern, step, edges});
    const auto tables = gap_tables(c.log, jobs, c.rows, weight, 1 + round % 3, stop);
    REQUIRE(tables.ok());
    const std::size_t n_bins = edges.size() - 1;
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      for (std::size_t first = 0; first < n_bins; ++first) {
        for (std::size_t last = first; last < n_bins; ++last) {
          Pattern bounded = pattern;
          bounded.steps[jobs[j].step].lo = edges[first];
          bounded.steps[jobs[j].step].hi = edges[last + 1];
          std::int64_t n = 0, sum = 0;
          for (std::int64_t row = 0; row < c.rows.n_rows; ++row) {
            if (reference::match_row(c.log, bounded, c.bounded, row).verdict != Verdict::matched) continue;
            ++n;
            sum += weight[static_cast<std::size_t>(row)];
          }
          REQUIRE(tables.value()[j].n_rows[first * n_bins + last] == n);
          REQUIRE(tables.value()[j].weight[first * n_bins + last] == sum);
          n_counted += n;
        }
      }
    }
  }
  CHECK(n_counted > 4'000);
}

TEST_CASE("local clock") {
  const std::int64_t hour = 3'600'000'000;
  CHECK(local_clock({}, 0).weekday == 3);
  CHECK(local_clock({}, -1).weekday == 2);
  CHECK(local_clock({}, -1).hour == 23);
  const std::vector<std::int64_t> transition{0, 10 * hour};
  const std::vector<std::int64_t> offset{hour, 2 * hour};
  const ZoneView zone{transition, offset};
  CHECK(local_clock(zone, -5 * hour).hour == 20);
  CHECK(local_clock(zone, 10 * hour - 1).hour == 10);
  CHECK(local_clock(zone, 10 * hour).hour == 12);
  CHECK(local_clock(zone, max_time).hour == (static_cast<int>(max_time / hour % 24) + 2) % 24);
}
