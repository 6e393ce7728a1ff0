#include <cstdio>

#include "canary.hpp"

int main(int argc, char** argv) {
  const std::int64_t result = argc > 1 ? seqmine::canary::run(argv[1], argc - 2) : -1;
  std::printf("%lld\n", static_cast<long long>(result));
  return 0;
}
