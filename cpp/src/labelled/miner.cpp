#include "seqmine/miner.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "labelled/evidence.hpp"
#include "labelled/redundancy.hpp"
#include "labelled/schedule.hpp"
#include "labelled/space.hpp"
#include "search/halt.hpp"
#include "search/memory.hpp"
#include "search/watch.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace labelled {
namespace {

constexpr std::int64_t most_rows = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t most_entries = std::numeric_limits<std::uint32_t>::max();

double seconds_since(search::Clock::time_point start) {
  return std::chrono::duration<double>(search::Clock::now() - start).count();
}

Status check(const RowsView& rows, const MinerLabels& labels, const std::vector<Item>& items,
             const MinerOptions& options) {
  const auto invalid = [](const char* message) { return Status{Code::invalid_argument, message}; };
  if (rows.n_rows > most_rows) return {Code::out_of_range, "more than 2^31 - 1 rows of labels"};
  if (static_cast<std::int64_t>(labels.label.size()) != rows.n_rows) return invalid("one label per row is needed");
  if (!labels.stratum.empty()) {
    if (labels.stratum.size() != labels.label.size()) return invalid("one stratum per row is needed");
    if (options.measure != Measure::leverage) return invalid("only the measure leverage takes strata");
    for (const std::int32_t stratum : labels.stratum) {
      if (stratum < 0 || stratum >= labels.n_strata) return invalid("a stratum is out of range");
    }
  }
  if (!labels.weight.empty()) {
    if (labels.weight.size() != labels.label.size()) return invalid("one weight per row is needed");
    if (!labels.stratum.empty() || options.measure != Measure::leverage || labels.scale < 1) {
      return invalid("weights go with the measure leverage, a scale and no strata");
    }
    constexpr std::int64_t most = std::int64_t{1} << 62;
    std::int64_t sum = 0;
    for (const std::int64_t weight : labels.weight) {
      if (weight < 0 || weight > most - sum) return invalid("weights must not be negative and sum up to 2^62 at most");
      sum += weight;
    }
  }
  const auto positive = std::count_if(labels.label.begin(), labels.label.end(), [](std::uint8_t y) { return y != 0; });
  if (positive == 0 || positive == rows.n_rows) return invalid("labels of one class only cannot be told apart");
  if (options.max_length < 1 || options.min_support < 1 || options.top_k < 1) {
    return invalid("max_length, min_support and top_k must be at least 1");
  }
  if (options.min_gap < 1 || options.max_gap <= options.min_gap) {
    return invalid("min_gap must be at least 1 us and below max_gap");
  }
  if (options.max_span < 1) return invalid("max_span must be at least 1 us");
  std::uint64_t edge = options.min_gap;
  int inner = 0;
  for (const std::uint64_t next : options.gap_edges) {
    if (next <= options.min_gap || next >= options.max_gap) continue;
    if (next <= edge) return invalid("gap edges must ascend");
    edge = next;
    ++inner;
  }
  if (inner > 63) return invalid("at most 64 gap bins are possible");
  for (const AbsenceCandidate& absence : options.absences) {
    if (absence.item < 0 || static_cast<std::size_t>(absence.item) >= items.size() || absence.within == 0) {
      return invalid("an absence needs one of the items and a time above zero");
    }
  }
  return {};
}

/// Everything of one call that its phases share.
struct Job {
  const Space& space;
  const MinerOptions& options;
  const TextWriter& writer;
  search::HaltState& refine_halt;
  search::HaltState& halt;
  search::MemoryBudget& budget;
  MinerResult& result;
};

/// Whether two patterns differ in their last item alone, so that one scan of their common prefix finds both.
bool siblings(const Candidate& a, const Candidate& b) {
  return a.absent < 0 && b.absent < 0 && a.items.size() == b.items.size() && a.items.back() != b.items.back() &&
         std::equal(a.items.begin(), a.items.end() - 1, b.items.begin());
}

/// The answer as far as it is known: the first `n_judged` of the ranking have been judged.
struct Kept {
  explicit Kept(const Job& job) : rows(job.options.redundancy, job.budget) {}
  std::vector<Candidate> patterns;
  KeptRows rows;
  std::size_t n_judged = 0;
};

/// How far to look up rows at once: the further down the ranking, the more patterns share a prefix.
std::size_t end_of_chunk(const std::vector<Candidate>& ranked, std::size_t begin, std::size_t wanted,
                         std::int64_t n_rows) {
  const std::size_t most = std::clamp(wanted + begin / 2, tuning::fewest_filtered, tuning::most_filtered);
  std::size_t end = begin;
  std::int64_t bytes = 0;
  while (end < ranked.size() && end - begin < most) {
    bytes += bytes_of_row_set(ranked[end].tally.matched(), n_rows);
    if (bytes > tuning::most_filtered_bytes && end - begin >= tuning::fewest_filtered) break;
    ++end;
  }
  return end;
}

/// Ranks the pool, refines learned gaps, and keeps the first top_k that are not redundant.
template <class Time>
Status select(const Job& job, std::vector<Candidate>& ranked, Kept& kept) {
  using Family = std::span<const std::size_t>;
  const int n_workers = resolve_threads(job.options.threads);
  std::vector<std::unique_ptr<Evidence<Time>>> workers(static_cast<std::size_t>(n_workers));
  const auto evidence = [&](int worker) -> Evidence<Time>& {
    auto& mine = workers[static_cast<std::size_t>(worker)];
    if (mine == nullptr) mine = std::make_unique<Evidence<Time>>(job.space);
    return *mine;
  };
  /// Runs `work` over candidates [begin, end), those that differ in their last item alone together, in the order of
  /// their items, so that prefixes are shared.
  const auto for_each = [&](std::size_t begin, std::size_t end, search::HaltState& halt, const auto& work) {
    std::vector<std::size_t> order(end - begin);
    std::iota(order.begin(), order.end(), begin);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return ranked[a].items < ranked[b].items; });
    std::vector<std::size_t> families;  // where each begins in `order`
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || !siblings(ranked[order[i - 1]], ranked[order[i]])) families.push_back(i);
    }
    families.push_back(order.size());
    const StopToken never;
    return parallel_for(static_cast<std::int64_t>(families.size()) - 1, n_workers, never,
                        [&](std::int64_t unit, int worker) -> Status {
      if (halt.poll()) return {};
      const auto family = families.begin() + unit;
      return work(std::span<const std::size_t>(order).subspan(family[0], family[1] - family[0]), evidence(worker));
    });
  };

  if (job.options.learn_gaps) {
    const auto n_refined = std::min(ranked.size(), static_cast<std::size_t>(job.options.top_k) *
                                                       static_cast<std::size_t>(tuning::refine_factor));
    Status status = for_each(0, n_refined, job.refine_halt, [&](Family family, Evidence<Time>& worker) -> Status {
      for (const std::size_t i : family) {
        if (job.refine_halt.poll()) break;
        worker.refine(ranked[i], job.refine_halt);
        ranked[i].text = job.writer.write(ranked[i]);
      }
      return {};
    });
    if (!status.ok()) return status;
    std::sort(ranked.begin(), ranked.end(), better);
  }
  const auto wanted = static_cast<std::size_t>(job.options.top_k);
  if (job.options.redundancy < 0.0) {
    ranked.resize(std::min(ranked.size(), wanted));
    kept.patterns = std::move(ranked);
    return {};
  }
  std::vector<std::optional<RowSet>> rows(ranked.size());
  std::size_t& begin = kept.n_judged;
  while (begin < ranked.size() && kept.patterns.size() < wanted && !job.halt.halted()) {
    const std::size_t end = end_of_chunk(ranked, begin, wanted - kept.patterns.size(),
                                         job.space.database->n_rows);
    Status status = for_each(begin, end, job.halt, [&](Family family, Evidence<Time>& worker) -> Status {
      std::vector<const Candidate*> patterns;
      for (const std::size_t i : family) patterns.push_back(&ranked[i]);
      std::vector<std::vector<std::uint32_t>> found(family.size());
      worker.rows_of_siblings(patterns, found);
      for (std::size_t k = 0; k < family.size(); ++k) {
        const std::size_t i = family[k];
        rows[i].emplace(found[k], job.space.database->n_rows);
        if (static_cast<std::int64_t>(found[k].size()) == ranked[i].tally.matched()) continue;
        return {Code::internal, "the rows of '" + ranked[i].text + "' are not as many as the search counted"};
      }
      return {};
    });
    if (!status.ok()) return status;
    for (; begin < end && kept.patterns.size() < wanted; ++begin) {
      // Out of time, what is known by now still counts; and nothing can make the best pattern redundant.
      (void)job.halt.poll();
      if (begin == 0 && !rows[0]) {
        kept.patterns.push_back(std::move(ranked[0]));
      } else if (rows[begin]) {
        switch (kept.rows.admit(std::move(*rows[begin]))) {
          case KeptRows::Verdict::fresh: kept.patterns.push_back(std::move(ranked[begin])); break;
          case KeptRows::Verdict::redundant: break;
          case KeptRows::Verdict::no_memory: job.halt.raise(search::Halt::memory); break;
        }
      }
      rows[begin].reset();
      if (job.halt.state() == search::Halt::memory) break;
    }
  }
  return {};
}

