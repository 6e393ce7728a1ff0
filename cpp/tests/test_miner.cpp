#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "naive_database.hpp"
#include "naive_miner.hpp"
#include "seqmine/miner.hpp"

using namespace seqmine;
using namespace seqmine::reference;

namespace {

struct Labelled {
  std::vector<std::uint8_t> label;
  std::vector<std::int32_t> stratum;
  std::int32_t n_strata = 0;
  std::vector<std::int64_t> weight;
  [[nodiscard]] MinerLabels view() const { return {label, stratum, n_strata, weight, 4}; }
};

/// Style 0: yes or no; 1: in three strata; 2: numbers, as weights.
Labelled random_labels(std::mt19937_64& rng, std::int64_t n_rows, int style) {
  Labelled labels;
  const bool strata = style == 1;
  for (std::int64_t row = 0; row < n_rows; ++row) {
    labels.label.push_back(row < 2 ? static_cast<std::uint8_t>(row) : static_cast<std::uint8_t>(rng() % 2));
    if (strata) labels.stratum.push_back(static_cast<std::int32_t>(rng() % 3));
    if (style == 2) labels.weight.push_back(static_cast<std::int64_t>(rng() % 5));
  }
  labels.n_strata = strata ? 3 : 0;
  return labels;
}

const std::vector<std::vector<std::int64_t>>& clocks() {
  static const std::vector<std::vector<std::int64_t>> all{
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
      {-600, 0, 600, 1200, 1260, 1261, 4000},
      {INT64_MIN + 1, -1, 0, 1, 7, INT64_MAX},
      {0, 3'600'000'000, 7'200'000'000, 86'400'000'000, 90'000'000'000, 400'000'000'000},
  };
  return all;
}

const std::vector<std::vector<std::uint64_t>>& gap_limits() {
  static const std::vector<std::vector<std::uint64_t>> all{
      {1, 2, 4, unbounded}, {1, 600, 700, 2000, unbounded}, {1, 8, 1ULL << 63, unbounded},
      {1, 3'600'000'000, 7'200'000'001, 90'000'000'000, unbounded}};
  return all;
}

struct Problem {
  OwnedLog log;
  OwnedRows rows;
  Labelled labels;
  std::vector<Item> items;
  MinerOptions options;
};

Problem random_problem(std::mt19937_64& rng, std::int64_t n_entities) {
  Problem problem;
  const std::size_t clock = rng() % clocks().size();
  const auto& times = clocks()[clock];
  problem.log = random_log(rng, n_entities, 1 + static_cast<std::int64_t>(rng() % 4), 8, times);
  problem.rows = whole_rows(problem.log);
  if (rng() % 3 == 0) {
    for (std::int64_t& last : problem.rows.last) last = times[rng() % times.size()];
  }
  if (rng() % 4 == 0) {
    problem.rows.excluded.assign(static_cast<std::size_t>(problem.log.n_types), 0);
    problem.rows.excluded[rng() % problem.rows.excluded.size()] = 1;
  }
  problem.labels = random_labels(rng, problem.rows.view().n_rows, static_cast<int>(rng() % 3));
  problem.items = plain_items(problem.log.n_types);
  if (rng() % 2 == 0) {  // sorts before the plain items; overlaps them
    Item large{{std::vector<std::uint8_t>(static_cast<std::size_t>(problem.log.n_types), 1), {}}, "*{value>=2}"};
    large.predicate.conditions.push_back({Condition::Field::value, -1, Comparison::ge, 2.0, {}});
    problem.items.insert(problem.items.begin(), large);
  }
  const auto& limits = gap_limits()[clock];
  MinerOptions& options = problem.options;
  options.max_length = 1 + static_cast<std::int32_t>(rng() % 3);
  options.max_gap = limits[1 + rng() % (limits.size() - 1)];
  options.min_gap = rng() % 3 == 0 ? limits[rng() % 2] : 1;
  if (options.min_gap >= options.max_gap) options.min_gap = 1;
  options.max_span = rng() % 3 == 0 ? limits[1 + rng() % (limits.size() - 1)] : unbounded;
  options.min_support = 1 + static_cast<std::int64_t>(rng() % 3);
  options.top_k = 1 + static_cast<std::int64_t>(rng() % 12);
  options.redundancy = std::vector<double>{-1.0, 0.0, 0.5, 0.9, 1.0}[rng() % 5];
  options.direction = static_cast<Direction>(rng() % 3);
  options.most_distributed = std::vector<std::size_t>{0, 1, 2, 5}[rng() % 4];
  if (rng() % 3 == 0) {
    const auto first = static_cast<std::int32_t>(problem.items.size()) - static_cast<std::int32_t>(problem.log.n_types);
    for (auto item = first; item < static_cast<std::int32_t>(problem.items.size()); ++item) {
      options.absences.push_back({item, limits[1]});
    }
  }
  return problem;
}

Result<MinerResult> run(const Problem& problem, const MinerOptions& options) {
  const StopToken stop;
  return mine(problem.log.view(), problem.rows.view(), problem.labels.view(), problem.items, options, stop);
}

void require_same(const std::vector<MinedPattern>& a, const std::vector<MinedPattern>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].text == b[i].text);
    REQUIRE(a[i].n_matched == b[i].n_matched);
    REQUIRE(a[i].n_positive == b[i].n_positive);
    REQUIRE(a[i].score == b[i].score);
  }
}

}  // namespace

