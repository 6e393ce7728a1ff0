#include "seqmine/ingest.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <utility>

#include "events/arrange.hpp"
#include "events/compact.hpp"
#include "events/encoder.hpp"
#include "events/ranking.hpp"
#include "events/staging.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine {

using detail::Chunk;
using detail::Encoder;
using detail::NameTable;
using detail::Ranking;
using detail::StagedRow;

namespace {

bool fits(const TextView& column, std::int64_t n) {
  if (column.length != n || column.offset < 0) return false;
  if (n == 0) return true;
  if (column.values == nullptr) return (column.offsets32 != nullptr) != (column.offsets64 != nullptr);
  const TextView& values = *column.values;
  const int w = column.index_width;
  return column.indices != nullptr && (w == 1 || w == 2 || w == 4 || w == 8) && values.values == nullptr &&
         values.length <= std::numeric_limits<std::uint32_t>::max() &&
         (values.length == 0 || values.offsets32 != nullptr || values.offsets64 != nullptr);
}

}  // namespace

std::string_view Names::operator[](std::int64_t i) const noexcept {
  return {reinterpret_cast<const char*>(bytes.data()) + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i])};
}

struct Ingest::State {
  explicit State(const IngestOptions& given)
      : options(given), threads(resolve_threads(given.threads)) {
    shape.has_value = given.has_value;
    shape.has_event_id = given.has_event_id;
    shape.n_strings = static_cast<std::size_t>(given.n_string_attributes);
    shape.n_numbers = static_cast<std::size_t>(given.n_number_attributes);
    encoders.emplace_back("entity", given.max_names);
    encoders.emplace_back("event", given.max_names);
    const std::int64_t max_codes = std::min<std::int64_t>(given.max_names, std::numeric_limits<std::int32_t>::max());
    for (std::size_t c = 0; c < shape.n_strings; ++c) encoders.emplace_back("attribute", max_codes);
    if (shape.has_event_id) encoders.emplace_back("event_id", given.max_names);
  }

  /// Runs one call. Whatever fails leaves the object spent.
  template <class Call>
  Status guarded(const Call& call) {
    if (!failure.ok()) return failure;
    Status status;
    try {
      status = call();
    } catch (const std::bad_alloc&) {
      status = {Code::out_of_memory, "out of memory"};  // short enough for std::string not to allocate again
    } catch (const std::exception& error) {
      status = {Code::internal, error.what()};
    }
    if (!status.ok()) failure = status;
    return status;
  }

  [[nodiscard]] Status validate(const IngestBatch& batch) const;
  [[nodiscard]] Status push_piece(const IngestBatch& batch, const std::vector<const TextView*>& columns,
                                  std::int64_t first, std::int64_t n, BadRows& bad, const StopToken& stop);
  [[nodiscard]] Status find_bad(const IngestBatch& batch, std::int64_t first, std::int64_t n, int n_threads,
                                const StopToken& stop);
  [[nodiscard]] Status encode(int n_threads, const StopToken& stop);
  [[nodiscard]] Status append(const IngestBatch& batch, std::int64_t first, std::int64_t n, BadRows& bad,
                              int n_threads, const StopToken& stop);
  void reserve(std::int64_t n);
  [[nodiscard]] Status finish(const FinishOptions& given, const StopToken& stop, IngestedLog& log);

  IngestOptions options;
  int threads;
  detail::Shape shape;
  std::vector<Encoder> encoders;  // entity, event, string attributes, event id
  std::vector<Chunk> chunks;
  std::int64_t n_rows = 0;
  Status failure;
  bool finished = false;
  std::optional<detail::NameArena> new_names;  // of the entities, when they were renamed

  // Of the piece in work.
  std::vector<std::uint8_t> reasons;
  std::vector<std::int64_t> n_good;  // by block
};

