// Counting in columns of bits: 64 counters that grow together, one word per binary digit.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace seqmine::mining {

/// 64 counters of up to 32 bits, plane b holding digit b of all of them. Adding a set of flags costs the carry
/// chain, which is two steps on average and does not depend on how many flags are set; eight sets of weight one
/// are first folded by carry-save adders (Harley-Seal, as in Mula, Kurz and Lemire, "Faster population counts
/// using AVX2 instructions", 2018), about five operations a set.
class BitCounter {
 public:
  void clear(int n_planes) noexcept {
    n_planes_ = n_planes;
    for (int b = 0; b < n_planes; ++b) planes_[static_cast<std::size_t>(b)] = 0;
  }

  /// Adds 2^digit to the counter of every flag.
  void add(std::uint64_t flags, int digit) noexcept {
    for (auto b = static_cast<std::size_t>(digit); flags != 0; ++b) {
      const std::uint64_t carry = planes_[b] & flags;
      planes_[b] ^= flags;
      flags = carry;
    }
  }

  /// Adds `weight` to the counter of every flag.
  void add_weighted(std::uint64_t flags, std::uint32_t weight) noexcept {
    for (; weight != 0; weight &= weight - 1) add(flags, std::countr_zero(weight));
  }

  /// Adds one to the counters of each of eight sets. Needs n_planes >= 4.
  template <class Get>
  void add_eight(const Get& get) noexcept {
    std::uint64_t fours_a, fours_b, twos_a, twos_b, eights;
    save(planes_[0], get(0), get(1), twos_a);
    save(planes_[0], get(2), get(3), twos_b);
    save(planes_[1], twos_a, twos_b, fours_a);
    save(planes_[0], get(4), get(5), twos_a);
    save(planes_[0], get(6), get(7), twos_b);
    save(planes_[1], twos_a, twos_b, fours_b);
    save(planes_[2], fours_a, fours_b, eights);
    add(eights, 3);
  }

  /// Flags of the counters that are at least `threshold` (which must fit the planes).
  [[nodiscard]] std::uint64_t at_least(std::uint32_t threshold) const noexcept {
    std::uint64_t result = ~std::uint64_t{0};
    for (int b = 0; b < n_planes_; ++b) {
      const std::uint64_t plane = planes_[static_cast<std::size_t>(b)];
      result = (threshold >> b & 1) != 0 ? plane & result : plane | result;
    }
    return result;
  }

  [[nodiscard]] std::uint32_t get(int counter) const noexcept {
    std::uint32_t value = 0;
    for (int b = 0; b < n_planes_; ++b) {
      value |= static_cast<std::uint32_t>(planes_[static_cast<std::size_t>(b)] >> counter & 1) << b;
    }
    return value;
  }

 private:
  static void save(std::uint64_t& sum, std::uint64_t x, std::uint64_t y, std::uint64_t& carry) noexcept {
    const std::uint64_t half = sum ^ x;
    carry = (sum & x) | (half & y);
    sum = half ^ y;
  }

  std::array<std::uint64_t, 33> planes_{};
  int n_planes_ = 0;
};

}  // namespace seqmine::mining
