#include "events/arrange.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <utility>

#include "events/compact.hpp"
#include "events/order_partition.hpp"
#include "seqmine/parallel.hpp"
#include "seqmine/tuning.hpp"

namespace seqmine::detail {

namespace {

constexpr std::uint32_t no_entity = 0xFFFF'FFFF;  // a row that is left out

/// A radix pass and then work within the cache. Rows are first distributed over partitions, which are ranges of
/// entities, with few and long write streams; then each partition is ordered on its own. Scattering the rows at once
/// to their entity would miss the cache three times a row. Partitions are allocated in groups of about a staging
/// chunk, so that memory moves from staging to groups to columns and is never there twice.
class Arranger {
 public:
  Arranger(ArrangeInput&& input, const StopToken& stop) : in_(std::move(input)), stop_(stop) {}

  Result<IngestedLog> run() {
    plan();
    if (Status status = translate(); !status.ok()) return status;
    allocate_groups();
    if (Status status = distribute(); !status.ok()) return status;
    if (Status status = order(); !status.ok()) return status;
    if (Status status = settle_duplicates(); !status.ok()) return status;
    return std::move(log_);
  }

 private:
  struct Block {
    std::size_t chunk;
    std::int64_t begin;
    std::int64_t end;
  };
  struct Group {
    std::int64_t first_row = 0;
    Chunk chunk;
    std::atomic<std::int64_t> n_left{0};  // partitions, or blocks, that still need it
  };

  void plan() {
    std::int64_t n = 0;
    for (std::size_t c = 0; c < in_.chunks.size(); ++c) {
      const std::int64_t size = in_.chunks[c].size;
      n += size;
      for (std::int64_t begin = 0; begin < size; begin += tuning::arrange_block_rows) {
        blocks_.push_back({c, begin, std::min(size, begin + tuning::arrange_block_rows)});
      }
    }
    const std::int64_t wanted = std::clamp<std::int64_t>(n / tuning::partition_rows, 1, tuning::max_partitions);
    while (in_.n_entities > 0 && ((in_.n_entities - 1) >> shift_) + 1 > wanted) ++shift_;
    n_partitions_ = in_.n_entities == 0 ? 0 : ((in_.n_entities - 1) >> shift_) + 1;
    cursors_.assign(blocks_.size() * static_cast<std::size_t>(n_partitions_), 0);
  }

  std::span<std::int64_t> cursors_of(std::size_t block) {
    const auto n = static_cast<std::size_t>(n_partitions_);
    return std::span(cursors_).subspan(block * n, n);
  }

  /// Provisional ids become ranks, and each block counts its rows by partition.
  Status translate() {
    return parallel_for(static_cast<std::int64_t>(blocks_.size()), in_.threads, stop_, [&](std::int64_t unit, int) {
      const Block& block = blocks_[static_cast<std::size_t>(unit)];
      Chunk& chunk = in_.chunks[block.chunk];
      const std::span<std::int64_t> counts = cursors_of(static_cast<std::size_t>(unit));
      const std::uint32_t* const rank = in_.entity_rank->data();
      for (std::int64_t i = block.begin; i < block.end; ++i) {
        StagedRow& row = chunk.rows[i];
        row.code = in_.code_of[row.code];
        if (row.code == excluded_code) {
          row.entity = no_entity;
        } else {
          row.entity = rank[row.entity];
          ++counts[row.entity >> shift_];
        }
      }
      for (std::size_t c = 0; c < in_.shape.n_strings; ++c) {
        const std::uint32_t* const ranks = in_.string_rank[c]->data();
        std::uint32_t* const ids = chunk.narrow[c].data();
        // Null (all bits set) wraps to 0 and comes first; ranks start at 1.
        for (std::int64_t i = block.begin; i < block.end; ++i) ids[i] = ids[i] + 1 == 0 ? 0 : ranks[ids[i]] + 1;
      }
      if (in_.shape.has_event_id) {
        std::uint32_t* const ids = chunk.narrow[in_.shape.n_strings].data();
        for (std::int64_t i = block.begin; i < block.end; ++i) ++ids[i];
      }
      return Status{};
    });
  }

  void allocate_groups() {
    partition_begin_.assign(static_cast<std::size_t>(n_partitions_) + 1, 0);
    group_of_.resize(static_cast<std::size_t>(n_partitions_));
    for (std::size_t p = 0; p < group_of_.size(); ++p) {
      std::int64_t n = 0;  // counts become positions within the partition
      for (std::size_t b = 0; b < blocks_.size(); ++b) n += std::exchange(cursors_of(b)[p], n);
      partition_begin_[p + 1] = partition_begin_[p] + n;
    }
    for (std::size_t p = 0; p < group_of_.size();) {
      auto group = std::make_unique<Group>();
      group->first_row = partition_begin_[p];
      std::int64_t n = 0;
      std::int64_t n_members = 0;
      do {
        n += partition_begin_[p + 1] - partition_begin_[p];
        group_of_[p] = static_cast<std::uint32_t>(groups_.size());
        ++n_members;
        ++p;
      } while (p < group_of_.size() && n < tuning::staging_chunk_rows);
      group->n_left = n_members;
      group->chunk = Chunk(n, in_.shape);
      groups_.push_back(std::move(group));
    }
  }