Status Ingest::State::validate(const IngestBatch& batch) const {
  const auto n = static_cast<std::int64_t>(batch.time.size());
  const auto same = [n](auto size) { return static_cast<std::int64_t>(size) == n; };
  bool good = fits(batch.entity, n) && fits(batch.event, n) && same(batch.flags.size()) &&
              batch.string_attributes.size() == shape.n_strings && batch.number_attributes.size() == shape.n_numbers &&
              batch.event_id.has_value() == shape.has_event_id && (!shape.has_value || same(batch.value.size()));
  for (const TextView& column : batch.string_attributes) good = good && fits(column, n);
  for (const auto& column : batch.number_attributes) good = good && same(column.size());
  if (batch.event_id.has_value()) good = good && fits(*batch.event_id, n);
  if (!good) return {Code::invalid_argument, "the columns of a batch must have one length and be those declared"};
  if (new_names.has_value() || finished) {
    return {Code::invalid_argument, "rows cannot be pushed after rename_entities or finish"};
  }
  return {};
}

/// Fills reasons, and marks the dictionary values that good rows use: bad rows must not bring names into the log.
Status Ingest::State::find_bad(const IngestBatch& batch, std::int64_t first, std::int64_t n, int n_threads,
                               const StopToken& stop) {
  reasons.assign(static_cast<std::size_t>(n), 0);
  return parallel_for(static_cast<std::int64_t>(n_good.size()), n_threads, stop, [&](std::int64_t unit, int) -> Status {
    const std::int64_t lo = unit * tuning::ingest_block_rows;
    const std::int64_t hi = std::min(n, lo + tuning::ingest_block_rows);
    std::uint8_t* const reason = reasons.data() + lo;
    Status status = encoders[0].check(lo, hi, BadReason::null_entity, BadReason::empty_entity, reason);
    if (!status.ok()) return status;
    status = encoders[1].check(lo, hi, BadReason::null_event, BadReason::empty_event, reason);
    if (!status.ok()) return status;
    std::int64_t good = 0;
    for (std::int64_t i = lo; i < hi; ++i) {
      const auto row = static_cast<std::size_t>(first + i);
      std::uint8_t& r = reasons[static_cast<std::size_t>(i)];
      if (r == 0) r = batch.flags[row];
      if (r != 0) continue;
      ++good;
      if (batch.time[row] == std::numeric_limits<std::int64_t>::min()) {
        return {Code::invalid_argument, "the smallest 64-bit time means null and must be flagged"};
      }
    }
    n_good[static_cast<std::size_t>(unit)] = good;
    for (Encoder& encoder : encoders) {
      status = encoder.mark(lo, hi, reasons.data());
      if (!status.ok()) return status;
    }
    return {};
  });
}

Status Ingest::State::encode(int n_threads, const StopToken& stop) {
  std::vector<std::pair<Encoder*, std::int64_t>> blocks;
  for (Encoder& encoder : encoders) {
    encoder.gather();
    for (std::int64_t b = 0; b < encoder.n_blocks(); ++b) blocks.emplace_back(&encoder, b);
  }
  Status status = parallel_for(static_cast<std::int64_t>(blocks.size()), n_threads, stop, [&](std::int64_t unit, int) {
    const auto& [encoder, block] = blocks[static_cast<std::size_t>(unit)];
    return encoder->look_up(block, reasons.data());
  });
  if (!status.ok()) return status;

  std::vector<Encoder*> growing;
  for (Encoder& encoder : encoders) {
    if (encoder.has_misses()) growing.push_back(&encoder);
  }
  const auto n_units = static_cast<std::int64_t>(growing.size()) * NameTable::n_shards;
  const auto each_shard = [&](const auto& step) {
    return parallel_for(n_units, n_threads, stop, [&](std::int64_t unit, int) -> Status {
      return step(*growing[static_cast<std::size_t>(unit / NameTable::n_shards)],
                  static_cast<int>(unit % NameTable::n_shards));
    });
  };
  if (n_units > 0) {
    status = each_shard([](Encoder& encoder, int shard) { return encoder.insert(shard); });
    if (!status.ok()) return status;
    for (Encoder* encoder : growing) {
      status = encoder->begin_numbering();
      if (!status.ok()) return status;
    }
    status = each_shard([](Encoder& encoder, int shard) {
      encoder.number(shard);
      return Status{};
    });
    if (!status.ok()) return status;
  }
  for (Encoder& encoder : encoders) encoder.settle();
  return {};
}

