#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>

#include "seqmine/permutation.hpp"

using namespace seqmine;

namespace {

struct Given {
  std::vector<std::uint8_t> label;
  std::vector<std::int32_t> stratum;
  std::vector<std::int64_t> unit;
  std::int32_t n_strata = 0;
  [[nodiscard]] ExchangeableLabels view() const { return {label, stratum, n_strata, unit}; }
};

/// Rows whose units are scattered, or one each; strata of which some have no row, some one class.
Given random_labels(std::mt19937_64& rng, std::size_t n_rows) {
  Given given;
  given.n_strata = static_cast<std::int32_t>(rng() % 5);
  const auto n_units = 1 + rng() % (n_rows + 1);
  const bool units = rng() % 2 == 0;
  const auto share = 1 + rng() % 9;
  for (std::size_t row = 0; row < n_rows; ++row) {
    const auto stratum = given.n_strata == 0 ? 0 : static_cast<std::int32_t>(rng() % given.n_strata);
    given.label.push_back(stratum == 3 ? 1 : rng() % 10 < share ? 1 : 0);
    if (given.n_strata > 0) given.stratum.push_back(stratum == 1 ? 0 : stratum);  // stratum 1 stays empty
    if (units) given.unit.push_back(static_cast<std::int64_t>(rng() % n_units) * 1'000'003 - 5);
  }
  return given;
}

PermutedLabels permuted(const Given& given, std::int64_t n_permutations, std::uint64_t seed, int threads) {
  const StopToken stop;
  auto made = permute_labels(given.view(), n_permutations, seed, threads, 0, stop);
  REQUIRE_MESSAGE(made.ok(), made.status().message());
  return std::move(made.value());
}

bool bit(const PermutedLabels& labels, std::size_t row, std::int64_t j) {
  return (labels.row(static_cast<std::int64_t>(row))[j / 64] >> (j % 64) & 1) != 0;
}

/// By sequence of strata, how many units have which sequence of labels.
std::map<std::vector<std::int32_t>, std::map<std::vector<bool>, int>> census(const Given& given,
                                                                             const PermutedLabels& labels,
                                                                             std::int64_t j) {
  std::map<std::int64_t, std::pair<std::vector<std::int32_t>, std::vector<bool>>> units;
  for (std::size_t row = 0; row < given.label.size(); ++row) {
    auto& unit = units[given.unit.empty() ? static_cast<std::int64_t>(row) : given.unit[row]];
    unit.first.push_back(given.stratum.empty() ? 0 : given.stratum[row]);
    unit.second.push_back(bit(labels, row, j));
  }
  std::map<std::vector<std::int32_t>, std::map<std::vector<bool>, int>> counted;
  for (const auto& [name, unit] : units) ++counted[unit.first][unit.second];
  return counted;
}

}  // namespace

TEST_CASE("permuted labels: the observed ones first, whole units exchanged within their sequence of strata") {
  std::mt19937_64 rng(41);
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const Given given = random_labels(rng, rng() % 90);
    const auto n_permutations = static_cast<std::int64_t>(1 + rng() % 700);
    const std::uint64_t seed = rng();
    const PermutedLabels labels = permuted(given, n_permutations, seed, 1 + static_cast<int>(rng() % 3));
    REQUIRE(labels.n_words() % 8 == 0);
    REQUIRE(labels.n_words() * 64 >= static_cast<std::size_t>(n_permutations + 1));
    REQUIRE(labels.n_words() * 64 < static_cast<std::size_t>(n_permutations + 1 + 512));
    for (std::size_t row = 0; row < given.label.size(); ++row) {
      REQUIRE(bit(labels, row, 0) == (given.label[row] != 0));
      for (auto j = n_permutations + 1; j < static_cast<std::int64_t>(labels.n_counters()); ++j) {
        REQUIRE_FALSE(bit(labels, row, j));
      }
    }
    const auto observed = census(given, labels, 0);
    for (std::int64_t j = 1; j <= n_permutations; ++j) REQUIRE(census(given, labels, j) == observed);
    // Neither the threads nor the number of permutations changes one.
    const PermutedLabels more = permuted(given, n_permutations + 64, seed, 4);
    for (std::size_t row = 0; row < given.label.size(); ++row) {
      for (std::int64_t j = 0; j <= n_permutations; ++j) REQUIRE(bit(labels, row, j) == bit(more, row, j));
    }
  }
}

TEST_CASE("every arrangement of a group is equally likely, and groups are independent") {
  // Two groups of five rows with two and three positive ones: 10 x 10 arrangements.
  Given given;
  given.n_strata = 2;
  given.stratum = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
  given.label = {1, 1, 1, 1, 0, 1, 0, 0, 0, 0};
  constexpr std::int64_t n = 40'000;
  const PermutedLabels labels = permuted(given, n, 7, 1);
  std::map<unsigned, int> seen;
  for (std::int64_t j = 1; j <= n; ++j) {
    unsigned arrangement = 0;
    for (std::size_t row = 0; row < 10; ++row) arrangement |= bit(labels, row, j) ? 1U << row : 0U;
    ++seen[arrangement];
  }
  CHECK(seen.size() == 100);
  double chi2 = 0;
  for (const auto& [arrangement, count] : seen) chi2 += (count - 400.0) * (count - 400.0) / 400.0;
  CHECK(chi2 < 161.3);  // the 0.9999 quantile of chi-square with 99 degrees of freedom
  CHECK(chi2 > 48.0);   // and the 0.00001 quantile: not evened out either
}

