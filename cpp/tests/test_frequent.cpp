#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <tuple>

#include "naive_database.hpp"
#include "naive_frequent.hpp"
#include "seqmine/frequent.hpp"

using namespace seqmine;
using namespace seqmine::reference;

namespace {

Database database_of(const OwnedLog& log, std::int64_t min_support = 1) {
  StopToken stop;
  const OwnedRows rows = whole_rows(log);
  Result<Database> database =
      build_database(log.view(), rows.view(), plain_items(log.n_types), min_support, 1, stop);
  REQUIRE(database.ok());
  return std::move(database.value());
}

Sequence sequence_of(const FrequentPatterns& patterns, std::uint32_t pattern) {
  Sequence items(patterns.length[pattern]);
  for (std::size_t at = items.size(); at-- > 0; pattern = patterns.parent[pattern]) items[at] = patterns.item[pattern];
  return items;
}

using Line = std::tuple<std::uint32_t, Sequence>;

std::vector<Line> lines_of(const FrequentPatterns& patterns) {
  std::vector<Line> lines;
  for (const std::uint32_t p : patterns.order) lines.emplace_back(patterns.support[p], sequence_of(patterns, p));
  return lines;
}

/// The naive result in the order that is promised.
std::vector<Line> ranked_lines(const std::map<Sequence, std::uint32_t>& found) {
  std::vector<Line> lines;
  for (const auto& [sequence, n] : found) lines.emplace_back(n, sequence);
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) {
    if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(a) > std::get<0>(b);
    return std::get<1>(a).size() < std::get<1>(b).size();
  });
  return lines;
}

std::vector<Line> mine(const Database& database, FrequentOptions options, int threads) {
  StopToken stop;
  options.threads = threads;
  const Result<FrequentPatterns> got = mine_frequent(database, options, stop);
  REQUIRE(got.ok());
  CHECK(got.value().complete);
  return lines_of(got.value());
}

/// Rows long enough for several words of moments and with more items than one word of flags has.
OwnedLog long_log(std::mt19937_64& rng, std::int64_t n_entities, std::int64_t n_types, std::int64_t n_events,
                  std::int64_t n_times) {
  std::vector<std::int64_t> times;
  for (std::int64_t t = 0; t < n_times; ++t) times.push_back(60 * t);
  return random_log(rng, n_entities, n_types, n_events, times);
}

/// Checks a support by matching one sequence against every row, for results too large to list naively.
std::uint32_t naive_support(const Database& database, const Sequence& sequence) {
  std::uint32_t n = 0;
  for (std::size_t row = 0; row + 1 < database.offsets.size(); ++row) {
    std::size_t found = 0;
    std::uint64_t after = 0;
    for (auto i = static_cast<std::size_t>(database.offsets[row]);
         i < static_cast<std::size_t>(database.offsets[row + 1]) && found < sequence.size(); ++i) {
      if (database.item[i] != sequence[found] || (found > 0 && database.time32[i] <= after)) continue;
      after = database.time32[i];
      ++found;
    }
    n += found == sequence.size() ? 1 : 0;
  }
  return n;
}

}  // namespace

TEST_CASE("frequent patterns equal their naive twin") {
  const std::vector<std::vector<std::int64_t>> clocks{
      {0, 1, 2, 3, 4, 5, 6, 7, 8},
      {0, 600, 1200, 1260, 4000},
      {INT64_MIN + 1, -1, 0, 1, INT64_MAX},
      {0, 0, 0, 60, 120},
      {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120},
  };
  const std::vector<std::uint64_t> durations{2, 3, 5, 60, 61, 600, 4000, std::uint64_t{1} << 63};
  std::mt19937_64 rng(2024);
  for (int round = 0; round < 3'000; ++round) {
    const auto& times = clocks[rng() % clocks.size()];
    const OwnedLog log = random_log(rng, 1 + static_cast<std::int64_t>(rng() % 7),
                                    1 + static_cast<std::int64_t>(rng() % 4), 3 + static_cast<std::int64_t>(rng() % 6), times);
    FrequentOptions options;
    options.min_support = static_cast<std::int64_t>(1 + rng() % 3);
    if (rng() % 3 == 0) options.max_length = static_cast<std::int64_t>(1 + rng() % 4);
    if (rng() % 3 == 0) options.min_gap = durations[rng() % 4];
    if (rng() % 3 == 0) options.max_gap = options.min_gap + durations[rng() % durations.size()];
    if (rng() % 3 == 0) options.max_span = durations[rng() % durations.size()];
    options.closed = rng() % 2 == 0;
    const Database database = database_of(log, options.min_support);
    const std::vector<Line> want = ranked_lines(naive_frequent(database, options));
    const int threads = std::vector<int>{1, 1, 1, 2, 4, 8}[rng() % 6];
    CAPTURE(round);
    REQUIRE(mine(database, options, threads) == want);
  }
}