/// Room for n more rows, in the last chunk and at most one new one.
void Ingest::State::reserve(std::int64_t n) {
  const std::int64_t room = chunks.empty() ? 0 : chunks.back().rows.size() - chunks.back().size;
  if (room >= n) return;
  std::int64_t capacity = 16'384;
  while (capacity < tuning::staging_chunk_rows && (capacity < n_rows || capacity < n)) capacity *= 2;
  chunks.emplace_back(std::max(capacity, n - room), shape);
}

Status Ingest::State::append(const IngestBatch& batch, std::int64_t first, std::int64_t n, BadRows& bad, int n_threads,
                             const StopToken& stop) {
  std::int64_t total = 0;
  for (std::int64_t& good : n_good) total += std::exchange(good, total);  // counts become positions
  const std::int64_t n_before = chunks.empty() ? 0 : static_cast<std::int64_t>(chunks.size()) - 1;
  reserve(total);
  // The rows go to the chunk that was the last one until it is full, then to the new one.
  Chunk* const head = total > 0 ? &chunks[static_cast<std::size_t>(n_before)] : nullptr;
  const std::int64_t head_size = head != nullptr ? head->size : 0;
  const std::int64_t head_room = head != nullptr ? head->rows.size() - head_size : 0;

  Status status = parallel_for(static_cast<std::int64_t>(n_good.size()), n_threads, stop,
                               [&](std::int64_t unit, int) -> Status {
    const std::int64_t lo = unit * tuning::ingest_block_rows;
    const std::int64_t hi = std::min(n, lo + tuning::ingest_block_rows);
    const std::int64_t to = n_good[static_cast<std::size_t>(unit)];
    const std::int64_t end = unit + 1 < static_cast<std::int64_t>(n_good.size())
                                 ? n_good[static_cast<std::size_t>(unit) + 1]
                                 : total;
    const std::int64_t n_here = end - to;
    if (n_here == 0) return {};
    const std::int64_t in_head = std::clamp<std::int64_t>(head_room - to, 0, n_here);
    // put(chunk, position, k): the k-th good row of this block.
    const auto each = [&](const auto& put) {
      for (std::int64_t k = 0; k < in_head; ++k) put(*head, head_size + to + k, k);
      for (std::int64_t k = in_head; k < n_here; ++k) put(chunks.back(), to - head_room + k, k);
    };
    const std::uint8_t* const skip = reasons.data();
    std::vector<std::uint32_t> ids(static_cast<std::size_t>(n_here));
    std::vector<std::int64_t> rows;
    rows.reserve(ids.size());
    for (std::int64_t i = lo; i < hi; ++i) {
      if (skip[i] == 0) rows.push_back(first + i);
    }
    const auto row = [&](std::int64_t k) { return static_cast<std::size_t>(rows[static_cast<std::size_t>(k)]); };
    encoders[0].read(lo, hi, skip, ids.data());
    each([&](Chunk& chunk, std::int64_t at, std::int64_t k) {
      chunk.rows[at].entity = ids[static_cast<std::size_t>(k)];
      chunk.rows[at].time = batch.time[row(k)];
    });
    encoders[1].read(lo, hi, skip, ids.data());
    each([&](Chunk& chunk, std::int64_t at, std::int64_t k) { chunk.rows[at].code = ids[static_cast<std::size_t>(k)]; });
    for (std::size_t c = 0; c < shape.n_narrow(); ++c) {
      encoders[2 + c].read(lo, hi, skip, ids.data());
      each([&](Chunk& chunk, std::int64_t at, std::int64_t k) {
        chunk.narrow[c][at] = ids[static_cast<std::size_t>(k)];
      });
    }
    for (std::size_t c = 0; c < shape.n_wide(); ++c) {
      const bool is_value = shape.has_value && c == 0;
      const auto numbers = is_value ? batch.value : batch.number_attributes[c - (shape.has_value ? 1U : 0U)];
      each([&](Chunk& chunk, std::int64_t at, std::int64_t k) {
        chunk.wide[c][at] = detail::order_key(numbers[row(k)]);
      });
    }
    return {};
  });
  if (!status.ok()) return status;
  if (total > 0) {
    head->size += std::min(head_room, total);
    if (total > head_room) chunks.back().size = total - head_room;
  }
  n_rows += total;
  if (total < n) {
    for (std::int64_t i = 0; i < n; ++i) {
      if (reasons[static_cast<std::size_t>(i)] == 0) continue;
      bad.row.push_back(first + i);
      bad.reason.push_back(reasons[static_cast<std::size_t>(i)]);
    }
  }
  return {};
}

