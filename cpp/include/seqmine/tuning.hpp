// Every tuning constant of the core, with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

namespace seqmine::tuning {

/// No more threads than this are started, whatever is asked for: starting and joining tens of thousands takes seconds.
inline constexpr int max_threads = 4'096;

/// Inner steps between two looks at the StopToken. At 1-5 ns a step this is below 0.4 ms.
inline constexpr std::int64_t poll_steps = 65'536;

/// Rows handed to a worker at a time by the row-parallel kernels (matching, labels). Fixed, so that
/// work units, and with them the order of results, never depend on the number of threads.
inline constexpr std::int64_t rows_per_unit = 1'024;

/// Rows that ingest encodes at a time, whatever the size of the pushed batch: bounds its scratch memory (about 20 bytes a
/// row and text column) and still gives each thread milliseconds of work between two joins.
inline constexpr std::int64_t ingest_piece_rows = 524'288;

/// Rows a worker encodes at a time. A few hundred KiB of text: fits the second-level cache.
inline constexpr std::int64_t ingest_block_rows = 8'192;

/// Rows of the largest staging chunk: 32 MiB of rows, which is where the allocator surely asks the system for pages and
/// surely gives them back, so that freed staging makes room for the result.
inline constexpr std::int64_t staging_chunk_rows = 2'097'152;

/// Rows a worker distributes at a time while a log is put in order. Each unit has one counter per partition.
inline constexpr std::int64_t arrange_block_rows = 131'072;

/// Rows aimed at in one partition (a range of entities that is ordered within the cache): 16 bytes in, 16 bytes of
/// scratch and 10 bytes out per row fill about 700 KiB.
inline constexpr std::int64_t partition_rows = 16'384;

/// More partitions than this and the write streams of the distribution fall out of the second-level TLB.
inline constexpr std::int64_t max_partitions = 2'048;

/// Rows that are sorted in one go, without a look at the StopToken: 10 to 20 ms.
inline constexpr std::int64_t sort_leaf_rows = 131'072;

/// Smallest block that a miner's worker asks the system for. One page-table walk a descent, and small logs stay small.
inline constexpr std::size_t arena_chunk = std::size_t{1} << 20;

/// A prefix is searched in a database of merged rests when what follows it has at most this many entries: such a
/// database takes up to some 60 bytes an entry, and on larger logs the first levels alone would take more than the log.
/// With a million, a search of 3 M entries took more than 1.5 times the log and 64 MB; it was hardly faster.
inline constexpr std::int64_t most_merged_entries = 640'000;

/// Records of rows and gap bins (16 bytes each) that a worker holds before it adds them up.
inline constexpr std::size_t most_masks = 250'000;

/// A worker lists the occurrences of one prefix's children (4 bytes each; 12 with a span limit) at once where they are at
/// most this many, or this share of all entries. Others go in groups, best first, and every group takes a scan of its
/// own: a share, so that a larger log has larger groups and not more of them.
inline constexpr std::size_t least_distributed = std::size_t{1} << 20, distributed_share = 20;

/// How many occurrences ahead a scan fetches the window and the entries behind it. Lists of occurrences jump through a
/// database that no cache holds: without it the scans of a 3 M entry log waited three quarters of their time.
inline constexpr std::size_t fetch_ahead = 12;

/// A subtree is offered to idle workers when its root has at least this many occurrences: copying them (4 bytes
/// each) must stay far below the cost of scanning their windows.
inline constexpr std::size_t min_task_occurrences = 2'048;

/// Words of permuted labels that are counted in one pass over a list of rows. The counters of 1,024 permutations are 130
/// planes of 128 bytes at the most and some 30 in use: they stay in the first-level cache.
inline constexpr std::size_t strip_words = 16;

/// How many rows ahead a count fetches permuted labels: 10 to 20 ns a row, so about as long as memory takes.
inline constexpr std::size_t permutation_fetch_ahead = 48;

/// A pattern that has more than this share of its prefix's rows is counted by those it lacks. Finding them takes about a
/// nanosecond for every row of the prefix, counting one 5 to 20.
inline constexpr double counted_by_difference = 0.6;

/// The least variance with which a pattern is tested (FamilyMaxima): below, the count takes too few values for its first
/// two moments to judge it.
inline constexpr double least_tested_variance = 3.0;

/// The first pool holds this many times top_k patterns, so that the redundancy filter rarely empties it. A larger
/// pool prunes later.
inline constexpr std::int64_t pool_factor = 4;

/// Learned gaps of at most this many patterns per wanted pattern are refined jointly.
inline constexpr std::int64_t refine_factor = 4;

/// Share of max_seconds after which the search ends, so that redundancy and gaps are settled inside the budget.
inline constexpr double search_share = 0.85;

/// The same for the refinement of learned gaps: the redundancy filter needs the rest.
inline constexpr double refine_share = 0.93;

/// Patterns whose rows are looked up at a time for the redundancy filter: many, so that those with one prefix share its
/// occurrences, and not so many that their rows fill the memory.
inline constexpr std::size_t fewest_filtered = 32, most_filtered = 4'096;
inline constexpr std::int64_t most_filtered_bytes = std::int64_t{32} << 20;

/// How much larger the next pool is when the redundancy filter has emptied one.
inline constexpr double least_pool_growth = 4.0, most_pool_growth = 32.0;

}  // namespace seqmine::tuning