TEST_CASE("units of several rows: every arrangement of their label vectors is equally likely") {
  // Four units of two rows, with the vectors 00, 00, 01 and 11: twelve arrangements.
  Given given;
  given.unit = {3, 1, 2, 0, 0, 1, 2, 3};
  given.label = {1, 0, 0, 0, 1, 0, 0, 1};
  constexpr std::int64_t n = 24'000;
  const PermutedLabels labels = permuted(given, n, 8, 1);
  std::map<unsigned, int> seen;
  for (std::int64_t j = 1; j <= n; ++j) {
    unsigned arrangement = 0;
    for (std::size_t row = 0; row < 8; ++row) arrangement |= bit(labels, row, j) ? 1U << row : 0U;
    ++seen[arrangement];
  }
  CHECK(seen.size() == 12);
  double chi2 = 0;
  for (const auto& [arrangement, count] : seen) chi2 += (count - 2'000.0) * (count - 2'000.0) / 2'000.0;
  CHECK(chi2 < 37.4);  // 0.9999, 11 degrees of freedom
}

TEST_CASE("a group of one class stays as it is; another seed gives other labels") {
  Given given;
  given.n_strata = 3;
  for (int row = 0; row < 60; ++row) {
    given.stratum.push_back(row % 2 == 0 ? 0 : 2);
    given.label.push_back(row % 2 == 0 ? 1 : row % 3 == 0 ? 1 : 0);
  }
  const PermutedLabels labels = permuted(given, 511, 1, 2), others = permuted(given, 511, 2, 2);
  std::set<std::string> different;
  for (std::int64_t j = 1; j < 512; ++j) {
    std::string one, two;
    for (std::size_t row = 0; row < 60; ++row) {
      if (row % 2 == 0) REQUIRE(bit(labels, row, j));
      one += bit(labels, row, j) ? '1' : '0';
      two += bit(others, row, j) ? '1' : '0';
    }
    different.insert(one);
    different.insert(two);
  }
  CHECK(different.size() == 2 * 511);
}

TEST_CASE("every kernel counts what single bits give") {
  std::mt19937_64 rng(42);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    const Given given = random_labels(rng, 1 + rng() % 400);
    const auto n_permutations = static_cast<std::int64_t>(std::vector<std::uint64_t>{1, 63, 511, 512, 1'023, 1'700}[rng() % 6]);
    const PermutedLabels labels = permuted(given, n_permutations, rng(), 1);
    // Lists of every length around the sixteens, and longer ones in which rows repeat.
    std::vector<std::uint32_t> rows(round < 40 ? static_cast<std::size_t>(round) : rng() % 5'000);
    for (std::uint32_t& row : rows) row = static_cast<std::uint32_t>(rng() % given.label.size());
    std::vector<std::uint32_t> want(labels.n_counters(), 0);
    for (const std::uint32_t row : rows) {
      for (std::size_t j = 0; j < want.size(); ++j) want[j] += bit(labels, row, static_cast<std::int64_t>(j)) ? 1 : 0;
    }
    for (const CountKernel kernel : {CountKernel::scalar, CountKernel::avx2, CountKernel::avx512, CountKernel::best}) {
      if (!kernel_available(kernel)) continue;
      CAPTURE(static_cast<int>(kernel));
      std::vector<std::uint32_t> got(labels.n_counters(), 77);
      labels.count(rows, got.data(), kernel);
      REQUIRE(got == want);
    }
  }
}

TEST_CASE("counters carry through all their digits") {
  Given given;
  given.label = {1, 0};
  const PermutedLabels labels = permuted(given, 1, 1, 1);
  for (const std::size_t n : {std::size_t{1} << 16, (std::size_t{1} << 16) - 1, (std::size_t{1} << 20) + 17}) {
    const std::vector<std::uint32_t> rows(n, 0);
    for (const CountKernel kernel : {CountKernel::scalar, CountKernel::avx2, CountKernel::avx512}) {
      if (!kernel_available(kernel)) continue;
      std::vector<std::uint32_t> counts(labels.n_counters());
      labels.count(rows, counts.data(), kernel);
      REQUIRE(counts[0] == n);
      REQUIRE(counts[511] == 0);
    }
  }
}

TEST_CASE("labels that cannot be permuted are refused") {
  const StopToken stop;
  Given given;
  given.label = {1, 0, 1};
  const auto code = [&](const ExchangeableLabels& labels, std::int64_t n, std::int64_t memory = 0) {
    return permute_labels(labels, n, 1, 1, memory, stop).status().code();
  };
  CHECK(code(given.view(), 5) == Code::ok);
  CHECK(code(given.view(), 0) == Code::invalid_argument);
  CHECK(code(given.view(), 65'536) == Code::invalid_argument);
  CHECK(code(given.view(), 5, 100) == Code::out_of_memory);
  given.unit = {1};
  CHECK(code(given.view(), 5) == Code::invalid_argument);
  given.unit.clear();
  given.stratum = {0, 1, 2};
  given.n_strata = 2;
  CHECK(code(given.view(), 5) == Code::invalid_argument);
  StopToken set;
  set.request_stop();
  given.stratum.clear();
  CHECK(permute_labels(given.view(), 5, 1, 1, 0, set).status().code() == Code::cancelled);
}
