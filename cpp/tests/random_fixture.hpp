// Choices and names drawn at random, for the tests of ingest and of what it is made of.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "seqmine/ingest.hpp"

namespace seqmine::test {

using Random = std::mt19937_64;

inline std::int64_t pick(Random& random, std::int64_t n) {
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
}

// Not operator+: GCC 12 sees an overlap there that is none.
inline std::string numbered(std::string stem, std::int64_t number) {
  stem += std::to_string(number);
  return stem;
}

template <class T>
const T& choose(Random& random, const std::vector<T>& from) {
  return from[static_cast<std::size_t>(pick(random, static_cast<std::int64_t>(from.size())))];
}

inline void require_names(const Names& names, const std::vector<std::string>& expected) {
  REQUIRE(names.size() == static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) REQUIRE(names[static_cast<std::int64_t>(i)] == expected[i]);
}

}  // namespace seqmine::test
