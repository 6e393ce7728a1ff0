#include "seqmine/frequent.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <new>
#include <utility>

#include "closed_patterns.hpp"
#include "scan_miner.hpp"
#include "search/pair_table.hpp"
#include "search/scan_table.hpp"
#include "subtree_pool.hpp"

namespace seqmine {

namespace {

Status check(const Database& database, const FrequentOptions& options) {
  if (options.min_support < 1) return {Code::invalid_argument, "min_support must be at least 1"};
  if (options.min_gap < 1) return {Code::invalid_argument, "min_gap must be at least 1us"};
  if (options.min_gap >= options.max_gap) return {Code::invalid_argument, "max_gap must be above min_gap"};
  if (options.max_length < 0 || options.max_memory < 0 || options.max_patterns < 0) {
    return {Code::invalid_argument, "limits and budgets must not be negative"};
  }
  if (database.n_rows >= std::numeric_limits<std::uint32_t>::max()) {
    return {Code::out_of_range, "more than 4,294,967,294 rows in one search"};
  }
  return {};
}

/// Positions of the result, sorted: support descending, then length, then (depth-first order of one length) text.
std::vector<std::uint32_t> ranked(const FrequentPatterns& patterns, const std::vector<std::uint8_t>& kept) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> keys;
  keys.reserve(patterns.item.size());
  for (std::size_t p = 0; p < patterns.item.size(); ++p) {
    if (!kept.empty() && kept[p] == 0) continue;
    const std::uint64_t descending = std::numeric_limits<std::uint32_t>::max() - patterns.support[p];
    keys.emplace_back(descending << 32 | patterns.length[p], static_cast<std::uint32_t>(p));
  }
  std::sort(keys.begin(), keys.end());
  std::vector<std::uint32_t> order(keys.size());
  std::transform(keys.begin(), keys.end(), order.begin(), [](const auto& key) { return key.second; });
  return order;
}

/// `own`: the database again, when it is the call's own, so that its times can go once they have become windows.
Result<FrequentPatterns> mine_checked(const Database& database, Database* own, const FrequentOptions& options,
                                      const StopToken& stop) {
  const search::Limits limits =
      search::limits_in_ticks(database, options.min_gap, options.max_gap, options.max_span);
  Result<search::ScanTable> table = search::make_scan_table(database, limits, limits.keep(), options.threads, stop);
  if (!table.ok()) return table.status();
  mining::ScanContext context{std::move(table.value()), {}, limits.keep()};
  if (own != nullptr) own->drop_times();
  search::list_occurrences(database, context.keep, context.table);
  const bool plain = context.table.plain;

  mining::SubtreePool pool(options, database.n_rows, stop);
  if (options.max_length != 1) {
    Result<search::PairTable> pairs =
        search::make_pair_table(context.table, context.keep, pool.floor.get(), options.threads, stop);
    if (!pairs.ok()) return pairs.status();
    context.pairs = std::move(pairs.value());
  }
  (void)pool.memory.take(database.bytes() + context.table.bytes() + context.pairs.bytes());
  pool.check();
  pool.add(0, mining::whole_search(context, database));
  if (Status status = pool.run(); !status.ok()) return status;

  FrequentPatterns patterns;
  pool.gather(patterns);
  patterns.source = database.source;
  patterns.truncated_by = pool.truncated_by();
  patterns.stats = {database.n_rows,
                    database.n_scanned,
                    static_cast<std::int64_t>(database.item.size()),
                    database.n_items(),
                    pool.n_nodes.load(),
                    static_cast<std::int64_t>(patterns.item.size())};
  context = {};

  std::vector<std::uint8_t> kept;
  if (options.closed) {
    Result<std::vector<std::uint8_t>> closed = mining::closed_patterns(patterns, plain, stop);
    if (!closed.ok()) return closed.status();
    kept = std::move(closed.value());
  }
  patterns.order = ranked(patterns, kept);
  if (options.max_patterns > 0) {
    const auto most = static_cast<std::size_t>(options.max_patterns);
    if (patterns.order.size() > most) patterns.order.resize(most);
    // The floor rises only once more patterns are known than are wanted, whatever the threads did first.
    const bool cut = pool.floor.get() > static_cast<std::uint64_t>(options.min_support) ||
                     patterns.stats.n_frequent > options.max_patterns;
    if (cut && *patterns.truncated_by == '\0') patterns.truncated_by = "patterns";
  }
  patterns.complete = *patterns.truncated_by == '\0';
  return patterns;
}

Result<FrequentPatterns> mine_any(const Database& database, Database* own, const FrequentOptions& options,
                                  const StopToken& stop) {
  if (Status status = check(database, options); !status.ok()) return status;
  try {
    return mine_checked(database, own, options, stop);
  } catch (const std::bad_alloc&) {
    return Status{Code::out_of_memory, "the system has no more memory to give to the search"};
  }
}

}  // namespace

