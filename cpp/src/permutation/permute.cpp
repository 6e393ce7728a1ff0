#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <span>
#include <unordered_map>
#include <utility>

#include "seqmine/parallel.hpp"
#include "seqmine/permutation.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

namespace {

constexpr std::int64_t most_permutations = 65'535;

/// Bytes a row, beside the bits: what Groups lists, the map of units where they are given, and one worker's columns if
/// all rows were in one group.
constexpr std::int64_t group_bytes = 32, unit_bytes = 48, drawer_bytes = 25;

/// The mixing function of splitmix64 (G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number
/// generators, 2014): a bijection whose outputs at consecutive multiples of `golden` pass as random.
constexpr std::uint64_t golden = 0x9E37'79B9'7F4A'7C15;
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58'476D'1CE4'E5B9;
  x = (x ^ (x >> 27)) * 0x94D0'49BB'1331'11EB;
  return x ^ (x >> 31);
}

/// Random numbers by counter: number i of a permutation of a group is known without those before it.
class Stream {
 public:
  Stream(std::uint64_t seed, std::uint64_t group, std::uint64_t permutation) noexcept
      : key_(mix(mix(mix(seed + golden) + golden * (group + 1)) + golden * (permutation + 1))) {}
  /// In [0, bound). The high half of a product: its bias is below bound / 2^64.
  [[nodiscard]] std::uint32_t below(std::uint64_t i, std::uint32_t bound) const noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint32_t>(static_cast<Wide>(mix(key_ + golden * (i + 1))) * bound >> 64);
  }

 private:
  std::uint64_t key_;
};

/// Numbers words of symbols as they come up: the states of a tree that every unit walks, one symbol a row.
class WordTree {
 public:
  std::uint32_t step(std::uint32_t state, std::uint64_t symbol) {
    const auto [found, fresh] = next_.try_emplace(Edge{state, symbol}, n_states_);
    n_states_ += fresh ? 1 : 0;
    return found->second;
  }
  [[nodiscard]] std::uint32_t n_states() const noexcept { return n_states_; }

 private:
  struct Edge {
    std::uint32_t state;
    std::uint64_t symbol;
    bool operator==(const Edge&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Edge& edge) const noexcept {
      return static_cast<std::size_t>(mix(golden * edge.state + edge.symbol));
    }
  };
  std::unordered_map<Edge, std::uint32_t, Hash> next_;
  std::uint32_t n_states_ = 1;  // 0 is the root
};

/// Members of numbered sets, one set after the other, ascending within each.
struct Members {
  std::vector<std::uint32_t> begin, member;
  Members(const std::vector<std::uint32_t>& set_of, std::uint32_t n_sets) : begin(n_sets + std::size_t{1}, 0) {
    for (const std::uint32_t set : set_of) ++begin[set + std::size_t{1}];
    for (std::size_t set = 0; set < n_sets; ++set) begin[set + 1] += begin[set];
    member.resize(set_of.size());
    std::vector<std::uint32_t> at(begin.begin(), begin.end() - 1);
    for (std::size_t i = 0; i < set_of.size(); ++i) member[at[set_of[i]]++] = static_cast<std::uint32_t>(i);
  }
  [[nodiscard]] std::span<const std::uint32_t> of(std::uint32_t set) const noexcept {
    return std::span(member).subspan(begin[set], begin[set + std::size_t{1}] - begin[set]);
  }
};

/// The units of the rows, numbered from 0 as they come up. Empty when the work must end.
std::vector<std::uint32_t> number_units(const ExchangeableLabels& labels, std::uint32_t& n_units, Poll& poll) {
  const std::size_t n_rows = labels.label.size();
  std::vector<std::uint32_t> unit(n_rows);
  n_units = static_cast<std::uint32_t>(n_rows);
  if (labels.unit.empty()) {
    for (std::size_t row = 0; row < n_rows; ++row) unit[row] = static_cast<std::uint32_t>(row);
    return unit;
  }
  std::unordered_map<std::int64_t, std::uint32_t> number;
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (poll.spend(1)) return {};
    unit[row] = number.try_emplace(labels.unit[row], static_cast<std::uint32_t>(number.size())).first->second;
  }
  n_units = static_cast<std::uint32_t>(number.size());
  return unit;
}