MinedPattern report(const Job& job, Candidate&& candidate) {
  const auto given = [&](std::uint32_t item) { return job.space.database->source[item]; };
  MinedPattern pattern;
  for (std::size_t i = 0; i < candidate.items.size(); ++i) {
    const GapInterval gap = i == 0 ? GapInterval{} : candidate.gaps[i - 1];
    pattern.steps.push_back({given(candidate.items[i]), gap.lo, gap.hi});
  }
  if (candidate.absent >= 0) pattern.absent_item = given(static_cast<std::uint32_t>(candidate.absent));
  pattern.absent_within = candidate.within;
  pattern.n_matched = candidate.tally.matched();
  pattern.n_positive = candidate.tally.pos;
  pattern.expected = job.space.scorer.expected(candidate.tally);
  pattern.score = candidate.score.value;
  pattern.raises = candidate.score.raises;
  pattern.text = std::move(candidate.text);
  return pattern;
}

Status run(const Job& job, search::HaltState& search_halt) {
  const auto wanted = static_cast<std::size_t>(job.options.top_k);
  const bool larger = job.options.redundancy >= 0.0 || job.options.learn_gaps;
  // Without learned gaps a larger pool begins with the smaller one, and what was judged stays judged.
  std::optional<Kept> kept(std::in_place, job);
  std::size_t capacity = larger ? wanted * static_cast<std::size_t>(tuning::pool_factor) : wanted;
  while (true) {
    auto started = search::Clock::now();
    PatternPool pool(capacity, job.writer, job.budget, search_halt);
    Status status = search(job.space, pool, search_halt, job.budget, job.options.threads, job.result.stats);
    job.result.stats.search_seconds += seconds_since(started);
    if (!status.ok()) return status;
    if (search_halt.state() == search::Halt::cancelled) return {Code::cancelled, "cancelled"};

    started = search::Clock::now();
    const bool full = pool.full();
    std::vector<Candidate> ranked = pool.take();
    status = job.space.database->narrow() ? select<std::uint32_t>(job, ranked, *kept)
                                          : select<std::uint64_t>(job, ranked, *kept);
    job.result.stats.select_seconds += seconds_since(started);
    if (!status.ok()) return status;
    if (job.halt.state() == search::Halt::cancelled) return {Code::cancelled, "cancelled"};
    const bool halted = job.halt.halted() || job.refine_halt.halted() || search_halt.halted();
    // The filter emptied a full pool: patterns below the pool's threshold may be among the answer.
    if (larger && full && kept->patterns.size() < wanted && !halted && !search_halt.was_cut()) {
      // As if what is found went on to come as it has so far: a search too few costs more than a pool too large.
      const auto n_kept = static_cast<double>(std::max<std::size_t>(kept->patterns.size(), 1));
      const double missing = 1.25 * static_cast<double>(wanted) / n_kept;
      capacity *= static_cast<std::size_t>(std::clamp(missing, tuning::least_pool_growth, tuning::most_pool_growth));
      if (job.options.learn_gaps) kept.emplace(job);
      continue;
    }
    job.result.complete = !halted && !search_halt.was_cut();
    for (Candidate& candidate : kept->patterns) job.result.patterns.push_back(report(job, std::move(candidate)));
    return {};
  }
}

}  // namespace
}  // namespace labelled