Result<FrequentPatterns> mine_frequent(const Database& database, const FrequentOptions& options,
                                       const StopToken& stop) {
  return mine_any(database, nullptr, options, stop);
}

Result<FrequentPatterns> mine_frequent(const LogView& log, const RowsView& rows, std::span<const std::uint32_t> types,
                                       const FrequentOptions& options, const StopToken& stop) {
  const auto begin = std::chrono::steady_clock::now();
  Result<Database> database =
      build_database(log, rows, types, options.min_support, options.threads, stop, options.max_memory);
  if (!database.ok()) return database.status();
  FrequentOptions rest = options;
  if (rest.max_seconds > 0.0) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    rest.max_seconds = std::max(rest.max_seconds - spent.count(), 1e-9);
  }
  return mine_any(database.value(), &database.value(), rest, stop);
}

PatternTexts pattern_texts(const FrequentPatterns& patterns, std::span<const std::string> names,
                           const FrequentOptions& options, std::int64_t begin, std::int64_t end) {
  std::string arrow = " -> ";
  if (options.min_gap != 1 || options.max_gap != unbounded) {
    const std::string most = options.max_gap == unbounded ? "inf" : format_duration(options.max_gap);
    arrow = " -[" + format_duration(options.min_gap) + "," + most + ")-> ";
  }
  const std::string tail = options.max_span == unbounded ? "" : " span < " + format_duration(options.max_span);
  const auto name = [&](std::uint32_t pattern) -> const std::string& {
    return names[static_cast<std::size_t>(patterns.source[patterns.item[pattern]])];
  };

  PatternTexts texts;
  texts.offsets.assign(1, 0);
  texts.offsets.reserve(static_cast<std::size_t>(end - begin) + 1);
  std::int64_t n_bytes = 0;
  for (std::int64_t i = begin; i < end; ++i) {
    std::uint32_t pattern = patterns.order[static_cast<std::size_t>(i)];
    if (patterns.length[pattern] > 1) n_bytes += static_cast<std::int64_t>(tail.size());
    for (std::uint32_t left = patterns.length[pattern]; left > 0; --left, pattern = patterns.parent[pattern]) {
      n_bytes += static_cast<std::int64_t>(name(pattern).size() + (left > 1 ? arrow.size() : 0));
    }
    texts.offsets.push_back(n_bytes);
  }
  texts.bytes.resize(static_cast<std::size_t>(n_bytes));
  for (std::int64_t i = begin; i < end; ++i) {
    std::uint32_t pattern = patterns.order[static_cast<std::size_t>(i)];
    // Written from its end: the tree is walked towards the root.
    char* at = texts.bytes.data() + texts.offsets[static_cast<std::size_t>(i - begin) + 1];
    const auto write = [&](const std::string& text) {
      at -= text.size();
      std::copy(text.begin(), text.end(), at);
    };
    if (patterns.length[pattern] > 1) write(tail);
    for (std::uint32_t left = patterns.length[pattern]; left > 0; --left, pattern = patterns.parent[pattern]) {
      write(name(pattern));
      if (left > 1) write(arrow);
    }
  }
  return texts;
}

}  // namespace seqmine