/// Units by group, and what sets each apart from the most frequent label vector of its group.
class Groups {
 public:
  /// Hashing takes up to 0.2 us a row, so it is polled; when it must end, stopped() is true and nothing else may be asked.
  Groups(const ExchangeableLabels& labels, const StopToken& stop) : labels_(labels) {
    Poll poll(stop);
    const std::vector<std::uint32_t> unit_of_row = number_units(labels, n_units_, poll);
    stopped_ = unit_of_row.size() != labels.label.size();
    if (stopped_) return;
    rows_.emplace(unit_of_row, n_units_);
    WordTree strata, vectors;
    std::vector<std::uint32_t> group(n_units_, 0);
    vector_.assign(n_units_, 0);
    for (std::size_t row = 0; row < unit_of_row.size(); ++row) {
      stopped_ = poll.spend(1);
      if (stopped_) return;
      const std::uint32_t unit = unit_of_row[row];
      const std::uint64_t stratum = labels.stratum.empty() ? 0 : static_cast<std::uint64_t>(labels.stratum[row]);
      group[unit] = strata.step(group[unit], stratum);
      vector_[unit] = vectors.step(vector_[unit], 2 * stratum + (labels.label[row] != 0 ? 1 : 0));
    }
    units_.emplace(group, strata.n_states());
    usual_.assign(strata.n_states(), 0);
    std::vector<std::uint32_t> n_with(vectors.n_states(), 0);
    for (std::uint32_t number = 0; number < n_groups(); ++number) {
      const auto members = units_->of(number);
      for (const std::uint32_t unit : members) ++n_with[vector_[unit]];
      std::uint32_t most = 0;
      for (const std::uint32_t unit : members) {
        if (n_with[vector_[unit]] > most) {
          most = n_with[vector_[unit]];
          usual_[number] = unit;
        }
      }
      for (const std::uint32_t unit : members) n_with[vector_[unit]] = 0;
      if (!members.empty()) most_rows_ = std::max(most_rows_, members.size() * rows(members[0]).size());
    }
  }

  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] std::uint32_t n_groups() const noexcept { return static_cast<std::uint32_t>(usual_.size()); }
  [[nodiscard]] std::span<const std::uint32_t> units(std::uint32_t group) const noexcept { return units_->of(group); }
  [[nodiscard]] std::span<const std::uint32_t> rows(std::uint32_t unit) const noexcept { return rows_->of(unit); }
  /// A unit with the group's most frequent label vector.
  [[nodiscard]] std::uint32_t usual(std::uint32_t group) const noexcept { return usual_[group]; }
  [[nodiscard]] std::int64_t most_rows() const noexcept { return static_cast<std::int64_t>(most_rows_); }
  [[nodiscard]] bool alike(std::uint32_t a, std::uint32_t b) const noexcept { return vector_[a] == vector_[b]; }
  [[nodiscard]] bool positive(std::uint32_t row) const noexcept { return labels_.label[row] != 0; }

 private:
  const ExchangeableLabels& labels_;
  bool stopped_ = false;
  std::uint32_t n_units_ = 0;
  std::size_t most_rows_ = 0;  // of one group
  std::optional<Members> rows_, units_;  // by unit; by group
  std::vector<std::uint32_t> vector_, usual_;
};

/// One worker's way through groups: 64 permutations of one group at a time, in a column of one word for each row of the
/// group, which fits a cache where the bits of all rows do not.
class Drawer {
 public:
  Drawer(const Groups& groups, std::uint64_t seed, std::int64_t n_permutations, const StopToken& stop)
      : groups_(groups), seed_(seed), n_labels_(n_permutations + 1), poll_(stop) {}

