#include "permutation/strip.hpp"

namespace {

struct Lane {
  using Vector = std::uint64_t;
  static constexpr std::size_t words = 1;
  static Vector load(const std::uint64_t* from) { return *from; }
  static void store(std::uint64_t* to, Vector x) { *to = x; }
  static Vector differ(Vector x, Vector y) { return x ^ y; }
  static Vector both(Vector x, Vector y) { return x & y; }
  static Vector sum(Vector x, Vector y, Vector z) { return x ^ y ^ z; }
  static Vector carry(Vector x, Vector y, Vector z) { return (x & y) | ((x ^ y) & z); }
};

}  // namespace

#include "permutation/carry_save.hpp"

namespace seqmine::permutation {

void count_strip_scalar(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                        std::size_t n_words, Strip& strip) {
  count_in_lanes(bits, stride, rows, n, n_words, strip);
}

}  // namespace seqmine::permutation
