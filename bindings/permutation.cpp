#include "seqmine/permutation.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>

#include "convert.hpp"
#include "interrupt.hpp"
#include "named.hpp"

namespace seqmine::python {

namespace {

CountKernel kernel_named(const std::string& name) {
  const auto kernel = named<CountKernel>(name, {"best", "scalar", "avx2", "avx512"}, "kernel");
  if (!kernel_available(kernel)) throw py::value_error("this machine does not have the instructions of '" + name + "'");
  return kernel;
}

/// The arrays behind ExchangeableLabels.
struct GivenLabels {
  py::array_t<std::uint8_t> label;
  py::array_t<std::int32_t> stratum;
  py::array_t<std::int64_t> unit;
  ExchangeableLabels view;
  GivenLabels(const py::object& labels, const py::object& strata, std::int32_t n_strata, const py::object& units) {
    label = strict_array<std::uint8_t>(labels, "label");
    if (!strata.is_none()) stratum = strict_array<std::int32_t>(strata, "stratum");
    if (!units.is_none()) unit = strict_array<std::int64_t>(units, "unit");
    view = {as_span(label), as_span(stratum), n_strata, as_span(unit)};
  }
};

std::unique_ptr<PermutedLabels> permuted(const py::object& label, const py::object& stratum, std::int32_t n_strata,
                                         const py::object& unit, std::int64_t n_permutations, std::uint64_t seed,
                                         int threads, std::int64_t max_memory) {
  const GivenLabels given(label, stratum, n_strata, unit);
  return std::make_unique<PermutedLabels>(take(run_interruptible([&](const StopToken& stop) {
    return permute_labels(given.view, n_permutations, seed, threads, max_memory, stop);
  })));
}

py::array_t<std::uint64_t> bits(const PermutedLabels& labels) {
  py::array_t<std::uint64_t> copy({labels.n_rows(), static_cast<std::int64_t>(labels.n_words())});
  if (labels.n_rows() > 0) {
    std::copy_n(labels.row(0), static_cast<std::size_t>(labels.n_rows()) * labels.n_words(), copy.mutable_data());
  }
  return copy;
}

py::array_t<std::uint32_t> count(const PermutedLabels& labels, const py::object& rows, const py::object& offsets,
                                 const std::string& kernel) {
  const auto row = strict_array<std::uint32_t>(rows, "rows");
  const auto offset = strict_array<std::int64_t>(offsets, "offsets");
  const CountKernel which = kernel_named(kernel);
  const auto given = as_span(row);
  const auto bounds = as_span(offset);
  if (std::any_of(given.begin(), given.end(), [&](std::uint32_t r) { return r >= labels.n_rows(); })) {
    throw py::value_error("a row is out of range");
  }
  if (bounds.empty() || bounds.front() != 0 || bounds.back() != static_cast<std::int64_t>(given.size()) ||
      !std::is_sorted(bounds.begin(), bounds.end())) {
    throw py::value_error("offsets must ascend from 0 to the number of rows");
  }
  const auto n = static_cast<std::int64_t>(bounds.size()) - 1, wanted = labels.n_permutations() + 1;
  py::array_t<std::uint32_t> counts({n, wanted});
  std::uint32_t* into = counts.mutable_data();
  // GIL release is safe: the buffers are held by the arrays above.
  const py::gil_scoped_release release;
  std::vector<std::uint32_t> all(labels.n_counters());
  for (std::int64_t i = 0; i < n; ++i) {
    const auto begin = static_cast<std::size_t>(bounds[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(bounds[static_cast<std::size_t>(i) + 1]);
    labels.count(given.subspan(begin, end - begin), all.data(), which);
    std::copy_n(all.begin(), wanted, into + i * wanted);
  }
  return counts;
}

py::dict maxima(const Log& log, const Rows& rows, const py::object& label, const py::object& stratum,
                std::int32_t n_strata, const py::object& unit, GivenItems items, std::int32_t max_length, std::uint64_t min_gap, std::uint64_t max_gap, std::uint64_t max_span,
                std::int64_t min_support, std::int64_t n_permutations, std::uint64_t seed, std::int64_t max_work,
                double max_seconds, std::int64_t max_memory, int threads, const std::string& kernel) {
  const GivenLabels given(label, stratum, n_strata, unit);
  const std::vector<Item> steps = make_items(std::move(items));
  const FamilyOptions options{.n_permutations = n_permutations,
                              .seed = seed,
                              .max_length = max_length,
                              .min_gap = min_gap,
                              .max_gap = max_gap,
                              .max_span = max_span,
                              .min_support = min_support,
                              .threads = threads,
                              .max_work = max_work,
                              .max_seconds = max_seconds,
                              .max_memory = max_memory,
                              .kernel = kernel_named(kernel)};
  FamilyMaxima found = take(run_interruptible(
      [&](const StopToken& stop) { return westfall_young(log.view, rows.view, given.view, steps, options, stop); }));
  py::dict result;
  result["observed"] = found.observed;
  result["maxima"] = to_numpy(std::move(found.maxima));
  result["n_patterns"] = found.n_patterns;
  result["n_tested"] = found.n_tested;
  result["work"] = found.work;
  result["complete"] = found.complete;
  result["truncated_by"] = std::string(found.truncated_by);
  result["build_seconds"] = found.build_seconds;
  result["permute_seconds"] = found.permute_seconds;
  result["search_seconds"] = found.search_seconds;
  return result;
}

}  // namespace

void register_permutation(py::module_& module) {
  module.def("kernels", [] {
    std::vector<std::string> names{"scalar"};
    if (kernel_available(CountKernel::avx2)) names.emplace_back("avx2");
    if (kernel_available(CountKernel::avx512)) names.emplace_back("avx512");
    return names;
  });
  py::class_<PermutedLabels>(module, "PermutedLabels")
      .def(py::init(&permuted), py::kw_only(), py::arg("label"), py::arg("stratum") = py::none(),
           py::arg("n_strata") = 0, py::arg("unit") = py::none(), py::arg("n_permutations"), py::arg("seed"),
           py::arg("threads") = 0, py::arg("max_memory") = 0)
      .def_property_readonly("n_rows", &PermutedLabels::n_rows)
      .def_property_readonly("n_permutations", &PermutedLabels::n_permutations)
      .def("bits", &bits)
      .def("count", &count, py::arg("rows"), py::arg("offsets"), py::arg("kernel") = "best");
  module.def("westfall_young", &maxima, py::arg("log"), py::arg("rows"), py::kw_only(), py::arg("label"),
             py::arg("stratum") = py::none(), py::arg("n_strata") = 0, py::arg("unit") = py::none(), py::arg("items"),
             py::arg("max_length"), py::arg("min_gap"), py::arg("max_gap"), py::arg("max_span"),
             py::arg("min_support"), py::arg("n_permutations"), py::arg("seed"), py::arg("max_work") = 0,
             py::arg("max_seconds") = 0.0, py::arg("max_memory") = 0, py::arg("threads") = 0,
             py::arg("kernel") = "best");
}

}  // namespace seqmine::python