Result<MinerResult> mine(const LogView& log, const RowsView& rows, const MinerLabels& labels,
                         const std::vector<Item>& items, const MinerOptions& options, const StopToken& stop) {
  using namespace labelled;
  const auto started = search::Clock::now();
  if (Status status = check(rows, labels, items, options); !status.ok()) return status;
  const auto deadline = search::deadline_after(started, options.max_seconds);
  const auto search_deadline = search::deadline_after(started, options.max_seconds * tuning::search_share);
  const auto refine_deadline = search::deadline_after(started, options.max_seconds * tuning::refine_share);

  MinerResult result;
  auto built = [&] {
    const auto build = [&](const StopToken& token) {
      return build_database(log, rows, items, options.min_support, options.threads, token, options.max_memory);
    };
    if (!search_deadline) return build(stop);
    const search::Watch watch(stop, *search_deadline);
    return build(watch.token());
  }();
  result.stats.build_seconds = seconds_since(started);
  if (!built.ok()) {
    if (built.status().code() != Code::cancelled || stop.stop_requested()) return built.status();
    result.complete = false;
    return result;
  }
  Database& database = built.value();
  result.stats.n_items = database.n_items();
  result.stats.n_entries = static_cast<std::int64_t>(database.item.size());
  result.stats.events_read = database.n_scanned;
  if (result.stats.n_entries > most_entries) return Status{Code::out_of_range, "more than 2^32 - 1 entries to mine"};

  search::MemoryBudget budget(options.max_memory);
  const auto made = make_space(database, rows, labels, options, stop);
  if (!made.ok()) return made.status();
  const Space& space = *made.value();
  const std::int64_t resident = database.bytes() + space.bytes();
  if (!budget.take(resident)) {
    return search::too_large(resident, options.max_memory);
  }
  const TextWriter writer(database, items, options.max_span);
  search::HaltState search_halt(stop, search_deadline), refine_halt(stop, refine_deadline), halt(stop, deadline);
  const Job job{space, options, writer, refine_halt, halt, budget, result};
  if (Status status = run(job, search_halt); !status.ok()) return status;
  return result;
}

}  // namespace seqmine
