#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "naive_database.hpp"
#include "naive_permutation.hpp"
#include "seqmine/permutation.hpp"

using namespace seqmine;
using namespace seqmine::reference;

namespace {

struct Problem {
  OwnedLog log;
  OwnedRows rows;
  std::vector<Item> items;
  std::vector<std::uint8_t> label;
  std::vector<std::int32_t> stratum;
  std::vector<std::int64_t> unit;
  FamilyOptions options;
  [[nodiscard]] ExchangeableLabels labels() const {
    return {label, stratum, stratum.empty() ? 0 : 4, unit};
  }
};

/// A small log of many ties, with several rows for some entities, which then are units of several rows.
Problem random_problem(std::mt19937_64& rng, std::int64_t n_entities) {
  static const std::vector<std::int64_t> times{0, 1, 2, 3, 5, 8, 9, 12, 20};
  static const std::vector<std::uint64_t> limits{2, 4, 9, unbounded};
  Problem problem;
  problem.log = random_log(rng, n_entities, 1 + static_cast<std::int64_t>(rng() % 3), 9, times);
  const bool landmarks = rng() % 2 == 0;
  for (std::int64_t entity = 0; entity < n_entities; ++entity) {
    for (std::uint64_t copy = 0; copy <= (landmarks ? rng() % 3 : 0); ++copy) {
      problem.rows.entity.push_back(entity);
      problem.rows.lo.push_back(rng() % 4 == 0 ? 2 : INT64_MIN + 1);
      problem.rows.last.push_back(rng() % 2 == 0 ? INT64_MAX : times[rng() % times.size()]);
    }
  }
  const std::size_t n_rows = problem.rows.entity.size();
  const bool strata = rng() % 3 != 0;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const auto stratum = static_cast<std::int32_t>(rng() % 3);  // of four: one has no row
    problem.label.push_back(row < 2 ? static_cast<std::uint8_t>(row) : stratum == 2 && strata ? 1 : rng() % 5 < 2 ? 1 : 0);
    if (strata) problem.stratum.push_back(stratum);
    if (landmarks) problem.unit.push_back(problem.rows.entity[row] * 17 - 100);
  }
  problem.items = plain_items(problem.log.n_types);
  if (rng() % 3 == 0) {
    Item large{{std::vector<std::uint8_t>(static_cast<std::size_t>(problem.log.n_types), 1), {}}, "*{value>=2}"};
    large.predicate.conditions.push_back({Condition::Field::value, -1, Comparison::ge, 2.0, {}});
    problem.items.insert(problem.items.begin(), large);
  }
  FamilyOptions& options = problem.options;
  options.n_permutations = 1 + static_cast<std::int64_t>(rng() % 150);
  options.seed = rng();
  options.max_length = 1 + static_cast<std::int32_t>(rng() % 3);
  options.max_gap = limits[rng() % limits.size()];
  options.min_gap = rng() % 3 == 0 && options.max_gap > 2 ? 2 : 1;
  options.max_span = rng() % 3 == 0 ? limits[rng() % limits.size()] : unbounded;
  options.min_support = 1 + static_cast<std::int64_t>(rng() % 20);
  options.most_distributed = std::vector<std::size_t>{0, 1, 40}[rng() % 3];
  return problem;
}

Result<FamilyMaxima> run(const Problem& problem, const FamilyOptions& options) {
  const StopToken stop;
  return westfall_young(problem.log.view(), problem.rows.view(), problem.labels(), problem.items, options, stop);
}

std::vector<std::vector<bool>> read_bits(const Problem& problem) {
  const StopToken stop;
  const auto made = permute_labels(problem.labels(), problem.options.n_permutations, problem.options.seed, 1, 0, stop);
  REQUIRE(made.ok());
  std::vector<std::vector<bool>> bits(problem.label.size());
  for (std::size_t row = 0; row < bits.size(); ++row) {
    for (std::int64_t j = 0; j <= problem.options.n_permutations; ++j) {
      bits[row].push_back((made.value().row(static_cast<std::int64_t>(row))[j / 64] >> (j % 64) & 1) != 0);
    }
  }
  return bits;
}

void require_same(const FamilyMaxima& a, const FamilyMaxima& b) {
  REQUIRE(a.complete == b.complete);
  REQUIRE(a.maxima == b.maxima);  // every bit
  REQUIRE((a.observed == b.observed || (std::isnan(a.observed) && std::isnan(b.observed))));
  REQUIRE(a.n_patterns == b.n_patterns);
  REQUIRE(a.n_tested == b.n_tested);
  REQUIRE(a.work == b.work);
}

/// Long enough lists that workers leave subtrees to each other.
Problem large_problem() {
  std::mt19937_64 rng(53);
  Problem problem = random_problem(rng, 1);
  std::vector<std::int64_t> times;
  for (std::int64_t t = 0; t < 200; ++t) times.push_back(t);
  problem.log = random_log(rng, 6'000, 6, 25, times);
  problem.rows = whole_rows(problem.log);
  problem.items = plain_items(6);
  problem.label.clear();
  problem.stratum.clear();
  problem.unit.clear();
  for (std::size_t row = 0; row < problem.rows.entity.size(); ++row) {
    problem.label.push_back(rng() % 4 == 0 ? 1 : 0);
    problem.stratum.push_back(static_cast<std::int32_t>(rng() % 4));
  }
  problem.options = {};
  problem.options.n_permutations = 200;
  problem.options.max_gap = 30;
  problem.options.min_support = 60;
  problem.options.max_length = 4;
  return problem;
}

}  // namespace