  /// False when the work must end.
  bool draw(std::uint32_t group, std::size_t word, PermutedLabels::Block* blocks, std::size_t n_blocks) {
    if (groups_.units(group).empty()) return true;
    if (group != group_) prepare(group);
    const std::int64_t first = static_cast<std::int64_t>(word) * 64;
    const auto n = static_cast<int>(std::clamp<std::int64_t>(n_labels_ - first, 0, 64));
    const std::uint64_t used = n == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1;
    for (std::size_t i = 0; i < column_.size(); ++i) column_[i] = usual_[i % length_] != 0 ? used : 0;
    for (int bit = odd_.empty() ? n : 0; bit < n; ++bit) {
      if (poll_.spend(static_cast<std::int64_t>(odd_.size()))) return false;
      const std::uint64_t number = static_cast<std::uint64_t>(first) + static_cast<std::uint64_t>(bit);
      if (number == 0) {
        for (std::size_t i = 0; i < odd_.size(); ++i) flip(i, odd_[i], bit);
      } else if (length_ == 1) {
        shuffle<true>(Stream(seed_, group, number), bit);
      } else {
        shuffle<false>(Stream(seed_, group, number), bit);
      }
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      blocks[rows_[i] * n_blocks + word / 8].word[word % 8] = column_[i];
    }
    return true;
  }

 private:
  /// Lists what the words of one group have in common.
  void prepare(std::uint32_t group) {
    group_ = group;
    const auto units = groups_.units(group);
    n_units_ = static_cast<std::uint32_t>(units.size());
    length_ = groups_.rows(units[0]).size();
    const auto usual = groups_.rows(groups_.usual(group));
    usual_.clear();
    for (const std::uint32_t row : usual) usual_.push_back(groups_.positive(row) ? 1 : 0);
    rows_.clear();
    odd_.clear();
    differs_.clear();
    for (std::uint32_t i = 0; i < n_units_; ++i) {
      const auto rows = groups_.rows(units[i]);
      rows_.insert(rows_.end(), rows.begin(), rows.end());
      if (groups_.alike(units[i], groups_.usual(group))) continue;
      odd_.push_back(i);
      for (std::size_t k = 0; k < length_; ++k) {
        differs_.push_back((groups_.positive(rows[k]) ? 1 : 0) != usual_[k] ? 1 : 0);
      }
    }
    column_.resize(rows_.size());
    drawn_.resize(odd_.size());
    const auto known = static_cast<std::uint32_t>(place_.size());
    if (known < n_units_) place_.resize(n_units_);
    for (std::uint32_t i = known; i < place_.size(); ++i) place_[i] = i;
  }

  /// Gives a place the labels of an odd unit, where it had the usual ones.
  void flip(std::size_t odd, std::size_t place, int bit) noexcept {
    for (std::size_t k = 0; k < length_; ++k) {
      column_[place * length_ + k] ^= std::uint64_t{differs_[odd * length_ + k]} << bit;
    }
  }

  /// The first steps of Fisher and Yates: a place for each odd unit; the usual ones take the others.
  template <bool single_rows>
  void shuffle(const Stream& random, int bit) noexcept {
    const auto n = static_cast<std::uint32_t>(odd_.size());
    std::uint32_t* place = place_.data();
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::uint32_t at = i + random.below(i, n_units_ - i);
      drawn_[i] = at;
      std::swap(place[i], place[at]);
      if constexpr (single_rows) {
        column_[place[i]] ^= std::uint64_t{1} << bit;  // one row can differ in one way alone
      } else {
        flip(i, place[i], bit);
      }
    }
    // Every permutation begins with the places in order: those that were touched are put back.
    for (std::uint32_t i = 0; i < n; ++i) {
      place[i] = i;
      place[drawn_[i]] = drawn_[i];
    }
  }

  const Groups& groups_;
  std::uint64_t seed_;
  std::int64_t n_labels_;
  Poll poll_;
  std::uint32_t group_ = std::numeric_limits<std::uint32_t>::max(), n_units_ = 0;  // prepared
  std::size_t length_ = 0;                   // rows of each unit of the group
  std::vector<std::uint32_t> rows_;          // of the group, unit by unit
  std::vector<std::uint8_t> usual_;          // the most frequent label vector
  std::vector<std::uint32_t> odd_;           // units with another one, by their place in the group
  std::vector<std::uint8_t> differs_;        // and where it is another one
  std::vector<std::uint64_t> column_;        // 64 labels of each of the rows
  std::vector<std::uint32_t> place_, drawn_;
};

