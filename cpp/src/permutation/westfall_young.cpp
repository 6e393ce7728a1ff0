#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "permutation/family.hpp"
#include "search/watch.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/permutation.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

using namespace permutation;
using search::Clock;

Status check(const RowsView& rows, const ExchangeableLabels& labels, const FamilyOptions& options) {
  const auto invalid = [](const char* message) { return Status{Code::invalid_argument, message}; };
  if (static_cast<std::int64_t>(labels.label.size()) != rows.n_rows) return invalid("one label per row is needed");
  const auto positive = std::count_if(labels.label.begin(), labels.label.end(), [](std::uint8_t y) { return y != 0; });
  if (positive == 0 || positive == rows.n_rows) return invalid("labels of one class only cannot be told apart");
  if (options.max_length < 1 || options.min_support < 1) {
    return invalid("max_length and min_support must be at least 1");
  }
  if (options.min_gap < 1 || options.max_gap <= options.min_gap) {
    return invalid("min_gap must be at least 1 us and below max_gap");
  }
  if (options.max_span < 1) return invalid("max_span must be at least 1 us");
  if (options.max_work < 0 || options.max_memory < 0) return invalid("budgets must not be negative");
  if (!kernel_available(options.kernel)) return invalid("this machine does not have the instructions of that kernel");
  return {};
}

/// One call: what its steps need of each other.
class Call {
 public:
  Call(const RowsView& rows, const ExchangeableLabels& labels, const FamilyOptions& options, const StopToken& stop)
      : rows_(rows), labels_(labels), options_(options), caller_(stop), began_(Clock::now()),
        deadline_(search::deadline_after(began_, options.max_seconds)) {}

  Result<FamilyMaxima> run(const LogView& log, const std::vector<Item>& items) {
    std::optional<search::Watch> watch;
    if (deadline_) watch.emplace(caller_, *deadline_);
    const StopToken& stop = watch ? watch->token() : caller_;
    if (Status status = prepare(log, items, stop); !status.ok()) return end(status);
    if (Status status = permute(stop); !status.ok()) return end(status);
    watch.reset();
    if (Status status = search(); !status.ok()) return end(status);
    return std::move(found_);
  }

 private:
  /// The seconds since the last call.
  double lap() {
    const Clock::time_point now = Clock::now();
    return std::chrono::duration<double>(now - std::exchange(began_, now)).count();
  }
  [[nodiscard]] std::int64_t left() const noexcept {
    return options_.max_memory == 0 ? 0 : std::max<std::int64_t>(options_.max_memory - resident_, 1);
  }

  Status prepare(const LogView& log, const std::vector<Item>& items, const StopToken& stop);
  Status permute(const StopToken& stop);
  Status search();

  /// A failure of the call; a token that the deadline has set is none.
  Result<FamilyMaxima> end(const Status& status) {
    if (status.code() != Code::cancelled || caller_.stop_requested()) return status;
    return incomplete("seconds");
  }
  FamilyMaxima incomplete(std::string_view why) const {
    FamilyMaxima none;
    none.complete = false;
    none.truncated_by = why;
    none.build_seconds = found_.build_seconds;
    none.permute_seconds = found_.permute_seconds;
    none.search_seconds = found_.search_seconds;
    return none;
  }

  const RowsView& rows_;
  const ExchangeableLabels& labels_;
  const FamilyOptions& options_;
  const StopToken& caller_;
  Clock::time_point began_;
  std::optional<Clock::time_point> deadline_;
  Database database_;
  search::Keep keep_ = search::Keep::earliest;
  search::ScanTable table_;
  search::PairTable pairs_;
  PermutedLabels permuted_;
  std::int64_t resident_ = 0;  // bytes of the four above
  FamilyMaxima found_;
};

Status Call::prepare(const LogView& log, const std::vector<Item>& items, const StopToken& stop) {
  Result<Database> database =
      build_database(log, rows_, items, options_.min_support, options_.threads, stop, options_.max_memory);
  if (!database.ok()) return database.status();
  database_ = std::move(database.value());
  const search::Limits limits =
      search::limits_in_ticks(database_, options_.min_gap, options_.max_gap, options_.max_span);
  keep_ = limits.keep();
  Result<search::ScanTable> table = search::make_scan_table(database_, limits, keep_, options_.threads, stop);
  if (!table.ok()) return table.status();
  table_ = std::move(table.value());
  database_.drop_times();
  search::list_occurrences(database_, keep_, table_);
  if (options_.max_length > 1) {
    const auto least = static_cast<std::uint32_t>(
        std::min<std::int64_t>(options_.min_support, std::numeric_limits<std::uint32_t>::max()));
    Result<search::PairTable> pairs = search::make_pair_table(table_, keep_, least, options_.threads, stop);
    if (!pairs.ok()) return pairs.status();
    pairs_ = std::move(pairs.value());
  }
  resident_ = database_.bytes() + table_.bytes() + pairs_.bytes();
  if (options_.max_memory != 0 && resident_ > options_.max_memory) {
    return search::too_large(resident_, options_.max_memory);
  }
  found_.build_seconds = lap();
  return {};
}

