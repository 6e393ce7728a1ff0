// An obviously correct twin of mine_frequent: lists every chain of every row.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "seqmine/database.hpp"
#include "seqmine/frequent.hpp"

namespace seqmine::reference {

using Sequence = std::vector<std::uint32_t>;  // dense items

/// Every frequent sequence with its support. Exponential in the length of the rows.
[[nodiscard]] std::map<Sequence, std::uint32_t> naive_frequent(const Database& database,
                                                               const FrequentOptions& options);

}  // namespace seqmine::reference