TEST_CASE("maxima equal those of the naive twin, whatever the threads and the kernel") {
  std::mt19937_64 rng(51);
  std::int64_t n_tested = 0, n_below = 0, n_compared = 0;
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    Problem problem = random_problem(rng, 30 + static_cast<std::int64_t>(rng() % 130));
    const NaiveMaxima want = naive_maxima(problem.log.view(), problem.rows.view(), problem.labels(), problem.items,
                                          problem.options, read_bits(problem));
    if (want.close) continue;
    ++n_compared;
    problem.options.threads = 1;
    const Result<FamilyMaxima> one = run(problem, problem.options);
    REQUIRE_MESSAGE(one.ok(), one.status().message());
    const FamilyMaxima& got = one.value();
    REQUIRE(got.complete);
    REQUIRE(got.n_patterns == want.n_patterns);
    REQUIRE(got.n_tested == want.n_tested);
    REQUIRE(got.work == want.work);
    REQUIRE(got.maxima.size() + 1 == want.maxima.size());
    REQUIRE(got.observed == doctest::Approx(want.maxima[0]).epsilon(1e-12));
    for (std::size_t j = 0; j < got.maxima.size(); ++j) {
      REQUIRE(got.maxima[j] == doctest::Approx(want.maxima[j + 1]).epsilon(1e-12));
    }
    for (const int threads : {2, 4}) {
      problem.options.threads = threads;
      const auto again = run(problem, problem.options);
      REQUIRE(again.ok());
      require_same(again.value(), got);
    }
    for (const CountKernel kernel : {CountKernel::scalar, CountKernel::avx2, CountKernel::avx512}) {
      if (!kernel_available(kernel)) continue;
      problem.options.kernel = kernel;
      const auto again = run(problem, problem.options);
      REQUIRE(again.ok());
      require_same(again.value(), got);
    }
    n_tested += got.n_tested;
    n_below += got.n_patterns - got.n_tested;
  }
  CHECK(n_compared > 250);
  CHECK(n_tested > 500);
  CHECK(n_below > 500);
}

TEST_CASE("a family that workers share is the same for any number of them") {
  Problem problem = large_problem();
  for (const std::uint64_t span : {unbounded, std::uint64_t{60}}) {
    for (const std::uint64_t gap : {std::uint64_t{30}, unbounded}) {
      problem.options.max_span = span;
      problem.options.max_gap = gap;
      problem.options.max_length = gap == unbounded ? 3 : 4;
      problem.options.threads = 1;
      const auto one = run(problem, problem.options);
      REQUIRE(one.ok());
      CHECK(one.value().n_tested > 200);
      for (const int threads : {2, 4}) {
        problem.options.threads = threads;
        const auto again = run(problem, problem.options);
        REQUIRE(again.ok());
        require_same(again.value(), one.value());
      }
    }
  }
}

TEST_CASE("a limit of work ends the search exactly when the family needs more") {
  Problem problem = large_problem();
  const auto whole = run(problem, problem.options);
  REQUIRE(whole.ok());
  for (const int threads : {1, 2, 4}) {
    FamilyOptions options = problem.options;
    options.threads = threads;
    options.max_work = whole.value().work;
    const auto enough = run(problem, options);
    REQUIRE(enough.ok());
    require_same(enough.value(), whole.value());
    options.max_work = whole.value().work - 1;
    const auto less = run(problem, options);
    REQUIRE(less.ok());
    CHECK_FALSE(less.value().complete);
    CHECK(less.value().truncated_by == "work");
    CHECK(less.value().maxima.empty());
    CHECK(std::isnan(less.value().observed));
    CHECK(less.value().n_patterns == 0);
    CHECK(less.value().work == 0);
  }
}

TEST_CASE("other limits of the family search") {
  Problem problem = large_problem();
  FamilyOptions options = problem.options;
  SUBCASE("time") {
    options.max_seconds = 0.03;
    options.min_support = 2;
    options.max_length = 6;
    const auto begin = std::chrono::steady_clock::now();
    const auto got = run(problem, options);
    REQUIRE(got.ok());
    CHECK_FALSE(got.value().complete);
    CHECK(got.value().truncated_by == "seconds");
    CHECK(got.value().maxima.empty());
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
  }
  SUBCASE("memory") {
    options.threads = 1;
    for (const std::int64_t most : {1'000, 1'000'000, 2'500'000}) {
      options.max_memory = most;
      CHECK(run(problem, options).status().code() == Code::out_of_memory);
    }
    options.max_memory = std::int64_t{64} << 20;
    const auto got = run(problem, options);
    REQUIRE(got.ok());
    options.max_memory = 0;
    require_same(got.value(), run(problem, options).value());
  }
  SUBCASE("cancel") {
    options.max_gap = unbounded;
    options.max_length = 12;
    StopToken stop;
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      stop.request_stop();
    });
    const auto got =
        westfall_young(problem.log.view(), problem.rows.view(), problem.labels(), problem.items, options, stop);
    later.join();
    CHECK(got.status().code() == Code::cancelled);
  }
}

TEST_CASE("what has no family is refused or has nothing to test") {
  std::mt19937_64 rng(54);
  Problem problem = random_problem(rng, 30);
  const auto refused = [&](const FamilyOptions& options) { return run(problem, options).status().code(); };
  FamilyOptions options;
  options.max_gap = 1;
  CHECK(refused(options) == Code::invalid_argument);
  options = {};
  options.n_permutations = 0;
  CHECK(refused(options) == Code::invalid_argument);
  options = {};
  options.min_support = 1'000;  // nobody has so many rows
  const auto nothing = run(problem, options);
  REQUIRE(nothing.ok());
  CHECK(nothing.value().n_patterns == 0);
  CHECK(nothing.value().maxima == std::vector<double>(1'023, 0.0));
  problem.label.assign(problem.label.size(), 1);
  CHECK(refused({}) == Code::invalid_argument);
}