Status check(const ExchangeableLabels& labels, std::int64_t n_permutations) {
  const auto invalid = [](const char* message) { return Status{Code::invalid_argument, message}; };
  if (n_permutations < 1 || n_permutations > most_permutations) {
    return invalid("between 1 and 65,535 permutations are possible");
  }
  if (labels.label.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return {Code::out_of_range, "more than 2^31 - 1 rows of labels"};
  }
  if (!labels.unit.empty() && labels.unit.size() != labels.label.size()) return invalid("one unit per row is needed");
  if (labels.stratum.empty()) return {};
  if (labels.stratum.size() != labels.label.size()) return invalid("one stratum per row is needed");
  for (const std::int32_t stratum : labels.stratum) {
    if (stratum < 0 || stratum >= labels.n_strata) return invalid("a stratum is out of range");
  }
  return {};
}

}  // namespace

Result<PermutedLabels> permute_labels(const ExchangeableLabels& labels, std::int64_t n_permutations,
                                      std::uint64_t seed, int threads, std::int64_t max_memory,
                                      const StopToken& stop) {
  if (Status status = check(labels, n_permutations); !status.ok()) return status;
  PermutedLabels made;
  made.n_rows_ = static_cast<std::int64_t>(labels.label.size());
  made.n_permutations_ = n_permutations;
  made.n_blocks_ = static_cast<std::size_t>((n_permutations + 1 + 511) / 512);
  std::int64_t needed = made.bytes() + made.n_rows_ * (labels.unit.empty() ? group_bytes : group_bytes + unit_bytes);
  const auto fits = [&]() -> Status {
    if (max_memory == 0 || needed <= max_memory) return {};
    return {Code::out_of_memory, std::to_string(n_permutations) + " permutations of the labels take " +
                                     std::to_string(needed) + " bytes, more than the " + std::to_string(max_memory) +
                                     " that are left of max_memory"};
  };
  if (Status status = fits(); !status.ok()) return status;
  const Groups groups(labels, stop);
  if (groups.stopped()) return Status{Code::cancelled, "cancelled"};
  const int n_workers = resolve_threads(threads);
  needed += n_workers * groups.most_rows() * drawer_bytes;
  if (Status status = fits(); !status.ok()) return status;
  made.blocks_ = std::make_unique_for_overwrite<PermutedLabels::Block[]>(static_cast<std::size_t>(made.n_rows_) *
                                                                         made.n_blocks_);
  // Small groups go together, so that a unit of work is never next to nothing.
  std::vector<std::uint32_t> begin{0};
  std::size_t n_units = 0;
  for (std::uint32_t group = 0; group < groups.n_groups(); ++group) {
    n_units += groups.units(group).size();
    if (n_units < static_cast<std::size_t>(tuning::rows_per_unit) && group + 1 != groups.n_groups()) continue;
    begin.push_back(group + 1);
    n_units = 0;
  }
  std::vector<std::unique_ptr<Drawer>> workers(static_cast<std::size_t>(n_workers));
  const std::size_t n_words = made.n_words();
  // The words of one lot of groups follow each other: its rows stay in the cache.
  Status status = parallel_for(static_cast<std::int64_t>((begin.size() - 1) * n_words), n_workers, stop,
                               [&](std::int64_t task, int worker) -> Status {
    auto& drawer = workers[static_cast<std::size_t>(worker)];
    if (drawer == nullptr) drawer = std::make_unique<Drawer>(groups, seed, n_permutations, stop);
    const std::size_t lot = static_cast<std::size_t>(task) / n_words, word = static_cast<std::size_t>(task) % n_words;
    for (std::uint32_t group = begin[lot]; group < begin[lot + 1]; ++group) {
      if (!drawer->draw(group, word, made.blocks_.get(), made.n_blocks_)) return {Code::cancelled, "cancelled"};
    }
    return {};
  });
  if (!status.ok()) return status;
  return made;
}

}  // namespace seqmine
