#include <pybind11/stl.h>

#include <memory>

#include "convert.hpp"
#include "interrupt.hpp"
#include "seqmine/frequent.hpp"

namespace seqmine::python {

namespace {

/// A result and what is needed to write its texts.
struct Patterns {
  FrequentPatterns found;
  FrequentOptions options;
  std::vector<std::string> names;
};

std::shared_ptr<Patterns> mine(const Log& log, const Rows& rows, const py::object& types, std::vector<std::string> names,
                               std::int64_t min_support, std::int64_t max_length, std::uint64_t min_gap,
                               std::uint64_t max_gap, std::uint64_t max_span, bool closed, int threads,
                               double max_seconds, std::int64_t max_memory, std::int64_t max_patterns) {
  auto result = std::make_shared<Patterns>();
  result->options = {min_support, max_length, min_gap,    max_gap,    max_span, closed,
                     threads,     max_seconds, max_memory, max_patterns};
  result->names = std::move(names);
  const auto held = strict_array<std::uint32_t>(types, "types");
  const auto codes = as_span(held);
  if (codes.size() != result->names.size()) throw py::value_error("types and names must have one entry per item");
  result->found = take(run_interruptible([&](const StopToken& stop) {
    return mine_frequent(log.view, rows.view, codes, result->options, stop);
  }));
  return result;
}

py::tuple texts(const Patterns& patterns, std::int64_t begin, std::int64_t end) {
  const auto n = static_cast<std::int64_t>(patterns.found.order.size());
  if (begin < 0 || end < begin || end > n) throw py::index_error("no such patterns");
  // Texts of a result that holds no Python object: no interruption inside, the caller asks for pieces.
  auto written = std::make_unique<PatternTexts>();
  {
    const py::gil_scoped_release release;  // safe: `patterns` is kept alive by the caller's reference
    *written = pattern_texts(patterns.found, patterns.names, patterns.options, begin, end);
  }
  auto* bytes = new std::string(std::move(written->bytes));
  const py::capsule owner(bytes, [](void* p) { delete static_cast<std::string*>(p); });
  const py::array_t<std::uint8_t> data(static_cast<py::ssize_t>(bytes->size()),
                                       reinterpret_cast<const std::uint8_t*>(bytes->data()), owner);
  return py::make_tuple(to_numpy(std::move(written->offsets)), data);
}

template <class T>
py::array_t<T> ranked(const FrequentPatterns& found, const std::vector<std::uint32_t>& column) {
  std::vector<T> values(found.order.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(column[found.order[i]]);
  return to_numpy(std::move(values));
}

}  // namespace

void register_frequent(py::module_& module) {
  py::class_<Patterns, std::shared_ptr<Patterns>>(module, "FrequentPatterns")
      .def("__len__", [](const Patterns& patterns) { return patterns.found.order.size(); })
      .def("supports", [](const Patterns& p) { return ranked<std::int64_t>(p.found, p.found.support); })
      .def("lengths", [](const Patterns& p) { return ranked<std::int64_t>(p.found, p.found.length); })
      .def("texts", &texts, py::arg("begin"), py::arg("end"))
      .def_property_readonly("complete", [](const Patterns& p) { return p.found.complete; })
      .def_property_readonly("truncated_by", [](const Patterns& p) { return p.found.truncated_by; })
      .def_property_readonly("stats", [](const Patterns& p) {
        const FrequentStats& stats = p.found.stats;
        py::dict result;
        result["n_rows"] = stats.n_rows;
        result["n_scanned"] = stats.n_scanned;
        result["n_entries"] = stats.n_entries;
        result["n_items"] = stats.n_items;
        result["n_nodes"] = stats.n_nodes;
        result["n_frequent"] = stats.n_frequent;
        return result;
      });
  module.def("mine_frequent", &mine, py::arg("log"), py::arg("rows"), py::kw_only(), py::arg("types"), py::arg("names"),
             py::arg("min_support"), py::arg("max_length"), py::arg("min_gap"), py::arg("max_gap"), py::arg("max_span"),
             py::arg("closed"), py::arg("threads"), py::arg("max_seconds"), py::arg("max_memory"),
             py::arg("max_patterns"));
}

}  // namespace seqmine::python