Status Ingest::State::push_piece(const IngestBatch& batch, const std::vector<const TextView*>& columns,
                                 std::int64_t first, std::int64_t n, BadRows& bad, const StopToken& stop) {
  n_good.assign(static_cast<std::size_t>((n + tuning::ingest_block_rows - 1) / tuning::ingest_block_rows), 0);
  // Starting threads costs tens of microseconds, four times a piece.
  const int n_threads = n <= tuning::ingest_block_rows ? 1 : threads;
  for (std::size_t c = 0; c < columns.size(); ++c) encoders[c].begin(*columns[c], first, n);
  Status status = find_bad(batch, first, n, n_threads, stop);
  if (status.ok()) status = encode(n_threads, stop);
  if (status.ok()) status = append(batch, first, n, bad, n_threads, stop);
  return status;
}

Status Ingest::State::finish(const FinishOptions& given, const StopToken& stop, IngestedLog& log) {
  if (finished) return {Code::invalid_argument, "finish may be called once"};
  finished = true;
  const std::int64_t n_event_ids = shape.has_event_id ? encoders.back().table().size() : 0;
  if (shape.has_event_id) encoders.pop_back();  // their texts are not needed any more
  std::vector<Ranking> rankings;
  for (std::size_t c = 0; c < encoders.size(); ++c) {
    NameTable& table = encoders[c].table();
    table.release_slots();
    const bool renamed = c == 0 && new_names.has_value();
    Result<Ranking> ranking = detail::rank_names(
        renamed ? std::vector<const detail::NameArena*>{&*new_names} : table.arenas(), table.size(), !renamed,
        threads, stop);
    if (!ranking.ok()) return ranking.status();
    rankings.push_back(std::move(ranking.value()));
  }
  encoders.clear();
  new_names.reset();

  // Types of excluded events get no number at all.
  detail::ArrangeInput input;
  const Names& types = rankings[1].names;
  std::vector<std::string_view> excluded_events(given.excluded_events.begin(), given.excluded_events.end());
  std::sort(excluded_events.begin(), excluded_events.end());
  std::vector<bool> included;
  std::vector<std::uint32_t> code_of_rank;
  for (std::int64_t r = 0; r < types.size(); ++r) {
    const bool excluded = std::binary_search(excluded_events.begin(), excluded_events.end(), types[r]);
    code_of_rank.push_back(excluded ? detail::excluded_code : static_cast<std::uint32_t>(input.n_types));
    input.n_types += excluded ? 0 : 1;
    included.push_back(!excluded);
  }
  for (const std::uint32_t rank : rankings[1].rank) input.code_of.push_back(code_of_rank[rank]);
  input.shape = shape;
  input.chunks = std::move(chunks);
  input.entity_rank = &rankings[0].rank;
  input.n_entities = rankings[0].names.size();
  for (std::size_t c = 0; c < shape.n_strings; ++c) input.string_rank.push_back(&rankings[2 + c].rank);
  input.n_event_ids = n_event_ids;
  input.duplicates = given.duplicates;
  input.threads = threads;
  Result<IngestedLog> arranged = detail::arrange(std::move(input), stop);
  if (!arranged.ok()) return arranged.status();
  log = std::move(arranged.value());

  log.entity_names = std::move(rankings[0].names);
  log.event_names = detail::select_names(types, included);
  for (std::size_t c = 0; c < shape.n_strings; ++c) {
    log.string_dictionaries.push_back(std::move(rankings[2 + c].names));
  }
  log.n_filtered = n_rows - log.time.size() - log.n_dropped;
  if (log.time.size() == n_rows) return {};
  if (stop.stop_requested()) return {Code::cancelled, "cancelled"};
  detail::drop_empty_entities(log);
  detail::drop_unused_types(log);
  for (std::size_t c = 0; c < shape.n_strings; ++c) {
    detail::drop_unused_strings(log.string_codes[c], log.string_dictionaries[c]);
  }
  return {};
}

