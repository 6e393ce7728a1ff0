// Turns the texts of one column into ids, one piece of a batch at a time, in four steps that each run on many threads:
// mark (which dictionary values are used), look_up (hash, find), insert (what was not found), number.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "events/name_table.hpp"
#include "seqmine/ingest.hpp"
#include "seqmine/status.hpp"

namespace seqmine::detail {

inline constexpr std::uint32_t null_name = 0xFFFF'FFFF;

class Encoder {
 public:
  /// `what` names the column in messages.
  Encoder(const char* what, std::int64_t max_names) : what_(what), max_names_(max_names) {}

  [[nodiscard]] NameTable& table() noexcept { return table_; }
  [[nodiscard]] const NameTable& table() const noexcept { return table_; }

  /// Rows [first, first + n) of `column` come next. `column` stays borrowed until the last `read`.
  void begin(const TextView& column, std::int64_t first, std::int64_t n);

  /// Sets reasons[i - lo] where it is 0 and row i of the piece is null or empty. Any number of threads, disjoint rows.
  [[nodiscard]] Status check(std::int64_t lo, std::int64_t hi, BadReason null, BadReason empty,
                             std::uint8_t* reasons) const;

  /// Notes which dictionary values the rows use (nothing to do for a plain column). Rows with skip != 0 do not count.
  [[nodiscard]] Status mark(std::int64_t lo, std::int64_t hi, const std::uint8_t* skip);
  /// Between mark and look_up, on one thread.
  void gather();

  [[nodiscard]] std::int64_t n_blocks() const noexcept { return static_cast<std::int64_t>(misses_.size()); }
  [[nodiscard]] Status look_up(std::int64_t block, const std::uint8_t* skip);
  [[nodiscard]] bool has_misses() const noexcept;

  /// Step three, for each shard.
  [[nodiscard]] Status insert(int shard);
  /// Between insert and number, on one thread. out_of_range when there are too many names.
  [[nodiscard]] Status begin_numbering();
  /// Step four, for each shard.
  void number(int shard) noexcept;
  /// After number, on one thread.
  void settle() noexcept;

  /// Writes the id (or null_name) of each row of [lo, hi) with skip == 0 to out, without gaps. `lo` is a multiple of
  /// the block size.
  void read(std::int64_t lo, std::int64_t hi, const std::uint8_t* skip, std::uint32_t* out) const noexcept;

 private:
  struct Miss {
    std::uint64_t hash;
    NameEntry* entry;
    std::uint32_t position;
  };
  struct BlockMisses {
    std::vector<Miss> all;  // by shard
    std::vector<Miss> unordered;
    std::array<std::uint32_t, NameTable::n_shards + 1> begin{};
  };
  [[nodiscard]] Status damaged() const;
  [[nodiscard]] Status too_many() const;
  [[nodiscard]] bool is_dictionary() const noexcept { return column_->values != nullptr; }

  const char* what_;
  std::int64_t max_names_;
  NameTable table_;

  const TextView* column_ = nullptr;
  std::int64_t first_ = 0;
  std::int64_t n_ = 0;
  std::int64_t n_texts_ = 0;              // rows of the piece, or dictionary values in use
  std::vector<std::uint8_t> used_;        // dictionary: by value
  std::vector<std::uint32_t> picks_;      // dictionary: the values in use
  std::vector<std::uint32_t> by_value_;   // dictionary: value -> id
  std::vector<std::uint32_t> codes_;      // by text: id, null_name, or repeat
  std::vector<BlockMisses> misses_;
  std::array<std::uint32_t, NameTable::n_shards> first_id_{};
};

}  // namespace seqmine::detail
