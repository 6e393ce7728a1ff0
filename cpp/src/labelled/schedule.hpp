// The search as a whole: one item, pairs, then subtrees with work stealing.
#pragma once

#include "labelled/pattern_pool.hpp"
#include "labelled/space.hpp"
#include "search/halt.hpp"
#include "search/memory.hpp"

namespace seqmine::labelled {

/// Fills the pool with the best patterns of the space. The pool's content does not depend on `threads` unless
/// `halt` ended the search. Errors: out_of_memory, internal (from a worker); a halt is no error here.
[[nodiscard]] Status search(const Space& space, PatternPool& pool, search::HaltState& halt,
                            search::MemoryBudget& budget, int threads, MinerStats& stats);

}  // namespace seqmine::labelled