Status Call::permute(const StopToken& stop) {
  Result<PermutedLabels> permuted =
      permute_labels(labels_, options_.n_permutations, options_.seed, options_.threads, left(), stop);
  if (!permuted.ok()) return permuted.status();
  permuted_ = std::move(permuted.value());
  resident_ += permuted_.bytes();
  found_.permute_seconds = lap();
  return {};
}

Status Call::search() {
  const int n_workers = resolve_threads(options_.threads);
  const auto n_items = static_cast<std::uint32_t>(database_.n_items());
  const StrataMoments moments(labels_);
  std::vector<std::uint32_t> all_rows(labels_.label.size()), all_positive(permuted_.n_counters(), 0);
  std::iota(all_rows.begin(), all_rows.end(), std::uint32_t{0});
  const auto positive = std::count_if(labels_.label.begin(), labels_.label.end(), [](std::uint8_t y) { return y != 0; });
  std::fill_n(all_positive.begin(), permuted_.n_permutations() + 1, static_cast<std::uint32_t>(positive));
  const std::size_t most_distributed =
      options_.most_distributed != 0
          ? options_.most_distributed
          : std::max(tuning::least_distributed, database_.item.size() / tuning::distributed_share);
  const Family family{options_, table_, pairs_, permuted_, moments, all_rows, all_positive, most_distributed};
  search::HaltState halt(caller_, deadline_);
  search::MemoryBudget budget(options_.max_memory);
  search::WorkBoard<Subtree> board(n_workers);
  FamilySearch shared{halt, budget, board};
  if (!budget.take(resident_ + static_cast<std::int64_t>(all_rows.size() * sizeof(std::uint32_t)) +
                   n_workers * worker_bytes(family))) {
    halt.raise(search::Halt::memory);
  }
  // A worker takes its newest task first: the most frequent items go in last, so that none is left for the end.
  std::vector<std::uint32_t> order(n_items);
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return database_.support[a] < database_.support[b]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    Subtree root;
    root.last = order[i];
    root.depth = 1;
    board.put(static_cast<int>(i % static_cast<std::size_t>(n_workers)), std::move(root));
  }
  std::vector<std::unique_ptr<FamilyWorker>> workers(static_cast<std::size_t>(n_workers));
  Status status = board.run(halt, [&](Subtree& subtree, int number) {
    if (halt.halted()) return;
    auto& worker = workers[static_cast<std::size_t>(number)];
    if (worker == nullptr) worker = make_worker(family, shared, number, keep_);
    worker->grow(subtree);
    budget.give(subtree.charged);
  });
  found_.search_seconds = lap();
  if (!status.ok()) return status;
  switch (halt.state()) {
    case search::Halt::none: break;
    case search::Halt::cancelled: return {Code::cancelled, "cancelled"};
    case search::Halt::seconds: found_ = incomplete("seconds"); return {};
    case search::Halt::work: found_ = incomplete("work"); return {};
    case search::Halt::memory:
      return {Code::out_of_memory, "the permuted labels and the search take more than max_memory = " +
                                       std::to_string(options_.max_memory)};
  }
  std::vector<double> best(static_cast<std::size_t>(permuted_.n_permutations() + 1), 0.0);
  for (const auto& worker : workers) {
    if (worker == nullptr) continue;
    const FamilyTally& tally = worker->tally();
    found_.n_patterns += tally.n_patterns;
    found_.n_tested += tally.n_tested;
    std::transform(best.begin(), best.end(), tally.best.begin(), best.begin(),
                   [](double a, double b) { return std::max(a, b); });
  }
  found_.work = shared.work.load();
  found_.observed = best[0];
  found_.maxima.assign(best.begin() + 1, best.end());
  return {};
}

}  // namespace

Result<FamilyMaxima> westfall_young(const LogView& log, const RowsView& rows, const ExchangeableLabels& labels,
                                    const std::vector<Item>& items, const FamilyOptions& options,
                                    const StopToken& stop) {
  if (Status status = check(rows, labels, options); !status.ok()) return status;
  try {
    return Call(rows, labels, options, stop).run(log, items);
  } catch (const std::bad_alloc&) {
    return Status{Code::out_of_memory, "the system has no more memory to give to the search"};
  }
}

}  // namespace seqmine
