#include "events/encoder.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <string_view>

#include "events/text_column.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::detail {

namespace {

// The text of the row before, in the same block: sorted input costs one comparison a row.
constexpr std::uint32_t repeat = 0xFFFF'FFFE;

// Texts hashed ahead of their look-up, so that the cache misses of one group overlap.
constexpr std::int64_t group = 32;

}  // namespace

Status Encoder::damaged() const {
  return {Code::invalid_argument, std::string("the buffers of the ") + what_ + " column are damaged"};
}

Status Encoder::too_many() const {
  return {Code::out_of_range, std::string("the ") + what_ + " column has more than " + std::to_string(max_names_) +
                                  " different values, or more text than fits; split the log by entity"};
}

void Encoder::begin(const TextView& column, std::int64_t first, std::int64_t n) {
  column_ = &column;
  first_ = first;
  n_ = n;
  if (is_dictionary()) used_.assign(static_cast<std::size_t>(column.values->length), 0);
}

Status Encoder::check(std::int64_t lo, std::int64_t hi, BadReason null, BadReason empty, std::uint8_t* reasons) const {
  const TextView& column = *column_;
  std::string_view text;
  for (std::int64_t i = lo; i < hi; ++i) {
    std::uint8_t& reason = reasons[i - lo];
    if (reason != 0) continue;
    std::int64_t at = first_ + i;
    const TextView* texts = &column;
    bool missing = is_null(column, at);
    if (!missing && column.values != nullptr) {
      at = index_at(column, at);
      texts = column.values;
      if (at < 0) return damaged();
      missing = is_null(*texts, at);
    }
    if (missing) {
      reason = static_cast<std::uint8_t>(null);
    } else {
      if (!text_at(*texts, at, text)) return damaged();
      if (text.empty()) reason = static_cast<std::uint8_t>(empty);
    }
  }
  return {};
}

Status Encoder::mark(std::int64_t lo, std::int64_t hi, const std::uint8_t* skip) {
  if (!is_dictionary()) return {};
  for (std::int64_t i = lo; i < hi; ++i) {
    if (skip[i] != 0 || is_null(*column_, first_ + i)) continue;
    const std::int64_t index = index_at(*column_, first_ + i);
    if (index < 0) return damaged();
    // Several threads may mark one value; reading first keeps its cache line shared.
    const std::atomic_ref<std::uint8_t> flag(used_[static_cast<std::size_t>(index)]);
    if (flag.load(std::memory_order_relaxed) == 0) flag.store(1, std::memory_order_relaxed);
  }
  return {};
}

void Encoder::gather() {
  n_texts_ = n_;
  if (is_dictionary()) {
    const TextView& values = *column_->values;
    picks_.clear();
    by_value_.resize(used_.size());
    for (std::size_t v = 0; v < used_.size(); ++v) {
      if (used_[v] == 0) continue;
      if (is_null(values, static_cast<std::int64_t>(v))) {
        by_value_[v] = null_name;
      } else {
        picks_.push_back(static_cast<std::uint32_t>(v));
      }
    }
    n_texts_ = static_cast<std::int64_t>(picks_.size());
  }
  codes_.resize(static_cast<std::size_t>(n_texts_));
  misses_.resize(static_cast<std::size_t>((n_texts_ + tuning::ingest_block_rows - 1) / tuning::ingest_block_rows));
}