  Status distribute() {
    std::vector<std::atomic<std::int64_t>> blocks_left(in_.chunks.size());
    for (const Block& block : blocks_) ++blocks_left[block.chunk];
    return parallel_for(static_cast<std::int64_t>(blocks_.size()), in_.threads, stop_, [&](std::int64_t unit, int) {
      const Block& block = blocks_[static_cast<std::size_t>(unit)];
      distribute_block(in_.chunks[block.chunk], block, cursors_of(static_cast<std::size_t>(unit)));
      if (--blocks_left[block.chunk] == 0) in_.chunks[block.chunk] = Chunk();
      return Status{};
    });
  }

  void distribute_block(const Chunk& chunk, const Block& block, std::span<std::int64_t> cursor) {
    const bool plain = in_.shape.n_wide() + in_.shape.n_narrow() == 0;
    std::vector<StagedRow*> base(cursor.size());
    for (std::size_t p = 0; p < base.size(); ++p) {
      Group& group = *groups_[group_of_[p]];
      base[p] = group.chunk.rows.data() + (partition_begin_[p] - group.first_row);
    }
    // With extra columns the way of each row is kept, and every column goes the same way after it.
    struct Way {
      std::uint32_t group;
      std::int64_t at;
    };
    std::vector<Way> ways(plain ? 0 : static_cast<std::size_t>(block.end - block.begin));
    for (std::int64_t i = block.begin; i < block.end; ++i) {
      const StagedRow& row = chunk.rows[i];
      if (row.entity == no_entity) continue;
      const std::size_t p = row.entity >> shift_;
      const std::int64_t at = cursor[p]++;
      base[p][at] = row;
      if (!plain) {
        const std::uint32_t g = group_of_[p];
        ways[static_cast<std::size_t>(i - block.begin)] = {g, partition_begin_[p] - groups_[g]->first_row + at};
      }
    }
    const auto move_column = [&](const auto& from, const auto& to) {
      for (std::int64_t i = block.begin; i < block.end; ++i) {
        if (chunk.rows[i].entity == no_entity) continue;
        const Way way = ways[static_cast<std::size_t>(i - block.begin)];
        to(groups_[way.group]->chunk)[way.at] = from[i];
      }
    };
    for (std::size_t c = 0; c < in_.shape.n_wide(); ++c) {
      move_column(chunk.wide[c], [c](Chunk& target) -> auto& { return target.wide[c]; });
    }
    for (std::size_t c = 0; c < in_.shape.n_narrow(); ++c) {
      move_column(chunk.narrow[c], [c](Chunk& target) -> auto& { return target.narrow[c]; });
    }
  }

  void allocate_columns(std::int64_t n) {
    log_.entity_offsets = Column<std::int64_t>(in_.n_entities + 1);
    log_.entity_offsets[0] = 0;
    log_.time = Column<std::int64_t>(n);
    log_.wide_codes = in_.n_types > 65'536;
    if (log_.wide_codes) {
      log_.code32 = Column<std::uint32_t>(n);
    } else {
      log_.code16 = Column<std::uint16_t>(n);
    }
    log_.has_value = in_.shape.has_value;
    if (in_.shape.has_value) log_.value = Column<double>(n);
    for (std::size_t c = 0; c < in_.shape.n_strings; ++c) log_.string_codes.emplace_back(n);
    for (std::size_t c = 0; c < in_.shape.n_numbers; ++c) log_.numbers.emplace_back(n);
    if (in_.shape.has_event_id) event_id_ = Column<std::uint32_t>(n);
    out_.entity_offsets = log_.entity_offsets.data();
    out_.time = log_.time.data();
    out_.code16 = log_.code16.data();
    out_.code32 = log_.code32.data();
    if (in_.shape.has_value) out_.wide.push_back(log_.value.data());
    for (Column<double>& column : log_.numbers) out_.wide.push_back(column.data());
    for (Column<std::int32_t>& column : log_.string_codes) out_.strings.push_back(column.data());
    out_.event_id = event_id_.data();
  }

