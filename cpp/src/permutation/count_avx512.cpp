// Compiled for AVX-512F, whatever the rest is compiled for; called only where the machine has it.
#if defined(__x86_64__)

#include <immintrin.h>

#include "permutation/strip.hpp"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif

namespace {

struct Lane {
  using Vector = __m512i;
  static constexpr std::size_t words = 8;
  static Vector load(const std::uint64_t* from) { return _mm512_load_si512(from); }
  static void store(std::uint64_t* to, Vector x) { _mm512_store_si512(to, x); }
  static Vector differ(Vector x, Vector y) { return _mm512_xor_si512(x, y); }
  static Vector both(Vector x, Vector y) { return _mm512_and_si512(x, y); }
  // The immediate is the truth table: parity, and the majority of three.
  static Vector sum(Vector x, Vector y, Vector z) { return _mm512_ternarylogic_epi64(x, y, z, 0x96); }
  static Vector carry(Vector x, Vector y, Vector z) { return _mm512_ternarylogic_epi64(x, y, z, 0xE8); }
};

}  // namespace

#include "permutation/carry_save.hpp"

namespace seqmine::permutation {

void count_strip_avx512(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
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
