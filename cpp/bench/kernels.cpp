// Runs one hot kernel of the engine on a fixed input, so that its instructions can be counted.
//
//   seqmine_kernels --list           the names
//   seqmine_kernels NAME             runs it once and prints a number made of its answer
//
// Only what happens inside `seqmine_counted_kernel` is counted (callgrind --toggle-collect); the input is made outside of
// it. One thread throughout. The inputs use a generator of their own: the distributions of the standard library differ
// between libraries.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "seqmine/frequent.hpp"
#include "seqmine/ingest.hpp"
#include "seqmine/matcher.hpp"
#include "seqmine/miner.hpp"
#include "seqmine/permutation.hpp"

using namespace seqmine;

using Work = std::function<std::uint64_t()>;

#if defined(__clang__)
#define SEQMINE_AS_WRITTEN [[gnu::noinline, gnu::used]]
#else
#define SEQMINE_AS_WRITTEN [[gnu::noipa, gnu::used]]
#endif

extern "C" SEQMINE_AS_WRITTEN std::uint64_t seqmine_counted_kernel(const Work& work) {
  const std::uint64_t answer = work();
  asm volatile("" ::: "memory");  // the call is no tail call: the counted span ends here
  return answer;
}

namespace {

constexpr std::int64_t minute = 60'000'000, hour = 60 * minute, day = 24 * hour;

// SplitMix64 (Steele, Lea & Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(n)); }
  double unit() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

template <class T>
T checked(Result<T> result) {
  if (result.ok()) return std::move(result.value());
  std::fprintf(stderr, "seqmine_kernels: %s\n", result.status().message().c_str());
  std::exit(1);
}

// Text in the Arrow layout.
struct Texts {
  std::vector<std::int32_t> offsets{0};
  std::string bytes;
  void add(const std::string& text) {
    bytes += text;
    offsets.push_back(static_cast<std::int32_t>(bytes.size()));
  }
  [[nodiscard]] TextView view() const {
    TextView view;
    view.length = static_cast<std::int64_t>(offsets.size()) - 1;
    view.offsets32 = offsets.data();
    view.data = bytes.data();
    view.data_size = static_cast<std::int64_t>(bytes.size());
    return view;
  }
};

// Rows as a log file has them: sessions of entities, half-life gaps from minutes to weeks, types by Zipf's law.
struct Input {
  Texts entity, event;
  std::vector<std::int64_t> time;
  std::vector<std::uint8_t> flags;

  Input(std::int64_t n_entities, std::int64_t n_types, double mean_events, bool by_time) {
    Random random(20'260'601);
    struct Row {
      std::int64_t entity, time, type;
    };
    std::vector<double> cumulative;
    double total = 0.0;
    for (std::int64_t k = 1; k <= n_types; ++k) cumulative.push_back(total += 1.0 / static_cast<double>(k));
    std::vector<Row> rows;
    for (std::int64_t e = 0; e < n_entities; ++e) {
      const auto n = static_cast<std::int64_t>(1.0 - mean_events * std::log(1.0 - random.unit()));
      std::int64_t t = random.below(90 * day);
      for (std::int64_t i = 0; i < n; ++i) {
        const double at = random.unit() * total;
        std::int64_t type = 0;
        while (cumulative[static_cast<std::size_t>(type)] < at) ++type;
        rows.push_back({e, t, type});
        t += random.below(3) == 0 ? random.below(10 * day) : random.below(30) * minute;
      }
    }
    // By time: shuffled in such a way that each entity's rows stay nearly in order, as in a file that is appended to.
    const auto n = static_cast<std::int64_t>(rows.size());
    for (std::int64_t i = n - 1; by_time && i > 0; --i) {
      std::swap(rows[static_cast<std::size_t>(i)], rows[static_cast<std::size_t>(random.below(i + 1))]);
    }
    for (const Row& row : rows) {
      char name[32];
      std::snprintf(name, sizeof name, "customer-%06lld", static_cast<long long>(row.entity * 7919 % n_entities));
      entity.add(name);
      std::snprintf(name, sizeof name, "type-%03lld", static_cast<long long>(row.type));
      event.add(name);
      time.push_back(row.time);
    }
    flags.assign(time.size(), 0);
  }

  [[nodiscard]] IngestedLog ingest() const {
    IngestOptions options;
    options.threads = 1;
    Ingest ingest(options);
    IngestBatch batch;
    batch.entity = entity.view();
    batch.event = event.view();
    batch.time = time;
    batch.flags = flags;
    const StopToken stop;
    checked(ingest.push(batch, stop));
    return checked(ingest.finish({}, stop));
  }
};

// A log with one row an entity, labels that lean on the second commonest type, and items for every type.
struct Problem {
  IngestedLog columns;
  LogView log;
  std::vector<std::int64_t> entity, lo, last;
  std::vector<std::uint8_t> label;
  std::vector<std::uint32_t> types;
  std::vector<Item> items;
  RowsView rows;