  Status order() {
    const std::int64_t n = partition_begin_.back();
    allocate_columns(n);
    equal_rows_.resize(static_cast<std::size_t>(n_partitions_));
    n_equal_.assign(static_cast<std::size_t>(n_partitions_), 0);
    std::vector<PartitionScratch> scratch(static_cast<std::size_t>(in_.threads));
    // A partition that would keep one thread busy while the others wait is ordered by all of them together.
    const std::int64_t heavy = std::max(2 * tuning::sort_leaf_rows, n / (8 * in_.threads));
    std::vector<std::int64_t> light;
    for (std::int64_t p = 0; p < n_partitions_; ++p) {
      const auto u = static_cast<std::size_t>(p);
      if (partition_begin_[u + 1] - partition_begin_[u] <= heavy) {
        light.push_back(p);
        continue;
      }
      if (stop_.stop_requested()) return {Code::cancelled, "cancelled"};
      if (Status status = order_one(p, in_.threads, scratch[0]); !status.ok()) return status;
      scratch[0] = PartitionScratch();
    }
    return parallel_for(static_cast<std::int64_t>(light.size()), in_.threads, stop_,
                        [&](std::int64_t unit, int worker) {
                          return order_one(light[static_cast<std::size_t>(unit)], 1,
                                           scratch[static_cast<std::size_t>(worker)]);
                        });
  }

  Status order_one(std::int64_t p, int threads, PartitionScratch& scratch) {
    const auto u = static_cast<std::size_t>(p);
    Group& group = *groups_[group_of_[u]];
    const std::int64_t at = partition_begin_[u] - group.first_row;
    Partition partition;
    partition.rows = group.chunk.rows.data() + at;
    partition.n = partition_begin_[u + 1] - partition_begin_[u];
    partition.first_row = partition_begin_[u];
    partition.first_entity = p << shift_;
    partition.n_entities = std::min(in_.n_entities, (p + 1) << shift_) - partition.first_entity;
    for (const auto& column : group.chunk.wide) partition.wide.push_back(column.data() + at);
    for (const auto& column : group.chunk.narrow) partition.narrow.push_back(column.data() + at);
    const std::int64_t too_many = std::max(2 * tuning::sort_leaf_rows, partition_begin_.back() / 8);
    partition.in_place =
        partition.wide.empty() && partition.narrow.empty() && (partition.n_entities == 1 || partition.n > too_many);
    Result<std::int64_t> n_equal =
        order_partition(partition, in_.shape, threads, stop_, out_, scratch,
                        in_.duplicates == Duplicates::exact ? &equal_rows_[u] : nullptr);
    if (!n_equal.ok()) return n_equal.status();
    n_equal_[u] = n_equal.value();
    if (--group.n_left == 0) group.chunk = Chunk();
    return {};
  }

  Status settle_duplicates() {
    for (const std::int64_t n : n_equal_) log_.n_exact_duplicates += n;
    std::vector<std::int64_t> drops;
    if (in_.shape.has_event_id) {
      // In canonical order, so the first row of an id is the one that stays, wherever its entity is.
      std::vector<bool> seen(static_cast<std::size_t>(in_.n_event_ids) + 1);
      for (std::int64_t i = 0; i < event_id_.size(); ++i) {
        if (i % tuning::poll_steps == 0 && stop_.stop_requested()) return {Code::cancelled, "cancelled"};
        const std::uint32_t id = event_id_[i];
        if (id == 0) continue;
        if (seen[id]) {
          ++log_.n_id_duplicates;
          if (in_.duplicates == Duplicates::id) drops.push_back(i);
        }
        seen[id] = true;
      }
      event_id_ = Column<std::uint32_t>();
    }
    for (std::vector<std::int64_t>& rows : equal_rows_) {
      drops.insert(drops.end(), rows.begin(), rows.end());
      rows = {};
    }
    log_.n_dropped = static_cast<std::int64_t>(drops.size());
    return drops.empty() ? Status{} : drop_rows(log_, drops, stop_);
  }

  ArrangeInput in_;
  const StopToken& stop_;
  int shift_ = 0;  // entity rank -> partition
  std::int64_t n_partitions_ = 0;
  std::vector<Block> blocks_;
  std::vector<std::int64_t> cursors_;  // block x partition: first counts, then positions
  std::vector<std::int64_t> partition_begin_;
  std::vector<std::uint32_t> group_of_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<std::vector<std::int64_t>> equal_rows_;  // by partition; only when they are to be dropped
  std::vector<std::int64_t> n_equal_;
  IngestedLog log_;
  LogColumns out_;
  Column<std::uint32_t> event_id_;
};

}  // namespace

Result<IngestedLog> arrange(ArrangeInput&& input, const StopToken& stop) {
  return Arranger(std::move(input), stop).run();
}

}  // namespace seqmine::detail
