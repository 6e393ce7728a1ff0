// The counting kernel, for any width of vector: textual, as each source file that includes it has first defined a
// `Lane` of its width, inside a region compiled for one kind of machine. Everything here has internal linkage and uses
// nothing of the standard library, so that no code for a newer machine can be linked into what runs on an older one;
// and nothing is a template, as templates are instantiated behind the region.
//
// Counters are bit-sliced: plane b holds digit b of all of them, so that adding the labels of one row is adding one bit
// to each counter. Sixteen rows at a time go through a tree of carry-save adders (Harley-Seal; W. Mula, N. Kurz and
// D. Lemire, Faster population counts using AVX2 instructions, 2018), and the sixteens through further adders as their
// carries meet in pairs, like the digits of a binary counter. So a row costs one adder in all, whatever the number of
// rows: with carries rippled through the planes it would be two.
#include "permutation/strip.hpp"

namespace {

using Vector = Lane::Vector;
using seqmine::permutation::Strip;

inline void add(Vector& sum, Vector x, Vector y, Vector& carry) {
  const Vector total = Lane::sum(sum, x, y);
  carry = Lane::carry(sum, x, y);
  sum = total;
}

/// Adds one lane of sixteen rows; `chunk` is how many sixteens were added before.
inline void add_sixteen(const std::uint64_t* const* row, std::size_t at, std::size_t chunk, Strip& strip) {
  std::uint64_t* plane = strip.plane[0] + at;
  constexpr std::size_t next = Strip::words;
  Vector ones = Lane::load(plane), twos = Lane::load(plane + next), fours = Lane::load(plane + 2 * next),
         eights = Lane::load(plane + 3 * next);
  Vector twos_a, twos_b, fours_a, fours_b, eights_a, eights_b, carry;
  add(ones, Lane::load(row[0] + at), Lane::load(row[1] + at), twos_a);
  add(ones, Lane::load(row[2] + at), Lane::load(row[3] + at), twos_b);
  add(twos, twos_a, twos_b, fours_a);
  add(ones, Lane::load(row[4] + at), Lane::load(row[5] + at), twos_a);
  add(ones, Lane::load(row[6] + at), Lane::load(row[7] + at), twos_b);
  add(twos, twos_a, twos_b, fours_b);
  add(fours, fours_a, fours_b, eights_a);
  add(ones, Lane::load(row[8] + at), Lane::load(row[9] + at), twos_a);
  add(ones, Lane::load(row[10] + at), Lane::load(row[11] + at), twos_b);
  add(twos, twos_a, twos_b, fours_a);
  add(ones, Lane::load(row[12] + at), Lane::load(row[13] + at), twos_a);
  add(ones, Lane::load(row[14] + at), Lane::load(row[15] + at), twos_b);
  add(twos, twos_a, twos_b, fours_b);
  add(fours, fours_a, fours_b, eights_b);
  add(eights, eights_a, eights_b, carry);
  Lane::store(plane, ones);
  Lane::store(plane + next, twos);
  Lane::store(plane + 2 * next, fours);
  Lane::store(plane + 3 * next, eights);
  int level = 4;
  for (; (chunk & 1) != 0; chunk >>= 1, ++level) {
    Vector sum = Lane::load(strip.plane[level] + at);
    add(sum, Lane::load(strip.waiting[level] + at), carry, carry);
    Lane::store(strip.plane[level] + at, sum);
  }
  Lane::store(strip.waiting[level] + at, carry);
}

/// Counts `n` rows in the strip of `n_words` words (a multiple of 8) that begins at `bits`; rows are `stride` words
/// apart. The planes are cleared first and complete afterwards.
inline void count_in_lanes(const std::uint64_t* bits, std::size_t stride, const std::uint32_t* rows, std::size_t n,
                           std::size_t n_words, Strip& strip) {
  const std::uint64_t* row[16];
  std::size_t chunk = 0;
  for (std::size_t i = 0; i < n; i += 16, ++chunk) {
    if (i + 16 <= n) {
      for (int k = 0; k < 16; ++k) row[k] = bits + rows[i + k] * stride;
    } else {
      for (int k = 0; k < 16; ++k) row[k] = i + k < n ? bits + rows[i + k] * stride : Strip::nothing.word;
    }
    if (i + Strip::fetch_ahead + 16 <= n) {
      // Lists of rows jump through bits that no cache holds.
      for (int k = 0; k < 16; ++k) {
        const std::uint64_t* later = bits + rows[i + Strip::fetch_ahead + k] * stride;
        for (std::size_t at = 0; at < n_words; at += 8) __builtin_prefetch(later + at);
      }
    }
    for (std::size_t at = 0; at < n_words; at += Lane::words) add_sixteen(row, at, chunk, strip);
  }
  // Carries that met no other: one for each binary digit of the number of sixteens.
  for (int level = 4; chunk != 0; chunk >>= 1, ++level) {
    if ((chunk & 1) == 0) continue;
    for (std::size_t at = 0; at < n_words; at += Lane::words) {
      Vector carry = Lane::load(strip.waiting[level] + at);
      for (int b = level; b < strip.n_planes; ++b) {
        const Vector digit = Lane::load(strip.plane[b] + at);
        Lane::store(strip.plane[b] + at, Lane::differ(digit, carry));
        carry = Lane::both(digit, carry);
      }
    }
  }
}

}  // namespace
