// From batches of raw rows to the sorted columns of an event log.
//
// Rows come in any order. Names are hash-encoded as they come; `finish` numbers them in byte order and orders the rows
// by (entity, time, code, value, string attributes, number attributes). The result is a function of the set of rows
// alone: row order, batch sizes, plain or dictionary encoding and the number of threads never show in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// An owned array of trivial values. Unlike std::vector it does not write zeros first: pages of a large column are
/// touched for the first time by the worker that fills them.
template <class T>
class Column {
 public:
  Column() = default;
  /// Uninitialised. May throw std::bad_alloc.
  explicit Column(std::int64_t size) : data_(new T[static_cast<std::size_t>(size)]), size_(size) {}
  Column(Column&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
  Column& operator=(Column&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  [[nodiscard]] T* data() noexcept { return data_.get(); }
  [[nodiscard]] const T* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::int64_t i) noexcept { return data_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const T& operator[](std::int64_t i) const noexcept { return data_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] std::span<const T> span() const noexcept { return {data_.get(), static_cast<std::size_t>(size_)}; }
  /// Keeps the first `size` values; the memory behind them stays with the column. Does not throw.
  void truncate(std::int64_t size) noexcept { size_ = size; }

 private:
  std::unique_ptr<T[]> data_;
  std::int64_t size_ = 0;
};

/// A borrowed text column in the Arrow layout: plain (offsets and data), or dictionary-encoded (indices and `values`,
/// which must be plain). Exactly one of offsets32, offsets64, values is set, unless `length` is 0. Offsets and indices
/// are checked where they are used, so a damaged buffer is an error and never a wild read, as long as the buffers are
/// as long as `length` and `offset` say.
struct TextView {
  std::int64_t length = 0;
  std::int64_t offset = 0;                    // first entry used, in every buffer below
  const std::uint8_t* validity = nullptr;     // bit set = not null; nullptr = no nulls
  const std::int32_t* offsets32 = nullptr;
  const std::int64_t* offsets64 = nullptr;
  const char* data = nullptr;
  std::int64_t data_size = 0;
  const void* indices = nullptr;
  int index_width = 0;                        // bytes: 1, 2, 4 or 8
  bool index_signed = true;
  const TextView* values = nullptr;
};

/// Why a row cannot be used. Codes above `empty_event` belong to the caller and pass through unread.
enum class BadReason : std::uint8_t { none = 0, null_entity = 1, empty_entity = 2, null_event = 3, empty_event = 4 };

/// One batch of rows. Everything is borrowed for the length of the call.
struct IngestBatch {
  TextView entity;
  TextView event;
  std::span<const std::int64_t> time;   // UTC microseconds; INT64_MIN only where flags != 0
  std::span<const std::uint8_t> flags;  // != 0: the caller has found the row bad, with this reason
  std::span<const double> value;        // NaN = null; empty when the log has no value column
  std::vector<TextView> string_attributes;
  std::vector<std::span<const double>> number_attributes;  // NaN = null
  std::optional<TextView> event_id;
};

/// Rows of one batch that were not taken, ascending, with one reason each: the entity's, else the event's, else flags.
struct BadRows {
  std::vector<std::int64_t> row;
  std::vector<std::uint8_t> reason;
};

struct IngestOptions {
  int n_string_attributes = 0;
  int n_number_attributes = 0;
  bool has_value = false;
  bool has_event_id = false;
  int threads = 0;                            // 0 = all cores
  std::int64_t max_names = 4'294'967'294;     // per dictionary; less only in tests
};

/// Names as Arrow has them: name i is bytes[offsets[i], offsets[i + 1]).
struct Names {
  Column<std::int64_t> offsets;  // n + 1
  Column<std::uint8_t> bytes;
  [[nodiscard]] std::int64_t size() const noexcept { return offsets.size() == 0 ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::string_view operator[](std::int64_t i) const noexcept;
};

/// What is done with duplicates. They are counted in any case.
enum class Duplicates : std::uint8_t {
  none,   // keep all rows
  exact,  // rows equal in every column given, event id included, are one
  id,     // rows with the same event id are one: the first in canonical order; a null id equals no other
};

struct FinishOptions {
  Duplicates duplicates = Duplicates::none;
  std::vector<std::string> excluded_events;  // rows of these types are left out, before duplicates are looked for
};

/// The sorted columns. Dictionaries hold the names that occur in these rows and no others.
struct IngestedLog {
  Column<std::int64_t> entity_offsets;           // n_entities + 1
  Column<std::int64_t> time;
  Column<std::uint16_t> code16;                  // when there are at most 65,536 event types
  Column<std::uint32_t> code32;                  // otherwise
  Column<double> value;
  std::vector<Column<std::int32_t>> string_codes;  // -1 = null
  std::vector<Column<double>> numbers;
  Names entity_names;
  Names event_names;
  std::vector<Names> string_dictionaries;
  std::int64_t n_exact_duplicates = 0;  // rows beyond the first of each set of equal rows
  std::int64_t n_id_duplicates = 0;     // rows beyond the first of each set with one event id
  std::int64_t n_dropped = 0;           // duplicates that were left out under the policy
  std::int64_t n_filtered = 0;          // rows of excluded event types
  bool wide_codes = false;              // code32 is the one in use
  bool has_value = false;
};

/// Takes batches, then gives the log. Not thread-safe: one call at a time; a call uses `threads` threads inside.
/// After a call has failed (a stop request counts) the object is spent: every later call gives the same status.
///
/// Memory while batches come in: 16 bytes a row (plus 8 for the value and each number, 4 for each string attribute and
/// event id), and about 25 bytes plus its text for each distinct name. `finish` moves the rows once more and frees as
/// it goes; its peak stays below 2.5 times 16 bytes a row.
class Ingest {
 public:
  explicit Ingest(const IngestOptions& options);
  ~Ingest();
  Ingest(Ingest&&) noexcept;
  Ingest& operator=(Ingest&&) noexcept;

  /// Takes the good rows of a batch. O(rows). Polls `stop` every few thousand rows. Names of bad rows are not kept.
  /// out_of_range: more than max_names names. invalid_argument: columns of different lengths, or a damaged buffer.
  [[nodiscard]] Result<BadRows> push(const IngestBatch& batch, const StopToken& stop);

  /// Rows taken so far.
  [[nodiscard]] std::int64_t n_rows() const noexcept;

  /// The distinct names so far, in provisional numbering (order of first appearance, roughly; the same for any number
  /// of threads).
  [[nodiscard]] Result<Names> entity_names() const;
  [[nodiscard]] Result<Names> event_names() const;

  /// Gives every entity a new name, in provisional numbering; entities given one name become one. Rows pushed
  /// afterwards are refused.
  [[nodiscard]] Status rename_entities(std::span<const std::int64_t> offsets, std::string_view bytes);

  /// Orders everything and gives the log. O(rows + names log names), plus a sort inside each entity whose rows did not
  /// arrive in order. The object is spent afterwards.
  [[nodiscard]] Result<IngestedLog> finish(const FinishOptions& options, const StopToken& stop);

  /// Spends the object as a stop request does: for a caller that was interrupted while a call came to its end, and so
  /// never saw what it gave. An earlier failure stays.
  void abandon() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace seqmine