  Problem(std::int64_t n_entities, std::int64_t n_types, double mean_events)
      : columns(Input(n_entities, n_types, mean_events, false).ingest()) {
    log.n_entities = columns.entity_names.size();
    log.n_events = columns.time.size();
    log.n_types = columns.event_names.size();
    log.entity_offsets = columns.entity_offsets.data();
    log.time = columns.time.data();
    log.code = CodeView(columns.code16.data());
    Random random(7);
    for (std::int64_t e = 0; e < log.n_entities; ++e) {
      entity.push_back(e);
      lo.push_back(INT64_MIN + 1);
      last.push_back(INT64_MAX - 1);
      bool seen = false;
      for (std::int64_t i = log.entity_offsets[e]; i < log.entity_offsets[e + 1]; ++i) seen |= log.code[i] == 1;
      label.push_back(random.below(10) < (seen ? 4 : 2) ? 1 : 0);
    }
    for (std::int64_t k = 0; k < log.n_types; ++k) {
      types.push_back(static_cast<std::uint32_t>(k));
      items.push_back({{}, std::string(columns.event_names[k]), k});
    }
    rows = {log.n_entities, entity.data(), lo.data(), last.data(), {}};
  }

  [[nodiscard]] Predicate one_of(std::initializer_list<std::int64_t> which) const {
    Predicate predicate;
    for (std::int64_t k = 0; k < log.n_types; ++k) {
      predicate.types.push_back(std::find(which.begin(), which.end(), k) != which.end() ? 1 : 0);
    }
    return predicate;
  }

