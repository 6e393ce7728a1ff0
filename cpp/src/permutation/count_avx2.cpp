// Compiled for AVX2, whatever the rest is compiled for; called only where the machine has it.
#if defined(__x86_64__)

#include <immintrin.h>

#include "permutation/strip.hpp"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace {

struct Lane {
  using Vector = __m256i;
  static constexpr std::size_t words = 4;
  static Vector load(const std::uint64_t* from) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(from)); }
  static void store(std::uint64_t* to, Vector x) { _mm256_store_si256(reinterpret_cast<__m256i*>(to), x); }
  static Vector differ(Vector x, Vector y) { return _mm256_xor_si256(x, y); }
  static Vector both(Vector x, Vector y) { return _mm256_and_si256(x, y); }
  static Vector sum(Vector x, Vector y, Vector z) { return differ(differ(x, y), z); }
  static Vector carry(Vector x, Vector y, Vector z) {
    return _mm256_or_si256(both(x, y), both(differ(x, y), z));
  }
};

}  // namespace

#include "permutation/carry_save.hpp"

namespace seqmine::permutation {

void count_strip_avx2(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                     std::size_t n_words, Strip& strip) {
  count_in_lanes(bits, stride, rows, n, n_words, strip);
}

}  // namespace seqmine::permutation

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