TEST_CASE("long rows and many items: every support holds, and prefixes of frequent patterns are complete") {
  struct Shape {
    std::int64_t n_entities, n_types, n_events, n_times;
    std::uint32_t min_support;
    std::int64_t max_length;
  };
  // Types beyond 64, 128 and 256 use wider sets and the scanning levels; 150 times need three words of moments.
  for (const Shape shape : {Shape{40, 90, 300, 150, 14, 3}, Shape{30, 150, 400, 300, 10, 3}, Shape{12, 300, 500, 90, 5, 3},
                            Shape{60, 12, 120, 150, 40, 4}}) {
    std::mt19937_64 rng(static_cast<std::uint64_t>(shape.n_types));
    OwnedLog log = long_log(rng, shape.n_entities, shape.n_types, shape.n_events, shape.n_times);
    const Database database = database_of(log, shape.min_support);
    FrequentOptions options;
    options.min_support = shape.min_support;
    options.max_length = shape.max_length;
    const std::vector<Line> got = mine(database, options, 1);
    CAPTURE(shape.n_types);
    REQUIRE(got.size() > 500);
    std::map<Sequence, std::uint32_t> found;
    for (const auto& [support, sequence] : got) found[sequence] = support;
    REQUIRE(found.size() == got.size());
    std::size_t checked = 0;
    for (const auto& [sequence, support] : found) {
      if (rng() % found.size() < 300) REQUIRE(naive_support(database, sequence) == support);
      if (sequence.size() == static_cast<std::size_t>(options.max_length) || rng() % found.size() > 60) continue;
      ++checked;
      for (std::uint32_t item = 0; item < database.n_items(); ++item) {
        Sequence longer = sequence;
        longer.push_back(item);
        const std::uint32_t n = naive_support(database, longer);
        REQUIRE(found.count(longer) == (n >= shape.min_support ? 1U : 0U));
      }
    }
    REQUIRE(checked > 5);
    for (const int threads : {2, 4, 8}) REQUIRE(mine(database, options, threads) == got);
  }
}

TEST_CASE("merged rests and scanned rows agree below the first levels") {
  // A minimum gap of one tick more than the smallest distance makes the same search scan instead of merge; rows
  // whose times are all two ticks apart then have the same answer both ways.
  std::mt19937_64 rng(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::int64_t> times;
    for (std::int64_t t = 0; t < 70; ++t) times.push_back(2 * t);
    OwnedLog log = random_log(rng, 200, 9, 60, times);
    for (std::int64_t type = 0; type < 2; ++type) {  // one row with odd distances sets the unit to 1
      log.time.push_back(type);
      log.code.push_back(0);
      log.value.push_back(0);
    }
    log.offsets.push_back(static_cast<std::int64_t>(log.time.size()));
    const Database database = database_of(log, 40);
    REQUIRE(database.unit == 1);
    FrequentOptions options;
    options.min_support = 40 + static_cast<std::int64_t>(rng() % 60);
    options.max_length = 5;
    std::vector<Line> merged = mine(database, options, 1);
    options.min_gap = 2;
    std::vector<Line> scanned = mine(database, options, 1);
    REQUIRE(merged.size() > 100);
    // Only `a -> a` and what it supports can differ, by the one odd row.
    std::sort(merged.begin(), merged.end());
    std::sort(scanned.begin(), scanned.end());
    std::vector<Line> different;
    std::set_difference(scanned.begin(), scanned.end(), merged.begin(), merged.end(), std::back_inserter(different));
    REQUIRE(different.size() <= 1);
  }
}

TEST_CASE("max_patterns keeps the most frequent ones for any number of threads") {
  std::mt19937_64 rng(9);
  const OwnedLog log = random_log(rng, 300, 6, 14, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Database database = database_of(log, 5);
  StopToken stop;
  FrequentOptions options;
  options.min_support = 5;
  const std::vector<Line> all = mine(database, options, 1);
  REQUIRE(all.size() > 400);
  for (const std::size_t most : {std::size_t{1}, std::size_t{57}, std::size_t{400}, all.size(), all.size() + 1}) {
    for (const int threads : {1, 2, 4}) {
      options.max_patterns = static_cast<std::int64_t>(most);
      options.threads = threads;
      const Result<FrequentPatterns> got = mine_frequent(database, options, stop);
      REQUIRE(got.ok());
      std::vector<Line> want(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size())));
      CHECK(lines_of(got.value()) == want);
      CHECK(got.value().complete == (most >= all.size()));
      CHECK((got.value().truncated_by == std::string("patterns")) == (most < all.size()));
    }
  }
}

