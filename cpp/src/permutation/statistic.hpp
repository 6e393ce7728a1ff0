// Mean and variance of a pattern's positive rows when labels are permuted within strata.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "seqmine/permutation.hpp"

namespace seqmine::permutation {

struct Moments {
  double mean = 0.0, variance = 0.0;
  /// No subset of the rows has a larger variance.
  double most_variance = 0.0;
};

/// Shared by all workers. Strata without rows, of one row or of one class carry no information and are passed over.
class StrataMoments {
 public:
  explicit StrataMoments(const ExchangeableLabels& labels);

  [[nodiscard]] std::size_t n_strata() const noexcept { return weights_.size(); }

  /// Of these rows, each once. `support` is scratch of n_strata() zeros and is left so. O(rows + strata).
  [[nodiscard]] Moments of(std::span<const std::uint32_t> rows, std::vector<std::uint32_t>& support) const noexcept;

 private:
  struct Weights {
    double positive_share = 0.0;  // P_s / n_s
    double spread = 0.0;          // P_s N_s / (n_s^2 (n_s - 1))
    double size = 0.0;            // n_s
    double most = 0.0;            // the largest m (n_s - m)
    double half = 0.0;            // the least m that has it
  };
  std::span<const std::int32_t> stratum_;
  std::vector<Weights> weights_;
};

}  // namespace seqmine::permutation
