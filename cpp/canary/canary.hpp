// Seeded bugs, one for each thing that the sanitizers must catch. Built only with SEQMINE_CANARY, never shipped:
// a sanitizer run that does not fail on these proves nothing when it passes on the rest.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <thread>
#include <vector>

namespace seqmine::canary {

// `zero` is 0 at run time, unknown to the compiler, so that nothing is folded away.
inline std::int64_t out_of_bounds(std::int64_t zero) {
  const std::vector<std::int64_t> values(4, 1);
  const std::int64_t* data = values.data();
  return data[4 + zero];
}

inline std::int64_t overflow(std::int64_t zero) {
  std::int64_t one = zero + 1;
  return std::numeric_limits<std::int64_t>::max() + one;
}

inline std::int64_t race(std::int64_t zero) {
  std::int64_t shared = zero;
  const auto work = [&shared] {
    for (int i = 0; i < 100'000; ++i) shared = shared + 1;
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
  return shared;
}

inline std::int64_t run(std::string_view name, std::int64_t zero) {
  if (name == "out_of_bounds") return out_of_bounds(zero);
  if (name == "overflow") return overflow(zero);
  if (name == "race") return race(zero);
  return -1;
}

}  // namespace seqmine::canary