TEST_CASE("a budget cuts subtrees: what is given is exact and flagged") {
  std::mt19937_64 rng(10);
  const OwnedLog log = random_log(rng, 50, 8, 60, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
  const Database database = database_of(log, 2);
  StopToken stop;
  FrequentOptions options;
  options.min_support = 2;  // astronomically many
  for (const bool gap : {false, true}) {
    options.max_gap = gap ? 9 : unbounded;
    for (const int threads : {1, 4}) {
      options.threads = threads;
      options.max_seconds = 0.05;
      options.max_memory = 0;
      const Result<FrequentPatterns> timed = mine_frequent(database, options, stop);
      REQUIRE(timed.ok());
      CHECK_FALSE(timed.value().complete);
      CHECK(timed.value().truncated_by == std::string("seconds"));
      options.max_seconds = 0.0;
      options.max_memory = 8'000'000;
      const Result<FrequentPatterns> small = mine_frequent(database, options, stop);
      REQUIRE(small.ok());
      CHECK(small.value().truncated_by == std::string("memory"));
      if (gap) continue;
      const auto lines = lines_of(small.value());
      for (std::size_t i = 0; i < lines.size(); i += 1 + lines.size() / 50) {
        CHECK(naive_support(database, std::get<1>(lines[i])) == std::get<0>(lines[i]));
      }
    }
  }
}

TEST_CASE("options that cannot work are refused, and a stop request cancels") {
  std::mt19937_64 rng(12);
  const Database database = database_of(random_log(rng, 5, 3, 5, {0, 1, 2}));
  StopToken stop;
  const auto code = [&](auto change) {
    FrequentOptions options;
    change(options);
    return mine_frequent(database, options, stop).status().code();
  };
  CHECK(code([](FrequentOptions& o) { o.min_support = 0; }) == Code::invalid_argument);
  CHECK(code([](FrequentOptions& o) { o.min_gap = 0; }) == Code::invalid_argument);
  CHECK(code([](FrequentOptions& o) { o.max_gap = 1; }) == Code::invalid_argument);
  CHECK(code([](FrequentOptions& o) { o.max_length = -1; }) == Code::invalid_argument);
  stop.request_stop();
  CHECK(code([](FrequentOptions&) {}) == Code::cancelled);
}

TEST_CASE("pattern texts are written in the pattern language") {
  OwnedLog log;
  log.n_types = 2;
  for (int entity = 0; entity < 2; ++entity) {
    log.time.insert(log.time.end(), {0, 1'000'000, 2'000'000});
    log.code.insert(log.code.end(), {0, 1, 0});
    log.offsets.push_back(log.offsets.back() + 3);
  }
  const Database database = database_of(log);
  const std::vector<std::string> names{"a.b", "\"say \\\"hi\\\"\""};
  StopToken stop;
  const auto texts = [&](const FrequentOptions& options) {
    const Result<FrequentPatterns> got = mine_frequent(database, options, stop);
    REQUIRE(got.ok());
    const auto n = static_cast<std::int64_t>(got.value().order.size());
    const PatternTexts written = pattern_texts(got.value(), names, options, 0, n);
    std::vector<std::string> lines;
    for (std::size_t i = 0; i + 1 < written.offsets.size(); ++i) {
      lines.push_back(written.bytes.substr(static_cast<std::size_t>(written.offsets[i]),
                                           static_cast<std::size_t>(written.offsets[i + 1] - written.offsets[i])));
    }
    const PatternTexts second = pattern_texts(got.value(), names, options, 1, 2);
    CHECK(second.bytes == lines[1]);
    return lines;
  };
  FrequentOptions options;
  options.max_length = 2;
  CHECK(texts(options) == std::vector<std::string>{"a.b", "\"say \\\"hi\\\"\"", "a.b -> a.b", "a.b -> \"say \\\"hi\\\"\"",
                                                   "\"say \\\"hi\\\"\" -> a.b"});
  options.max_gap = 2'000'000;
  options.max_span = 90'000'000;
  CHECK(texts(options) == std::vector<std::string>{"a.b", "\"say \\\"hi\\\"\"",
                                                   "a.b -[1us,2s)-> \"say \\\"hi\\\"\" span < 90s",
                                                   "\"say \\\"hi\\\"\" -[1us,2s)-> a.b span < 90s"});
  options.max_gap = unbounded;
  options.max_span = unbounded;
  options.min_gap = 1'000'001;
  CHECK(texts(options).back() == "a.b -[1000001us,inf)-> a.b");
}