Status Encoder::look_up(std::int64_t block, const std::uint8_t* skip) {
  const bool dictionary = is_dictionary();
  const TextView& texts = dictionary ? *column_->values : *column_;
  BlockMisses& misses = misses_[static_cast<std::size_t>(block)];
  misses.all.clear();
  misses.unordered.clear();
  misses.begin.fill(0);

  struct Pending {
    std::string_view text;
    std::uint64_t hash;
    const NameEntry* candidate;
    std::uint32_t position;
  };
  std::array<Pending, group> pending;
  std::int64_t n_pending = 0;
  const auto resolve = [&] {
    for (std::int64_t k = 0; k < n_pending; ++k) {
      Pending& p = pending[static_cast<std::size_t>(k)];
      p.candidate = table_.shard(NameTable::shard_of(p.hash)).candidate(p.hash);
      __builtin_prefetch(p.candidate);
    }
    for (std::int64_t k = 0; k < n_pending; ++k) {
      const Pending& p = pending[static_cast<std::size_t>(k)];
      const int s = NameTable::shard_of(p.hash);
      const NameEntry* entry = p.candidate;
      if (entry != nullptr && !(entry->length == p.text.size() &&
                                same_bytes(entry->bytes(), p.text.data(), p.text.size()))) {
        entry = table_.shard(s).find(p.hash, p.text);  // two texts, one tag
      }
      if (entry != nullptr) {
        codes_[p.position] = entry->id;
      } else {
        misses.unordered.push_back({p.hash, nullptr, p.position});
        ++misses.begin[static_cast<std::size_t>(s) + 1];
      }
    }
    n_pending = 0;
  };

  const std::int64_t lo = block * tuning::ingest_block_rows;
  const std::int64_t hi = std::min(n_texts_, lo + tuning::ingest_block_rows);
  std::string_view previous;
  bool has_previous = false;
  for (std::int64_t k = lo; k < hi; ++k) {
    const auto position = static_cast<std::uint32_t>(k);
    std::int64_t at = 0;
    if (dictionary) {
      at = picks_[position];
    } else {
      if (skip[k] != 0) continue;
      at = first_ + k;
      if (is_null(texts, at)) {
        codes_[position] = null_name;
        continue;
      }
    }
    std::string_view text;
    if (!text_at(texts, at, text)) return damaged();
    if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
      return {Code::out_of_range, std::string("a text of the ") + what_ + " column is longer than 4 GiB"};
    }
    if (!dictionary && has_previous && text.size() == previous.size() &&
        same_bytes(text.data(), previous.data(), text.size())) {
      codes_[position] = repeat;
      continue;
    }
    previous = text;
    has_previous = true;
    const std::uint64_t hash = hash_text(text);
    table_.shard(NameTable::shard_of(hash)).prefetch(hash);
    pending[static_cast<std::size_t>(n_pending++)] = {text, hash, nullptr, position};
    if (n_pending == group) resolve();
  }
  resolve();

  // Counting sort by shard, in order of position: the numbering depends on the rows alone.
  if (!misses.unordered.empty()) {
    for (std::size_t s = 0; s < NameTable::n_shards; ++s) misses.begin[s + 1] += misses.begin[s];
    std::array<std::uint32_t, NameTable::n_shards> next;
    std::copy_n(misses.begin.begin(), NameTable::n_shards, next.begin());
    misses.all.resize(misses.unordered.size());
    for (const Miss& miss : misses.unordered) {
      misses.all[next[static_cast<std::size_t>(NameTable::shard_of(miss.hash))]++] = miss;
    }
  }
  return {};
}

bool Encoder::has_misses() const noexcept {
  return std::any_of(misses_.begin(), misses_.end(), [](const BlockMisses& block) { return !block.all.empty(); });
}

Status Encoder::insert(int shard) {
  const TextView& texts = is_dictionary() ? *column_->values : *column_;
  NameShard& owner = table_.shard(shard);
  const auto s = static_cast<std::size_t>(shard);
  for (BlockMisses& block : misses_) {
    for (std::uint32_t k = block.begin[s]; k < block.begin[s + 1]; ++k) {
      Miss& miss = block.all[k];
      std::string_view text;
      const std::int64_t at = is_dictionary() ? picks_[miss.position] : first_ + miss.position;
      if (!text_at(texts, at, text)) return damaged();
      miss.entry = owner.find_or_insert(miss.hash, text);
      if (miss.entry == nullptr) return too_many();
    }
  }
  return {};
}

Status Encoder::begin_numbering() {
  if (table_.size() + table_.n_fresh() > max_names_) {
    return too_many();
  }
  first_id_ = table_.begin_numbering();
  return {};
}

void Encoder::number(int shard) noexcept {
  const auto s = static_cast<std::size_t>(shard);
  table_.number(shard, first_id_[s]);
  for (const BlockMisses& block : misses_) {
    for (std::uint32_t k = block.begin[s]; k < block.begin[s + 1]; ++k) {
      codes_[block.all[k].position] = block.all[k].entry->id;
    }
  }
}

void Encoder::settle() noexcept {
  if (!is_dictionary()) return;
  for (std::size_t k = 0; k < picks_.size(); ++k) by_value_[picks_[k]] = codes_[k];
}

void Encoder::read(std::int64_t lo, std::int64_t hi, const std::uint8_t* skip, std::uint32_t* out) const noexcept {
  if (is_dictionary()) {
    for (std::int64_t i = lo; i < hi; ++i) {
      if (skip[i] != 0) continue;
      *out++ = is_null(*column_, first_ + i)
                   ? null_name
                   : by_value_[static_cast<std::size_t>(index_at(*column_, first_ + i))];
    }
    return;
  }
  // A repeat takes the last text seen, which is not the null in between: nulls do not become `previous`.
  std::uint32_t last = null_name;
  for (std::int64_t i = lo; i < hi; ++i) {
    if (skip[i] != 0) continue;
    const std::uint32_t code = codes_[static_cast<std::size_t>(i)];
    if (code != repeat && code != null_name) last = code;
    *out++ = code == repeat ? last : code;
  }
}

}  // namespace seqmine::detail
