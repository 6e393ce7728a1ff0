#include "naive_permutation.hpp"

#include <algorithm>
#include <cmath>

#include "naive_miner.hpp"

namespace seqmine::reference {

namespace {

struct Stratum {
  std::vector<std::int64_t> rows;
  std::int64_t positive = 0;
};

/// Variance of the positive ones among m rows of a stratum.
long double variance(const Stratum& stratum, std::int64_t m) {
  const auto n = static_cast<long double>(stratum.rows.size()), p = static_cast<long double>(stratum.positive);
  if (n < 2) return 0;
  return static_cast<long double>(m) * (n - static_cast<long double>(m)) * p * (n - p) / (n * n * (n - 1));
}

}  // namespace

NaiveMaxima naive_maxima(const LogView& log, const RowsView& rows, const ExchangeableLabels& labels,
                         const std::vector<Item>& items, const FamilyOptions& options,
                         const std::vector<std::vector<bool>>& bits) {
  std::vector<Stratum> strata(labels.stratum.empty() ? 1 : static_cast<std::size_t>(labels.n_strata));
  const auto stratum_of = [&](std::int64_t row) -> Stratum& {
    return strata[labels.stratum.empty() ? 0 : static_cast<std::size_t>(labels.stratum[static_cast<std::size_t>(row)])];
  };
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    stratum_of(row).rows.push_back(row);
    stratum_of(row).positive += labels.label[static_cast<std::size_t>(row)];
  }

  NaiveMaxima found;
  found.maxima.assign(static_cast<std::size_t>(options.n_permutations) + 1, 0.0);
  /// True when something longer may be tested.
  const auto consider = [&](const MinedPattern& pattern) {
    const std::vector<std::int64_t> matched = naive_rows(log, rows, items, pattern, options.max_span);
    if (static_cast<std::int64_t>(matched.size()) < options.min_support) return false;
    ++found.n_patterns;
    found.work += static_cast<std::int64_t>(matched.size());
    long double mean = 0, spread = 0, most = 0;
    for (const Stratum& stratum : strata) {
      const auto m = std::count_if(matched.begin(), matched.end(), [&](std::int64_t row) {
        return std::find(stratum.rows.begin(), stratum.rows.end(), row) != stratum.rows.end();
      });
      if (m == 0) continue;
      mean += static_cast<long double>(m) * static_cast<long double>(stratum.positive) /
              static_cast<long double>(stratum.rows.size());
      spread += variance(stratum, m);
      long double best = 0;
      for (std::int64_t fewer = 0; fewer <= m; ++fewer) best = std::max(best, variance(stratum, fewer));
      most += best;
    }
    found.close = found.close || std::fabs(spread - 3) < 1e-9L || std::fabs(most - 3) < 1e-9L;
    if (spread >= 3) {
      ++found.n_tested;
      for (std::size_t j = 0; j < found.maxima.size(); ++j) {
        std::int64_t count = 0;
        for (const std::int64_t row : matched) count += bits[static_cast<std::size_t>(row)][j] ? 1 : 0;
        const long double z = std::fabs(static_cast<long double>(count) - mean) / std::sqrt(spread);
        found.maxima[j] = std::max(found.maxima[j], static_cast<double>(z));
      }
    }
    return most >= 3;
  };
  const auto grow = [&](const auto& self, MinedPattern pattern) -> void {
    for (std::int32_t item = 0; item < static_cast<std::int32_t>(items.size()); ++item) {
      pattern.steps.push_back({item, options.min_gap, options.max_gap});
      if (consider(pattern) && static_cast<std::int32_t>(pattern.steps.size()) < options.max_length) {
        self(self, pattern);
      }
      pattern.steps.pop_back();
    }
  };
  grow(grow, {});
  return found;
}

}  // namespace seqmine::reference
