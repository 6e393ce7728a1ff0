#include "permutation/statistic.hpp"

namespace seqmine::permutation {

StrataMoments::StrataMoments(const ExchangeableLabels& labels) : stratum_(labels.stratum) {
  const std::size_t n_strata = labels.stratum.empty() ? 1 : static_cast<std::size_t>(labels.n_strata);
  std::vector<std::int64_t> size(n_strata, 0), positive(n_strata, 0);
  for (std::size_t row = 0; row < labels.label.size(); ++row) {
    const std::size_t s = labels.stratum.empty() ? 0 : static_cast<std::size_t>(labels.stratum[row]);
    ++size[s];
    positive[s] += labels.label[row] != 0 ? 1 : 0;
  }
  weights_.resize(n_strata);
  for (std::size_t s = 0; s < n_strata; ++s) {
    if (size[s] == 0) continue;
    const auto n = static_cast<double>(size[s]), p = static_cast<double>(positive[s]);
    Weights& weights = weights_[s];
    weights.positive_share = p / n;
    weights.size = n;
    weights.half = static_cast<double>(size[s] / 2);
    weights.most = weights.half * (n - weights.half);
    if (size[s] > 1) weights.spread = p * (n - p) / (n * n * (n - 1.0));
  }
}

// The bound: V is the sum over strata of spread_s m_s (n_s - m_s), and a subset has at most m_s rows of stratum s. As a
// function of the number of rows m (n_s - m) rises up to n_s / 2 and falls beyond, so over 0..m_s it is largest at
// min(m_s, floor(n_s / 2)). Products and sums of doubles are rounded monotonically and both sums have the same order, so
// the bound holds for the computed variances too, and no choice between them depends on rounding.
Moments StrataMoments::of(std::span<const std::uint32_t> rows, std::vector<std::uint32_t>& support) const noexcept {
  if (stratum_.empty()) {
    support[0] = static_cast<std::uint32_t>(rows.size());
  } else {
    for (const std::uint32_t row : rows) ++support[static_cast<std::size_t>(stratum_[row])];
  }
  Moments moments;
  for (std::size_t s = 0; s < weights_.size(); ++s) {
    if (support[s] == 0) continue;
    const Weights& weights = weights_[s];
    const auto m = static_cast<double>(support[s]);
    const double product = m * (weights.size - m);
    moments.mean += m * weights.positive_share;
    moments.variance += weights.spread * product;
    moments.most_variance += weights.spread * (m <= weights.half ? product : weights.most);
    support[s] = 0;
  }
  return moments;
}

}  // namespace seqmine::permutation
