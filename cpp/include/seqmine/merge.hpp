// Two sorted logs become one: what ingest would have made of the rows of both.
#pragma once

#include <cstdint>
#include <vector>

#include "seqmine/ingest.hpp"
#include "seqmine/log_view.hpp"
#include "seqmine/status.hpp"
#include "seqmine/stop.hpp"

namespace seqmine {

/// A log with its names, borrowed for the length of a call. `columns` keeps the promises of log_view.hpp (see `check`);
/// its attributes with codes have one dictionary each, in the same order. Names are plain text columns without nulls,
/// distinct and in byte order.
struct NamedLog {
  LogView columns;
  TextView entities;
  TextView event_types;
  std::vector<TextView> dictionaries;
};

/// Merges two logs with the same columns (value or none; the same attributes, of the same kinds).
///
/// The result is the one that `Ingest` gives for the rows of both, whichever comes first: names united and codes
/// numbered anew, rows in the order of the log, code16 or code32 by the number of types. With Duplicates::exact both
/// sides must have been made so, and rows that stand in both are dropped from one; n_exact_duplicates counts the
/// distinct rows that stand in both under any policy, so that the duplicates seen in all are those of the two sides
/// plus it. Duplicates::id needs ids that a log does not keep, and is refused.
///
/// O(names of the larger log + added events x log events of their entity + bytes of the result): stretches of the
/// larger log that the smaller one does not touch are copied as they are. Memory beside the result: at most 17 bytes an
/// event of the smaller log, and 4 a name where codes change. Polls `stop` every few thousand rows.
///
/// invalid_argument: the columns differ, the policy is Duplicates::id, or the names point outside of their text.
[[nodiscard]] Result<IngestedLog> merge_logs(const NamedLog& one, const NamedLog& other, Duplicates duplicates,
                                             int threads, const StopToken& stop);

}  // namespace seqmine