Ingest::Ingest(const IngestOptions& options) : state_(std::make_unique<State>(options)) {}
Ingest::~Ingest() = default;
Ingest::Ingest(Ingest&&) noexcept = default;
Ingest& Ingest::operator=(Ingest&&) noexcept = default;

Result<BadRows> Ingest::push(const IngestBatch& batch, const StopToken& stop) {
  BadRows bad;
  const Status status = state_->guarded([&]() -> Status {
    Status inner = state_->validate(batch);
    if (!inner.ok()) return inner;
    std::vector<const TextView*> columns{&batch.entity, &batch.event};
    for (const TextView& column : batch.string_attributes) columns.push_back(&column);
    if (batch.event_id.has_value()) columns.push_back(&*batch.event_id);
    const auto n = static_cast<std::int64_t>(batch.time.size());
    for (std::int64_t first = 0; first < n; first += tuning::ingest_piece_rows) {
      inner = state_->push_piece(batch, columns, first, std::min(tuning::ingest_piece_rows, n - first), bad, stop);
      if (!inner.ok()) return inner;
    }
    return {};
  });
  if (!status.ok()) return status;
  return bad;
}

std::int64_t Ingest::n_rows() const noexcept { return state_->n_rows; }

namespace {

Result<Names> provisional_names(const Status& failure, const std::vector<Encoder>& encoders, std::size_t column) {
  if (!failure.ok()) return failure;  // names of a piece that broke off have no number yet
  try {
    if (encoders.empty()) return Status(Code::invalid_argument, "the names have gone into the finished log");
    const NameTable& table = encoders[column].table();
    return detail::names_by_id(table.arenas(), table.size());
  } catch (const std::bad_alloc&) {
    return Status(Code::out_of_memory, "out of memory");
  }
}

}  // namespace

Result<Names> Ingest::entity_names() const { return provisional_names(state_->failure, state_->encoders, 0); }
Result<Names> Ingest::event_names() const { return provisional_names(state_->failure, state_->encoders, 1); }

Status Ingest::rename_entities(std::span<const std::int64_t> offsets, std::string_view bytes) {
  return state_->guarded([&]() -> Status {
    if (state_->finished) return {Code::invalid_argument, "entities cannot be renamed after finish"};
    const auto n = static_cast<std::size_t>(state_->encoders[0].table().size());
    if (offsets.size() != n + 1) return {Code::invalid_argument, "one new name for each entity is needed"};
    detail::NameArena names;
    for (std::size_t i = 0; i < n; ++i) {
      if (offsets[i] < 0 || offsets[i + 1] <= offsets[i] || offsets[i + 1] > static_cast<std::int64_t>(bytes.size())) {
        return {Code::invalid_argument, "a new entity name is empty, or its offsets are damaged"};
      }
      const std::string_view name = bytes.substr(static_cast<std::size_t>(offsets[i]),
                                                 static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
      if (names.store(name, static_cast<std::uint32_t>(i)) == 0) {
        return {Code::out_of_range, "the new entity names are too long together"};
      }
    }
    state_->new_names = std::move(names);
    return {};
  });
}

Result<IngestedLog> Ingest::finish(const FinishOptions& options, const StopToken& stop) {
  IngestedLog log;
  const Status status = state_->guarded([&] { return state_->finish(options, stop, log); });
  if (!status.ok()) return status;
  return log;
}

void Ingest::abandon() noexcept {
  if (state_->failure.ok()) state_->failure = {Code::cancelled, "cancelled"};  // too short to allocate
}

}  // namespace seqmine
