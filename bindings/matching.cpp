#include "convert.hpp"
#include <pybind11/stl.h>

#include "interrupt.hpp"
#include "seqmine/matcher.hpp"

namespace seqmine::python {

namespace {

template <class Enum>
Enum lookup(const std::string& name, std::initializer_list<std::pair<const char*, Enum>> names, const char* what) {
  for (const auto& [text, value] : names) {
    if (name == text) return value;
  }
  throw py::value_error("unknown " + std::string(what) + " '" + name + "'");
}

Condition make_condition(const std::string& field, std::int32_t attribute, const std::string& comparison,
                         double operand, const py::object& allowed) {
  using Field = Condition::Field;
  Condition condition;
  condition.field = lookup<Field>(field,
                                  {{"value", Field::value},
                                   {"number", Field::number},
                                   {"dictionary", Field::dictionary},
                                   {"weekday", Field::weekday},
                                   {"hour", Field::hour}},
                                  "field");
  condition.comparison = lookup<Comparison>(comparison,
                                            {{"eq", Comparison::eq},
                                             {"ne", Comparison::ne},
                                             {"lt", Comparison::lt},
                                             {"le", Comparison::le},
                                             {"gt", Comparison::gt},
                                             {"ge", Comparison::ge}},
                                            "comparison");
  condition.attribute = attribute;
  condition.operand = operand;
  if (!allowed.is_none()) {
    const auto flags = strict_array<std::uint8_t>(allowed, "allowed");
    condition.allowed.assign(flags.data(), flags.data() + flags.size());
  }
  return condition;
}

Predicate make_predicate(const py::object& types, std::vector<Condition> conditions) {
  const auto flags = strict_array<std::uint8_t>(types, "types");
  return {std::vector<std::uint8_t>(flags.data(), flags.data() + flags.size()), std::move(conditions)};
}

using StepTuple = std::tuple<std::int32_t, std::uint64_t, std::uint64_t, std::int32_t>;
using AbsenceTuple = std::tuple<std::int32_t, std::uint64_t>;

Pattern make_pattern(std::vector<Predicate> predicates, const std::vector<StepTuple>& steps,
                     const std::vector<AbsenceTuple>& absences, std::uint64_t span, bool anchored) {
  Pattern pattern{std::move(predicates), {}, {}, span, anchored};
  for (const auto& [predicate, lo, hi, guard] : steps) pattern.steps.push_back({predicate, lo, hi, guard});
  for (const auto& [predicate, within] : absences) pattern.absences.push_back({predicate, within});
  return pattern;
}

py::tuple find(const Log& log, const Pattern& pattern, const Rows& rows, bool all, int threads) {
  Occurrences found = take(run_interruptible([&](const StopToken& stop) {
    return find_occurrences(log.view, pattern, rows.view, all, threads, stop);
  }));
  return py::make_tuple(to_numpy(std::move(found.row)), to_numpy(std::move(found.start_time)),
                        to_numpy(std::move(found.moment_time)), to_numpy(std::move(found.ready_time)));
}

py::tuple count(const Log& log, const Pattern& pattern, const Rows& rows, const py::object& labels, int threads) {
  py::array_t<std::uint8_t> flags;
  if (!labels.is_none()) flags = strict_array<std::uint8_t>(labels, "labels");
  const auto span = as_span(flags);
  const PatternCount counted = take(run_interruptible([&](const StopToken& stop) {
    return count_rows(log.view, pattern, rows.view, span, threads, stop);
  }));
  return py::make_tuple(counted.n_matched, counted.n_undecided, counted.n_positive);
}

py::array_t<std::uint8_t> match(const Log& log, const Pattern& pattern, const Rows& rows, int threads) {
  const auto verdicts = take(run_interruptible(
      [&](const StopToken& stop) { return match_rows(log.view, pattern, rows.view, threads, stop); }));
  std::vector<std::uint8_t> bytes(verdicts.size());
  for (std::size_t i = 0; i < verdicts.size(); ++i) bytes[i] = static_cast<std::uint8_t>(verdicts[i]);
  return to_numpy(std::move(bytes));
}

py::tuple many(const Log& log, const std::vector<const Pattern*>& patterns, const Rows& rows, bool with_clock,
               int threads) {
  ManyVerdicts found = take(run_interruptible([&](const StopToken& stop) {
    return match_many(log.view, patterns, rows.view, with_clock, threads, stop);
  }));
  const auto shape = std::vector<py::ssize_t>{static_cast<py::ssize_t>(patterns.size()),
                                              static_cast<py::ssize_t>(rows.view.n_rows)};
  std::vector<std::uint8_t> bytes(found.verdict.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(found.verdict[i]);
  py::object clock = py::none();
  if (with_clock) clock = to_numpy(std::move(found.clock)).reshape(shape);
  return py::make_tuple(to_numpy(std::move(bytes)).reshape(shape), clock);
}

py::list gaps(const Log& log, const std::vector<std::tuple<const Pattern*, std::size_t, std::vector<std::uint64_t>>>& jobs,
              const Rows& rows, const py::object& weight, int threads) {
  const auto weights = strict_array<std::int64_t>(weight, "weight");
  const auto view = as_span(weights);
  std::vector<GapJob> given;
  for (const auto& [pattern, step, edges] : jobs) given.push_back({pattern, step, edges});
  auto found = take(run_interruptible(
      [&](const StopToken& stop) { return gap_tables(log.view, given, rows.view, view, threads, stop); }));
  py::list tables;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto n_bins = static_cast<py::ssize_t>(given[i].edges.size()) - 1;
    const auto shape = std::vector<py::ssize_t>{n_bins, n_bins};
    tables.append(py::make_tuple(to_numpy(std::move(found[i].n_rows)).reshape(shape),
                                 to_numpy(std::move(found[i].weight)).reshape(shape)));
  }
  return tables;
}

py::dict stats(const Log& log, const Predicate& predicate, const Rows& rows, int threads) {
  WindowStats found = take(run_interruptible(
      [&](const StopToken& stop) { return window_stats(log.view, predicate, rows.view, threads, stop); }));
  py::dict result;
  result["count"] = to_numpy(std::move(found.count));
  result["n_null"] = to_numpy(std::move(found.n_null));
  result["first_time"] = to_numpy(std::move(found.first_time));
  result["last_time"] = to_numpy(std::move(found.last_time));
  result["sum"] = log.view.value == nullptr ? py::object(py::none()) : py::object(to_numpy(std::move(found.sum)));
  return result;
}

py::tuple nth(const Log& log, const Predicate& predicate, std::int64_t n, int threads) {
  NthTimes found = take(run_interruptible(
      [&](const StopToken& stop) { return nth_event_time(log.view, predicate, n, threads, stop); }));
  return py::make_tuple(to_numpy(std::move(found.time)), to_numpy(std::move(found.found)));
}

}  // namespace

void register_matching(py::module_& module) {
  module.attr("UNBOUNDED") = py::int_(unbounded);
  py::class_<Condition>(module, "Condition")
      .def(py::init(&make_condition), py::arg("field"), py::kw_only(), py::arg("attribute") = -1,
           py::arg("comparison") = "eq", py::arg("operand") = 0.0, py::arg("allowed") = py::none());
  py::class_<Predicate>(module, "Predicate")
      .def(py::init(&make_predicate), py::arg("types"), py::arg("conditions") = std::vector<Condition>{});
  py::class_<Pattern>(module, "Pattern")
      .def(py::init(&make_pattern), py::kw_only(), py::arg("predicates"), py::arg("steps"),
           py::arg("absences") = std::vector<AbsenceTuple>{}, py::arg("span") = unbounded, py::arg("anchored") = false);
  module.def("find", &find, py::arg("log"), py::arg("pattern"), py::arg("rows"), py::arg("all"), py::arg("threads"));
  module.def("count", &count, py::arg("log"), py::arg("pattern"), py::arg("rows"), py::arg("labels"),
             py::arg("threads"));
  module.def("match_rows", &match, py::arg("log"), py::arg("pattern"), py::arg("rows"), py::arg("threads"));
  module.def("match_many", &many, py::arg("log"), py::arg("patterns"), py::arg("rows"), py::arg("with_clock"),
             py::arg("threads"));
  module.def("gap_tables", &gaps, py::arg("log"), py::arg("jobs"), py::arg("rows"), py::arg("weight"),
             py::arg("threads"));
  module.def("window_stats", &stats, py::arg("log"), py::arg("predicate"), py::arg("rows"), py::arg("threads"));
  module.def("nth_event_time", &nth, py::arg("log"), py::arg("predicate"), py::arg("n"), py::arg("threads"));
}

}  // namespace seqmine::python
