// What the counting kernels work on: the planes of the counters of some words, and the kernels by name.
#pragma once

#include <cstddef>
#include <cstdint>

#include "seqmine/tuning.hpp"

namespace seqmine::permutation {

struct Strip {
  static constexpr std::size_t words = tuning::strip_words;
  static constexpr std::size_t fetch_ahead = tuning::permutation_fetch_ahead;
  /// Fewer than 2^31 rows have counts of at most 31 digits; the sixteens of a padded list may need one more.
  static constexpr int most_planes = 33;

  alignas(64) std::uint64_t plane[most_planes][words];
  alignas(64) std::uint64_t waiting[most_planes][words];  // carries of a level that wait for another of it
  int n_planes = 0;                                       // those in use; the kernels find them cleared

  /// Stands in for the rows that a last sixteen lacks.
  struct alignas(64) Row {
    std::uint64_t word[words];
  };
  static constexpr Row nothing{};
};

using StripKernel = void (*)(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                             std::size_t n_words, Strip& strip);

void count_strip_scalar(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                        std::size_t n_words, Strip& strip);
#if defined(__x86_64__)
void count_strip_avx2(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                      std::size_t n_words, Strip& strip);
void count_strip_avx512(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                        std::size_t n_words, Strip& strip);
#endif

}  // namespace seqmine::permutation
