// A 64-bit hash of short texts, by 64 x 64 -> 128 bit multiplication.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace seqmine::detail {

__extension__ using Product = unsigned __int128;

/// Folds a product onto itself. The factors are mixed back in: a zero factor must not swallow the other one, or every
/// text with one well-chosen word would hash alike.
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  const Product product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64) ^ a ^ (b << 1 | b >> 63);
}

inline std::uint64_t load64(const char* p) noexcept {
  std::uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

inline std::uint64_t load32(const char* p) noexcept {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

/// The same on every run of one machine; the value never reaches a result. Reads no byte outside the text.
inline std::uint64_t hash_text(std::string_view text) noexcept {
  // Digits of e, pi and the golden ratio: arbitrary odd constants.
  constexpr std::uint64_t k0 = 0xb7e151628aed2a6bULL;
  constexpr std::uint64_t k1 = 0x243f6a8885a308d3ULL;
  constexpr std::uint64_t k2 = 0x9e3779b97f4a7c15ULL;
  const char* p = text.data();
  const std::size_t n = text.size();
  std::uint64_t state = k2 ^ n;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  if (n > 16) {
    std::size_t left = n;
    for (; left > 16; left -= 16, p += 16) state = fold(load64(p) ^ k0, load64(p + 8) ^ state ^ k1);
    // The last 16 bytes overlap what is done already; n is in the state, so texts of different length stay apart.
    a = load64(text.data() + n - 16);
    b = load64(text.data() + n - 8);
  } else if (n >= 8) {
    a = load64(p);
    b = load64(p + n - 8);
  } else if (n >= 4) {
    a = load32(p);
    b = load32(p + n - 4);
  } else if (n > 0) {
    a = static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) << 16 |
        static_cast<std::uint64_t>(static_cast<unsigned char>(p[n / 2])) << 8 | static_cast<unsigned char>(p[n - 1]);
  }
  return fold(k2 ^ n, fold(a ^ k0, b ^ state ^ k1) ^ k1);
}

/// Equality of two texts of the same length `n`, without the call that memcmp is for short ones.
inline bool same_bytes(const char* a, const char* b, std::size_t n) noexcept {
  if (n >= 8) {
    for (std::size_t i = 0; i + 8 <= n; i += 8) {
      if (load64(a + i) != load64(b + i)) return false;
    }
    return load64(a + n - 8) == load64(b + n - 8);
  }
  if (n >= 4) return load32(a) == load32(b) && load32(a + n - 4) == load32(b + n - 4);
  for (std::size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace seqmine::detail