TEST_CASE("fixed gaps: the top-k equal those of the naive twin") {
  std::mt19937_64 rng(11);
  std::size_t n_patterns = 0, n_absences = 0;
  for (int round = 0; round < 1'200; ++round) {
    Problem problem = random_problem(rng, 3 + static_cast<std::int64_t>(rng() % 8));
    CAPTURE(round);
    problem.options.threads = 1 + static_cast<int>(rng() % 3);
    const auto want = naive_top(naive_ranking(problem.log.view(), problem.rows.view(), problem.labels.view(),
                                              problem.items, problem.options),
                                problem.options.top_k, problem.options.redundancy);
    const Result<MinerResult> got = run(problem, problem.options);
    REQUIRE_MESSAGE(got.ok(), got.status().message());
    const auto& patterns = got.value().patterns;
    REQUIRE(got.value().complete);
    REQUIRE(patterns.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      CAPTURE(i);
      REQUIRE(patterns[i].text == want[i].text);
      REQUIRE(patterns[i].n_matched == want[i].n_matched);
      REQUIRE(patterns[i].n_positive == want[i].n_positive);
      REQUIRE(patterns[i].score == want[i].score);
      REQUIRE(patterns[i].raises == want[i].raises);
      n_absences += patterns[i].absent_item >= 0 ? 1 : 0;
    }
    n_patterns += want.size();
  }
  CHECK(n_patterns > 1'000);
  CHECK(n_absences > 20);
}

TEST_CASE("learned gaps: the counts of every reported interval are exact, and no fixed-gap pattern beats them") {
  std::mt19937_64 rng(12);
  std::size_t narrowed = 0;
  for (int round = 0; round < 300; ++round) {
    Problem problem = random_problem(rng, 3 + static_cast<std::int64_t>(rng() % 8));
    CAPTURE(round);
    MinerOptions& options = problem.options;
    options.learn_gaps = true;
    options.gap_edges = {2, 3, 5, 8, 100, 600, 1'000, 3'600'000'000, 40'000'000'000, 1ULL << 62};
    options.threads = 1 + static_cast<int>(rng() % 3);
    const Result<MinerResult> got = run(problem, options);
    REQUIRE_MESSAGE(got.ok(), got.status().message());
    for (const MinedPattern& pattern : got.value().patterns) {
      const auto rows = naive_rows(problem.log.view(), problem.rows.view(), problem.items, pattern, options.max_span);
      REQUIRE(static_cast<std::int64_t>(rows.size()) == pattern.n_matched);
      std::int64_t positive = 0;
      for (const std::int64_t row : rows) positive += problem.labels.label[static_cast<std::size_t>(row)];
      REQUIRE(positive == pattern.n_positive);
      REQUIRE(pattern.n_matched >= options.min_support);
      for (std::size_t i = 1; i < pattern.steps.size(); ++i) {
        narrowed += pattern.steps[i].lo != options.min_gap || pattern.steps[i].hi != options.max_gap ? 1 : 0;
      }
    }
    if (options.redundancy < 0 && options.direction == Direction::both) {
      MinerOptions fixed = options;
      fixed.learn_gaps = false;
      const Result<MinerResult> plain = run(problem, fixed);
      REQUIRE(plain.ok());
      if (!plain.value().patterns.empty()) {
        REQUIRE(got.value().patterns.front().score >= plain.value().patterns.front().score);
      }
    }
  }
  CHECK(narrowed > 100);
}

TEST_CASE("the same patterns for any number of threads and size of groups, measure and gap mode") {
  std::mt19937_64 rng(13);
  for (int round = 0; round < 24; ++round) {
    Problem problem = random_problem(rng, 600);
    MinerOptions& options = problem.options;
    options.measure = static_cast<Measure>(round % 6);
    if (options.measure != Measure::leverage) problem.labels.stratum.clear(), problem.labels.weight.clear();
    options.learn_gaps = round % 2 == 0;
    options.gap_edges = {2, 3, 5, 8, 100, 600, 3'600'000'000};
    options.min_support = 5;
    options.top_k = 20;
    options.max_length = 3;
    options.threads = 1;
    const Result<MinerResult> one = run(problem, options);
    REQUIRE(one.ok());
    for (const int threads : {2, 4, 8, 1}) {
      options.threads = threads;
      options.most_distributed = threads == 2 ? 0 : static_cast<std::size_t>(40 * threads);
      const Result<MinerResult> many = run(problem, options);
      REQUIRE(many.ok());
      require_same(one.value().patterns, many.value().patterns);
    }
  }
}

TEST_CASE("pruning loses nothing: a small top-k is the head of a large one, for every measure") {
  std::mt19937_64 rng(14);
  for (int round = 0; round < 120; ++round) {
    Problem problem = random_problem(rng, 40);
    MinerOptions& options = problem.options;
    options.measure = static_cast<Measure>(round % 6);
    if (options.measure != Measure::leverage) problem.labels.stratum.clear(), problem.labels.weight.clear();
    options.redundancy = -1.0;
    options.max_length = 3;
    options.threads = 1;
    options.top_k = 5;
    const Result<MinerResult> small = run(problem, options);
    options.top_k = 100'000;
    const Result<MinerResult> all = run(problem, options);
    REQUIRE(small.ok());
    REQUIRE(all.ok());
    auto head = all.value().patterns;
    head.resize(std::min<std::size_t>(head.size(), 5));
    require_same(small.value().patterns, head);
    for (std::size_t i = 1; i < all.value().patterns.size(); ++i) {
      REQUIRE(all.value().patterns[i - 1].score >= all.value().patterns[i].score);
    }
  }
}

TEST_CASE("measures: worked by hand on one table of counts") {
  // 10 rows, 4 positive; event a in rows 0-4, of which 3 are positive.
  Problem problem;
  problem.log.n_types = 1;
  for (int entity = 0; entity < 10; ++entity) {
    if (entity < 5) {
      problem.log.time.push_back(1);
      problem.log.code.push_back(0);
    }
    problem.log.offsets.push_back(static_cast<std::int64_t>(problem.log.time.size()));
  }
  problem.log.value.assign(problem.log.time.size(), 0.0);
  problem.rows = whole_rows(problem.log);
  problem.labels.label = {1, 1, 1, 0, 0, 1, 0, 0, 0, 0};
  problem.items = plain_items(1);
  problem.options.min_support = 1;
  problem.options.max_length = 1;
  const std::vector<double> want{3 - 5 * 0.4,
                                 (3 - 5 * 0.4) / 10,
                                 10.0 * (3 * 6 - 2 * 4) * (3 * 6 - 2 * 4) / (5 * 5 * 4 * 6.0),
                                 std::log((3.5 * 4.5) / (2.5 * 1.5)),
                                 -0.4 * std::log(0.4) - 0.6 * std::log(0.6) -
                                     0.5 * (-0.6 * std::log(0.6) - 0.4 * std::log(0.4)) -
                                     0.5 * (-0.2 * std::log(0.2) - 0.8 * std::log(0.8)),
                                 0.6 / 0.4};
  for (std::size_t measure = 0; measure < want.size(); ++measure) {
    problem.options.measure = static_cast<Measure>(measure);
    const Result<MinerResult> got = run(problem, problem.options);
    REQUIRE(got.ok());
    REQUIRE(got.value().patterns.size() == 1);
    CHECK(got.value().patterns[0].score == doctest::Approx(want[measure]).epsilon(1e-12));
    CHECK(got.value().patterns[0].raises);
  }
}

TEST_CASE("under a maximum gap the pair table prunes consecutive steps only") {
  // a..c is never within the gap, a..b..c always is.
  Problem problem;
  problem.log.n_types = 3;
  for (int entity = 0; entity < 6; ++entity) {
    problem.log.time.insert(problem.log.time.end(), {0, 5, 10});
    problem.log.code.insert(problem.log.code.end(), {0, 1, 2});
    problem.log.offsets.push_back(static_cast<std::int64_t>(problem.log.time.size()));
  }
  problem.log.value.assign(problem.log.time.size(), 0.0);
  problem.rows = whole_rows(problem.log);
  problem.labels.label = {1, 1, 1, 0, 0, 0};
  problem.items = plain_items(3);
  problem.options.min_support = 6;
  problem.options.max_gap = 6;
  problem.options.redundancy = -1.0;
  const Result<MinerResult> got = run(problem, problem.options);
  REQUIRE(got.ok());
  std::vector<std::string> texts;
  for (const MinedPattern& pattern : got.value().patterns) texts.push_back(pattern.text);
  CHECK(std::find(texts.begin(), texts.end(), "a -[1us,6us)-> b -[1us,6us)-> c") != texts.end());
  CHECK(texts.size() == 6);
}

TEST_CASE("an item may name its type by number instead of by flags") {
  std::mt19937_64 rng(17);
  for (int round = 0; round < 20; ++round) {
    Problem problem = random_problem(rng, 20);
    const Result<MinerResult> flags = run(problem, problem.options);
    const auto plain = problem.items.size() - static_cast<std::size_t>(problem.log.n_types);
    for (std::size_t i = plain; i < problem.items.size(); ++i) {
      problem.items[i].type = static_cast<std::int64_t>(i - plain);
      problem.items[i].predicate.types.clear();
    }
    const Result<MinerResult> numbers = run(problem, problem.options);
    REQUIRE(flags.ok());
    REQUIRE(numbers.ok());
    require_same(flags.value().patterns, numbers.value().patterns);
  }
}

TEST_CASE("budgets and cancelling") {
  std::mt19937_64 rng(15);
  Problem problem = random_problem(rng, 2);
  problem.log = random_log(rng, 3'000, 12, 60, [] {
    std::vector<std::int64_t> times;
    for (std::int64_t t = 0; t < 400; ++t) times.push_back(t * 7);
    return times;
  }());
  problem.rows = whole_rows(problem.log);
  problem.labels = random_labels(rng, problem.rows.view().n_rows, 0);
  problem.items = plain_items(problem.log.n_types);
  MinerOptions& options = problem.options;
  options = {};
  options.max_length = 12;
  options.min_support = 2;
  options.top_k = 100'000;
  options.threads = 2;

  SUBCASE("time") {
    options.max_seconds = 0.3;
    const auto started = std::chrono::steady_clock::now();
    const Result<MinerResult> got = run(problem, options);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
    REQUIRE(got.ok());
    CHECK_FALSE(got.value().complete);
    CHECK(took.count() < 3.0);  // generous: sanitizers run this too
  }
  SUBCASE("memory: subtrees are cut, counts stay exact") {
    options.max_memory = 3'000'000;  // more than the events alone, less than the search
    options.max_length = 3;
    options.min_support = 50;
    options.top_k = 50;
    options.redundancy = -1.0;
    MinerOptions free = options;
    free.max_memory = 0;
    free.top_k = 100'000;
    const Result<MinerResult> all = run(problem, free);
    const Result<MinerResult> got = run(problem, options);
    REQUIRE(all.ok());
    REQUIRE_MESSAGE(got.ok(), got.status().message());
    CHECK_FALSE(got.value().complete);
    CHECK_FALSE(got.value().patterns.empty());
    for (const MinedPattern& pattern : got.value().patterns) {
      const auto twin = std::find_if(all.value().patterns.begin(), all.value().patterns.end(),
                                     [&](const MinedPattern& other) { return other.text == pattern.text; });
      REQUIRE(twin != all.value().patterns.end());
      REQUIRE(twin->n_matched == pattern.n_matched);
      REQUIRE(twin->n_positive == pattern.n_positive);
    }
  }
  SUBCASE("memory below what the events take") {
    options.max_memory = 1'000;
    CHECK(run(problem, options).status().code() == Code::out_of_memory);
  }
  SUBCASE("cancel") {
    StopToken stop;
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      stop.request_stop();
    });
    const auto got = mine(problem.log.view(), problem.rows.view(), problem.labels.view(), problem.items, options, stop);
    later.join();
    CHECK(got.status().code() == Code::cancelled);
  }
}

TEST_CASE("what cannot be mined is refused") {
  std::mt19937_64 rng(16);
  Problem problem = random_problem(rng, 8);
  problem.labels.stratum.clear();
  problem.labels.weight.clear();
  problem.options = {};
  const auto refused = [&](const MinerOptions& options) { return run(problem, options).status().code(); };
  MinerOptions options;
  options.max_gap = 1;
  CHECK(refused(options) == Code::invalid_argument);
  options = {};
  options.absences = {{99, 5}};
  CHECK(refused(options) == Code::invalid_argument);
  options = {};
  for (std::uint64_t edge = 2; edge < 70; ++edge) options.gap_edges.push_back(edge);
  CHECK(refused(options) == Code::invalid_argument);
  problem.labels.label.assign(problem.labels.label.size(), 1);
  CHECK(refused({}) == Code::invalid_argument);
}
