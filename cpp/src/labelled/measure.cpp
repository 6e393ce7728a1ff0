#include "labelled/measure.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

namespace seqmine::labelled {

namespace {

constexpr double none = -std::numeric_limits<double>::infinity();

/// x ln x, the term of every entropy.
double x_log_x(std::int64_t x) noexcept {
  return x == 0 ? 0.0 : static_cast<double>(x) * std::log(static_cast<double>(x));
}

/// a * b / c, the last division to the nearest, for 0 <= a <= c < 2^31 and b < 2^62: portable, and run once a stratum.
std::int64_t scaled(std::int64_t a, std::int64_t b, std::int64_t c) noexcept {
  const std::int64_t whole = b / c, rest = b % c;
  std::int64_t result = a * whole;  // a <= c, so at most b
  // a * rest / c with a, rest <= c < 2^31 fits 62 bits.
  result += (a * rest + c / 2) / c;
  return result;
}

}  // namespace

Strata weigh_strata(const MinerLabels& labels) {
  Strata strata;
  if (!labels.weight.empty()) {
    strata.weight.assign(labels.weight.begin(), labels.weight.end());
    strata.scale = labels.scale;
  }
  if (labels.stratum.empty()) return strata;
  const auto n_strata = static_cast<std::size_t>(labels.n_strata);
  std::vector<std::int64_t> size(n_strata, 0), positive(n_strata, 0);
  for (std::size_t row = 0; row < labels.label.size(); ++row) {
    const auto s = static_cast<std::size_t>(labels.stratum[row]);
    ++size[s];
    positive[s] += labels.label[row] != 0 ? 1 : 0;
  }
  const auto n = static_cast<std::int64_t>(labels.label.size());
  const std::int64_t largest = (std::int64_t{1} << 62) / std::max<std::int64_t>(n, 1);
  std::int64_t common = 1;
  for (const std::int64_t n_s : size) {
    if (n_s == 0) continue;
    const std::int64_t factor = n_s / std::gcd(common, n_s);
    if (common > largest / factor) {
      common = 0;
      break;
    }
    common *= factor;
  }
  const int bits = 62 - static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n)));
  strata.scale = common != 0 ? common : std::int64_t{1} << std::min(bits, 52);
  std::vector<std::int64_t> negative_weight(n_strata, 0);
  for (std::size_t s = 0; s < n_strata; ++s) {
    if (size[s] != 0) negative_weight[s] = scaled(positive[s], strata.scale, size[s]);
  }
  strata.weight.resize(labels.label.size());
  for (std::size_t row = 0; row < labels.label.size(); ++row) {
    const std::int64_t down = negative_weight[static_cast<std::size_t>(labels.stratum[row])];
    strata.weight[row] = labels.label[row] != 0 ? strata.scale - down : down;
  }
  return strata;
}

Scorer::Scorer(const MinerOptions& options, std::int64_t n_rows, std::int64_t n_positive, std::int64_t strata_scale)
    : measure_(options.measure),
      direction_(options.direction),
      n_(n_rows),
      n_positive_(n_positive),
      min_support_(options.min_support),
      scale_(strata_scale) {}

/// `hits` of the `matched` rows have the label that is scored; `total_hits` rows have it in all. The cross
/// product d = hits (n - T) - (matched - hits) T is the signed, exact heart of every measure.
double Scorer::measure(std::int64_t matched, std::int64_t hits, std::int64_t total_hits) const noexcept {
  const std::int64_t misses = matched - hits, total_misses = n_ - total_hits;
  const std::int64_t d = hits * total_misses - misses * total_hits;
  const auto n = static_cast<double>(n_);
  switch (measure_) {
    case Measure::leverage: return static_cast<double>(d) / n;
    case Measure::wracc: return static_cast<double>(d) / (n * n);
    case Measure::chi2: {
      if (matched == 0 || matched == n_) return 0.0;
      const auto cross = static_cast<double>(d);
      const double spread = static_cast<double>(matched) * static_cast<double>(n_ - matched);
      const double classes = static_cast<double>(total_hits) * static_cast<double>(total_misses);
      return n * (cross * cross) / (spread * classes);
    }
    case Measure::log_odds: {
      const auto twice = [](std::int64_t cell) { return 2 * static_cast<std::uint64_t>(cell) + 1; };
      return std::log(static_cast<double>(twice(hits) * twice(total_misses - misses)) /
                      static_cast<double>(twice(misses) * twice(total_hits - hits)));
    }
    case Measure::info_gain: {
      if (d == 0) return 0.0;  // independent: exactly nothing is gained, whatever rounding says
      // Summed in pairs that a pattern and its complement, or the two labels, only swap: what splits the rows alike
      // scores the same to the last bit.
      const double cells = (x_log_x(hits) + x_log_x(total_hits - hits)) +
                           (x_log_x(misses) + x_log_x(total_misses - misses));
      const double sides = x_log_x(matched) + x_log_x(n_ - matched);
      const double classes = x_log_x(total_hits) + x_log_x(total_misses);
      return ((cells - sides) - (classes - x_log_x(n_))) / n;
    }
    case Measure::lift:
      if (matched == 0) return 0.0;
      return static_cast<double>(hits * n_) / static_cast<double>(matched * total_hits);
  }
  return none;
}

Score Scorer::score(const Tally& tally) const noexcept {
  if (scale_ != 0) {
    const std::int64_t excess = tally.weight_pos - tally.weight_neg;
    const double value = static_cast<double>(excess) / static_cast<double>(scale_);
    return excess >= 0 ? Score{value, true} : Score{-value, false};
  }
  const std::int64_t m = tally.matched();
  if (tally.pos * n_ >= m * n_positive_) return {measure(m, tally.pos, n_positive_), true};
  return {measure(m, tally.neg, n_ - n_positive_), false};
}

double Scorer::expected(const Tally& tally) const noexcept {
  if (scale_ != 0) {
    return static_cast<double>(tally.pos) -
           static_cast<double>(tally.weight_pos - tally.weight_neg) / static_cast<double>(scale_);
  }
  return static_cast<double>(tally.matched()) * static_cast<double>(n_positive_) / static_cast<double>(n_);
}

double Scorer::vertex(std::int64_t hits, std::int64_t total_hits) const noexcept {
  const std::int64_t matched = std::max(hits, min_support_);
  if (matched > n_ || hits * n_ < matched * total_hits) return none;
  return measure(matched, hits, total_hits);
}

double Scorer::bound(const Tally& tally) const noexcept {
  double best = none;
  if (tally.matched() < min_support_) return none;
  if (scale_ != 0) {
    const auto scale = static_cast<double>(scale_);
    if (allows(true)) best = static_cast<double>(tally.weight_pos) / scale;
    if (allows(false)) best = std::max(best, static_cast<double>(tally.weight_neg) / scale);
    return best;
  }
  if (allows(true)) best = vertex(tally.pos, n_positive_);
  if (allows(false)) best = std::max(best, vertex(tally.neg, n_ - n_positive_));
  if (best == none) return none;
  if (measure_ == Measure::leverage || measure_ == Measure::wracc) return best;  // one rounding of an exact integer
  // The other measures round several times: the slack keeps the bound above every computed score.
  return best + 1e-9 * std::abs(best) + 1e-12;
}

}  // namespace seqmine::labelled
