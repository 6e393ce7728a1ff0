#include "convert.hpp"
#include <pybind11/stl.h>

#include "interrupt.hpp"
#include "named.hpp"
#include "seqmine/miner.hpp"

namespace seqmine::python {

namespace {

py::dict as_dict(const MinerStats& stats) {
  py::dict result;
  result["n_items"] = stats.n_items;
  result["n_entries"] = stats.n_entries;
  result["events_read"] = stats.events_read;
  result["nodes"] = stats.nodes;
  result["scanned_events"] = stats.scanned_events;
  result["pruned_by_support"] = stats.pruned_by_support;
  result["pruned_by_pair_table"] = stats.pruned_by_pair_table;
  result["pruned_by_bound"] = stats.pruned_by_bound;
  result["searches"] = stats.searches;
  result["build_seconds"] = stats.build_seconds;
  result["search_seconds"] = stats.search_seconds;
  result["select_seconds"] = stats.select_seconds;
  return result;
}

py::dict as_dict(MinerResult&& found) {
  std::vector<std::int64_t> n_matched, n_positive;
  std::vector<double> expected, score;
  std::vector<std::uint8_t> raises;
  py::list text, length;
  for (const MinedPattern& pattern : found.patterns) {
    text.append(py::str(pattern.text));
    length.append(pattern.steps.size());
    n_matched.push_back(pattern.n_matched);
    n_positive.push_back(pattern.n_positive);
    expected.push_back(pattern.expected);
    score.push_back(pattern.score);
    raises.push_back(pattern.raises ? 1 : 0);
  }
  py::dict result;
  result["pattern"] = text;
  result["length"] = length;
  result["n_matched"] = to_numpy(std::move(n_matched));
  result["n_positive"] = to_numpy(std::move(n_positive));
  result["expected"] = to_numpy(std::move(expected));
  result["score"] = to_numpy(std::move(score));
  result["raises"] = to_numpy(std::move(raises));
  result["complete"] = found.complete;
  result["stats"] = as_dict(found.stats);
  return result;
}

py::dict mine_rows(const Log& log, const Rows& rows, const py::object& label, const py::object& stratum,
                   std::int32_t n_strata, const py::object& weight, std::int64_t weight_scale, GivenItems items,
                   const std::vector<std::pair<std::int32_t, std::uint64_t>>& absences, std::int32_t max_length,
                   std::uint64_t min_gap, std::uint64_t max_gap, std::uint64_t max_span, bool learn_gaps,
                   std::vector<std::uint64_t> gap_edges, std::int64_t min_support, std::int64_t top_k,
                   const std::string& measure, const std::string& direction, double redundancy, int threads,
                   double max_seconds, std::int64_t max_memory) {
  const auto labels = strict_array<std::uint8_t>(label, "label");
  py::array_t<std::int32_t> strata;
  if (!stratum.is_none()) strata = strict_array<std::int32_t>(stratum, "stratum");
  py::array_t<std::int64_t> weights;
  if (!weight.is_none()) weights = strict_array<std::int64_t>(weight, "weight");
  const MinerLabels view{as_span(labels), as_span(strata), n_strata, as_span(weights), weight_scale};
  const std::vector<Item> given = make_items(std::move(items));
  MinerOptions options{
      .max_length = max_length,
      .min_gap = min_gap,
      .max_gap = max_gap,
      .max_span = max_span,
      .learn_gaps = learn_gaps,
      .gap_edges = std::move(gap_edges),
      .min_support = min_support,
      .top_k = top_k,
      .measure = named<Measure>(measure, {"leverage", "wracc", "chi2", "log_odds", "info_gain", "lift"}, "measure"),
      .direction = named<Direction>(direction, {"both", "raises", "lowers"}, "direction"),
      .redundancy = redundancy,
      .absences = {},
      .threads = threads,
      .max_seconds = max_seconds,
      .max_memory = max_memory};
  for (const auto& [item, within] : absences) options.absences.push_back({item, within});
  return as_dict(take(run_interruptible(
      [&](const StopToken& stop) { return mine(log.view, rows.view, view, given, options, stop); })));
}

}  // namespace

void register_mining(py::module_& module) {
  module.def("mine", &mine_rows, py::arg("log"), py::arg("rows"), py::kw_only(), py::arg("label"),
             py::arg("stratum") = py::none(), py::arg("n_strata") = 0, py::arg("weight") = py::none(),
             py::arg("weight_scale") = 0, py::arg("items"), py::arg("absences"),
             py::arg("max_length"), py::arg("min_gap"), py::arg("max_gap"), py::arg("max_span"), py::arg("learn_gaps"),
             py::arg("gap_edges"), py::arg("min_support"), py::arg("top_k"), py::arg("measure"), py::arg("direction"),
             py::arg("redundancy"), py::arg("threads"), py::arg("max_seconds"), py::arg("max_memory"));
}

}  // namespace seqmine::python
