#include <algorithm>
#include <bit>
#include <cstring>

#include "permutation/strip.hpp"
#include "seqmine/permutation.hpp"

namespace seqmine {

namespace {

using permutation::Strip;
using permutation::StripKernel;

StripKernel strip_kernel(CountKernel kernel) noexcept {
#if defined(__x86_64__)
  const bool avx512 = kernel_available(CountKernel::avx512), avx2 = kernel_available(CountKernel::avx2);
  if (avx512 && (kernel == CountKernel::avx512 || kernel == CountKernel::best)) return permutation::count_strip_avx512;
  if (avx2 && (kernel == CountKernel::avx2 || kernel == CountKernel::best)) return permutation::count_strip_avx2;
#endif
  (void)kernel;
  return permutation::count_strip_scalar;
}

/// The transpose of eight bytes as a matrix of bits: bit i of byte b becomes bit b of byte i (H. S. Warren, Hacker's
/// Delight, section 7-3).
std::uint64_t transpose8(std::uint64_t x) noexcept {
  std::uint64_t swap = (x ^ (x >> 7)) & 0x00AA'00AA'00AA'00AA;
  x ^= swap ^ (swap << 7);
  swap = (x ^ (x >> 14)) & 0x0000'CCCC'0000'CCCC;
  x ^= swap ^ (swap << 14);
  swap = (x ^ (x >> 28)) & 0x0000'0000'F0F0'F0F0;
  return x ^ swap ^ (swap << 28);
}

/// The first planes of one word as 64 numbers.
void read_counters(const Strip& strip, int n_digits, std::size_t word, std::uint32_t* counts) noexcept {
  std::fill(counts, counts + 64, 0);
  for (int first = 0; first < n_digits; first += 8) {
    const int n = std::min(8, n_digits - first);
    for (int byte = 0; byte < 8; ++byte) {
      std::uint64_t digits = 0;
      for (int b = 0; b < n; ++b) digits |= (strip.plane[first + b][word] >> (8 * byte) & 0xFF) << (8 * b);
      digits = transpose8(digits);
      for (int i = 0; i < 8; ++i) {
        counts[8 * byte + i] |= static_cast<std::uint32_t>(digits >> (8 * i) & 0xFF) << first;
      }
    }
  }
}

}  // namespace

bool kernel_available(CountKernel kernel) noexcept {
  switch (kernel) {
    case CountKernel::best:
    case CountKernel::scalar: return true;
#if defined(__x86_64__)
    case CountKernel::avx2: return __builtin_cpu_supports("avx2") != 0;
    case CountKernel::avx512: return __builtin_cpu_supports("avx512f") != 0;
#else
    case CountKernel::avx2:
    case CountKernel::avx512: return false;
#endif
  }
  return false;
}

void PermutedLabels::count(std::span<const std::uint32_t> rows, std::uint32_t* counts,
                           CountKernel kernel) const noexcept {
  if (rows.empty()) {
    std::fill(counts, counts + n_counters(), 0);
    return;
  }
  const StripKernel count_strip = strip_kernel(kernel);
  const auto n_digits = static_cast<int>(std::bit_width(rows.size()));
  Strip strip;
  // The kernels add at four digits at least, and a last sixteen that is not full still hands its carry on.
  strip.n_planes = std::max(4, n_digits) + 1;
  for (std::size_t first = 0; first < n_words(); first += Strip::words) {
    const std::size_t n = std::min(Strip::words, n_words() - first);
    std::memset(strip.plane, 0, static_cast<std::size_t>(strip.n_planes) * sizeof(strip.plane[0]));
    count_strip(row(0) + first, n_words(), rows.data(), rows.size(), n, strip);
    for (std::size_t word = 0; word < n; ++word) read_counters(strip, n_digits, word, counts + 64 * (first + word));
  }
}

}  // namespace seqmine