  // a -[0s,2h)-> b|c -[1us,3d)-> d without e -> no f within 12h, within a span of 5 d.
  [[nodiscard]] Pattern pattern() const {
    Pattern pattern;
    pattern.predicates = {one_of({0}), one_of({1, 2}), one_of({3}), one_of({4}), one_of({5})};
    pattern.steps = {{0, 1, unbounded, -1}, {1, 0, 2 * hour, -1}, {2, 1, 3 * day, 3}};
    pattern.absences = {{4, 12 * hour}};
    pattern.span = 5 * day;
    return pattern;
  }
};

std::uint64_t run(const Work& work) { return seqmine_counted_kernel(work); }

std::uint64_t ingest(bool by_time) {
  const Input input(2'000, 40, 15.0, by_time);
  return run([&] {
    const IngestedLog log = input.ingest();
    return static_cast<std::uint64_t>(log.time.size() + log.entity_names.size());
  });
}

std::uint64_t frequent(double mean_events, std::int64_t n_entities, const FrequentOptions& options) {
  const Problem problem(n_entities, 60, mean_events);
  FrequentOptions one_thread = options;
  one_thread.threads = 1;
  return run([&] {
    const StopToken stop;
    const FrequentPatterns found = checked(mine_frequent(problem.log, problem.rows, problem.types, one_thread, stop));
    std::uint64_t sum = found.order.size();
    for (const std::uint32_t i : found.order) sum += found.support[i];
    return sum;
  });
}

std::uint64_t labelled(const MinerOptions& options) {
  const Problem problem(2'000, 60, 15.0);
  MinerOptions one_thread = options;
  one_thread.threads = 1;
  one_thread.min_support = 50;
  one_thread.max_length = 3;
  one_thread.max_gap = 7 * day;
  return run([&] {
    const StopToken stop;
    const MinerResult found = checked(mine(problem.log, problem.rows, {problem.label, {}, 0, {}, 0}, problem.items, one_thread, stop));
    std::uint64_t sum = found.patterns.size();
    for (const MinedPattern& pattern : found.patterns) sum += static_cast<std::uint64_t>(pattern.n_matched);
    return sum;
  });
}

std::uint64_t count() {
  const Problem problem(4'000, 12, 20.0);
  const Pattern pattern = problem.pattern();
  return run([&] {
    const StopToken stop;
    const PatternCount found = checked(count_rows(problem.log, pattern, problem.rows, problem.label, 1, stop));
    return static_cast<std::uint64_t>(found.n_matched + found.n_undecided + found.n_positive);
  });
}

std::uint64_t find() {
  const Problem problem(4'000, 12, 20.0);
  const Pattern pattern = problem.pattern();
  return run([&] {
    const StopToken stop;
    const Occurrences found = checked(find_occurrences(problem.log, pattern, problem.rows, true, 1, stop));
    std::uint64_t sum = found.row.size();
    for (const std::int64_t row : found.row) sum += static_cast<std::uint64_t>(row);
    return sum;
  });
}

// The counting kernel that each build stands for. valgrind knows no AVX-512, so that one is not counted.
#if defined(__AVX2__)
constexpr CountKernel counting = CountKernel::avx2;
#else
constexpr CountKernel counting = CountKernel::scalar;
#endif
constexpr std::int64_t n_permutations = 1'023;

// A fifth of the rows positive, in 40 strata; with `rows_each` above 1 so many rows in turn are one unit.
struct Exchangeable {
  std::vector<std::uint8_t> label;
  std::vector<std::int32_t> stratum;
  std::vector<std::int64_t> unit;

  Exchangeable(std::int64_t n_rows, std::int64_t rows_each) {
    Random random(11);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      label.push_back(random.below(5) == 0 ? 1 : 0);
      stratum.push_back(static_cast<std::int32_t>(row / rows_each % 40));
      if (rows_each > 1) unit.push_back(row / rows_each);
    }
  }
  [[nodiscard]] ExchangeableLabels view() const { return {label, stratum, 40, unit}; }
  [[nodiscard]] PermutedLabels permuted() const {
    const StopToken stop;
    return checked(permute_labels(view(), n_permutations, 1, 1, 0, stop));
  }
};

std::uint64_t permute(std::int64_t rows_each) {
  const Exchangeable labels(6'000, rows_each);
  return run([&] {
    const PermutedLabels permuted = labels.permuted();
    std::uint64_t sum = 0;
    for (std::int64_t row = 0; row < permuted.n_rows(); row += 100) sum ^= permuted.row(row)[row % 16];
    return sum % 1'000'003;
  });
}

std::uint64_t count_permutations() {
  const PermutedLabels permuted = Exchangeable(20'000, 1).permuted();
  Random random(13);
  // From a handful of rows, where reading the counters out is most of the work, to a quarter of all.
  std::vector<std::vector<std::uint32_t>> patterns;
  for (const std::int64_t n : {9, 100, 1'000, 5'000}) {
    std::vector<std::uint32_t> rows;
    for (std::int64_t i = 0; i < n; ++i) rows.push_back(static_cast<std::uint32_t>(random.below(20'000)));
    std::sort(rows.begin(), rows.end());
    patterns.push_back(std::move(rows));
  }
  std::vector<std::uint32_t> counts(permuted.n_counters());
  return run([&] {
    std::uint64_t sum = 0;
    for (int round = 0; round < 20; ++round) {
      for (const auto& rows : patterns) {
        permuted.count(rows, counts.data(), counting);
        sum += counts[0] + counts[static_cast<std::size_t>(round) + 1];
      }
    }
    return sum;
  });
}

std::uint64_t maxima_of_a_family() {
  const Problem problem(2'000, 30, 15.0);
  const std::vector<std::int32_t> stratum(problem.label.size(), 0);
  FamilyOptions options;
  options.n_permutations = n_permutations;
  options.max_length = 2;
  options.max_gap = 7 * day;
  options.min_support = 50;
  options.threads = 1;
  options.kernel = counting;
  return run([&] {
    const StopToken stop;
    const FamilyMaxima found =
        checked(westfall_young(problem.log, problem.rows, {problem.label, stratum, 1, {}}, problem.items, options, stop));
    const auto digits = [](double z) { return static_cast<std::int64_t>(std::llround(1e6 * z)); };
    return static_cast<std::uint64_t>(found.work + found.n_tested + digits(found.observed) + digits(found.maxima[7]));
  });
}

struct Kernel {
  const char* name;
  std::function<std::uint64_t()> call;
};

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all{
      {"ingest_by_entity", [] { return ingest(false); }},
      {"ingest_by_time", [] { return ingest(true); }},
      {"frequent", [] { return frequent(12.0, 1'500, {.min_support = 60}); }},
      {"frequent_closed", [] { return frequent(12.0, 1'500, {.min_support = 60, .closed = true}); }},
      {"frequent_max_gap", [] { return frequent(15.0, 4'000, {.min_support = 80, .max_gap = 7 * day}); }},
      {"frequent_gaps_span",
       [] {
         return frequent(15.0, 4'000, {.min_support = 80, .min_gap = minute, .max_gap = 7 * day, .max_span = 14 * day});
       }},
      {"labelled_fixed_gaps", [] { return labelled({}); }},
      {"labelled_learned_gaps",
       [] {
         MinerOptions options;
         options.learn_gaps = true;
         options.gap_edges = {30 * minute, 4 * hour, day, 2 * day, 4 * day};
         return labelled(options);
       }},
      {"count", [] { return count(); }},
      {"find", [] { return find(); }},
      {"permute_rows", [] { return permute(1); }},
      {"permute_entities", [] { return permute(3); }},
      {"count_permutations", [] { return count_permutations(); }},
      {"westfall_young", [] { return maxima_of_a_family(); }},
  };
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string asked = argc == 2 ? argv[1] : "";
  for (const Kernel& kernel : kernels()) {
    if (asked == "--list") std::printf("%s\n", kernel.name);
    if (asked != kernel.name) continue;
    std::printf("%llu\n", static_cast<unsigned long long>(kernel.call()));
    return 0;
  }
  if (asked == "--list") return 0;
  std::fprintf(stderr, "usage: seqmine_kernels --list | NAME\n");
  return 2;
}
