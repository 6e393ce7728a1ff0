// What ingest is made of: names and their order, sorting, hashing.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "events/parallel_sort.hpp"
#include "events/ranking.hpp"
#include "events/text_hash.hpp"
#include "random_fixture.hpp"

using namespace seqmine;
using namespace seqmine::test;

TEST_CASE("names in byte order, whatever they share") {
  Random random(11);
  for (int example = 0; example < 60; ++example) {
    std::vector<std::string> texts;
    const std::int64_t n = example % 6 == 0 ? 3000 : 40;
    for (std::int64_t i = 0; i < n; ++i) {
      std::string text = choose(random, std::vector<std::string>{"", "https://example.org/", "user_"});
      for (std::int64_t k = pick(random, 24); k > 0; --k) {
        text += static_cast<char>(pick(random, 3) == 0 ? pick(random, 256) : '0' + pick(random, 2));
      }
      if (pick(random, 4) == 0) text += std::string(static_cast<std::size_t>(pick(random, 5)), '\0');
      texts.push_back(text);
    }
    detail::NameArena arena;
    for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(arena.store(texts[i], static_cast<std::uint32_t>(i)) != 0);
    const auto ranking = detail::rank_names({&arena}, n, false, 2, StopToken());
    REQUIRE(ranking.ok());
    std::vector<std::string> sorted = texts;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(sorted[ranking.value().rank[i]] == texts[i]);
    require_names(ranking.value().names, sorted);
  }
}

TEST_CASE("an arena gives back what it took, long names between short ones") {
  Random random(13);
  detail::NameArena arena;
  std::vector<std::string> texts;
  std::vector<std::uint32_t> positions;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    texts.emplace_back(static_cast<std::size_t>(pick(random, i % 100 == 7 ? 9'000 : 20)), static_cast<char>(i));
    positions.push_back(arena.store(texts.back(), i));
  }
  for (std::size_t i = 0; i < texts.size(); ++i) REQUIRE(arena.at(positions[i])->text() == texts[i]);
  std::uint32_t next = 0;
  arena.for_each([&](const detail::NameEntry& entry) {
    REQUIRE(entry.id == next);
    REQUIRE(entry.text() == texts[next++]);
  });
  CHECK(next == texts.size());
}

TEST_CASE("parallel sort: random, sorted, reversed, few values, all equal") {
  Random random(12);
  const std::int64_t n = 400'000;
  for (int kind = 0; kind < 5; ++kind) {
    std::vector<std::int64_t> data;
    for (std::int64_t i = 0; i < n; ++i) {
      data.push_back(kind == 0 ? pick(random, n) : kind == 1 ? i : kind == 2 ? -i : kind == 3 ? pick(random, 3) : 7);
    }
    std::vector<std::int64_t> expected = data;
    std::sort(expected.begin(), expected.end());
    REQUIRE(detail::parallel_sort(data.data(), n, 4, StopToken(), std::less<>()).ok());
    CHECK(data == expected);
  }
  StopToken stop;
  stop.request_stop();
  std::vector<std::int64_t> data(static_cast<std::size_t>(n), 1);
  CHECK(detail::parallel_sort(data.data(), n, 2, stop, std::less<>()).code() == Code::cancelled);
}

TEST_CASE("the hash spreads similar texts") {
  std::map<std::uint64_t, int> by_hash;
  std::vector<int> by_shard(64, 0);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t hash = detail::hash_text(numbered("user_", i));
    ++by_hash[hash];
    ++by_shard[hash >> 58];
  }
  CHECK(by_hash.size() == 100'000);
  // Mean 1,562 and standard deviation 40 if it were random.
  for (const int n : by_shard) CHECK(std::abs(n - 1'562) < 240);
}
