#include <pybind11/stl.h>

#include "convert.hpp"

namespace seqmine::python {

namespace {

using OptionalObject = py::object;

template <class T>
std::span<const T> optional_span(const OptionalObject& object, const char* name, py::list& keep) {
  if (object.is_none()) return {};
  const auto array = strict_array<T>(object, name);
  keep.append(array);
  return as_span(array);
}

void require_size(std::size_t size, std::int64_t expected, const char* name) {
  if (static_cast<std::int64_t>(size) != expected) {
    throw py::value_error(std::string(name) + " must have " + std::to_string(expected) + " entries, not " +
                          std::to_string(size));
  }
}

/// Whether the object is an array of T, as far as choosing between column types goes.
template <class T>
bool is_array_of(const py::handle& object) {
  return py::isinstance<py::array>(object) &&
         py::reinterpret_borrow<py::array>(object).dtype().equal(py::dtype::of<T>());
}

Log make_log(const py::object& entity_offsets, const py::object& time, const py::object& code, std::int64_t n_types,
             const py::object& value, const py::list& attributes, const std::vector<std::int64_t>& n_categories,
             const py::object& start, const py::object& zone_transitions, const py::object& zone_offsets) {
  Log log;
  py::list keep;
  const auto offsets = optional_span<std::int64_t>(entity_offsets, "entity_offsets", keep);
  const auto times = optional_span<std::int64_t>(time, "time", keep);
  if (offsets.empty()) throw py::value_error("entity_offsets must have n_entities + 1 entries");
  log.view.n_entities = static_cast<std::int64_t>(offsets.size()) - 1;
  log.view.n_events = static_cast<std::int64_t>(times.size());
  log.view.n_types = n_types;
  log.view.entity_offsets = offsets.data();
  log.view.time = times.data();
  if (is_array_of<std::uint16_t>(code)) {
    const auto span = optional_span<std::uint16_t>(code, "code", keep);
    require_size(span.size(), log.view.n_events, "code");
    log.view.code = CodeView(span.data());
  } else {
    const auto span = optional_span<std::uint32_t>(code, "code", keep);
    require_size(span.size(), log.view.n_events, "code");
    log.view.code = CodeView(span.data());
  }
  if (!value.is_none()) {
    const auto span = optional_span<double>(value, "value", keep);
    require_size(span.size(), log.view.n_events, "value");
    log.view.value = span.data();
  }
  require_size(n_categories.size(), static_cast<std::int64_t>(attributes.size()), "n_categories");
  for (const py::handle item : attributes) {
    AttributeView attribute;
    attribute.n_categories = n_categories[log.view.attributes.size()];
    const auto array = py::reinterpret_borrow<py::object>(item);
    if (is_array_of<double>(item)) {
      const auto span = optional_span<double>(array, "attribute", keep);
      require_size(span.size(), log.view.n_events, "attribute");
      attribute.numbers = span.data();
    } else {
      const auto span = optional_span<std::int32_t>(array, "attribute", keep);
      require_size(span.size(), log.view.n_events, "attribute");
      attribute.codes = span.data();
    }
    log.view.attributes.push_back(attribute);
  }
  if (!start.is_none()) {
    const auto span = optional_span<std::int64_t>(start, "start", keep);
    require_size(span.size(), log.view.n_entities, "start");
    log.view.start = span.data();
  }
  log.view.zone.transition = optional_span<std::int64_t>(zone_transitions, "zone_transitions", keep);
  log.view.zone.offset = optional_span<std::int64_t>(zone_offsets, "zone_offsets", keep);
  require_size(log.view.zone.offset.size(), static_cast<std::int64_t>(log.view.zone.transition.size()), "zone_offsets");
  log.owner = py::tuple(keep);
  // Nothing behind this door looks at bounds again, and the columns may be files that anybody can have written.
  Status status;
  {
    const py::gil_scoped_release release;
    status = check(log.view, 0, StopToken());
  }
  if (!status.ok()) throw py::value_error(status.message());
  return log;
}

Rows make_rows(const py::object& entity, const py::object& lo, const py::object& last, std::int64_t until,
               const py::object& excluded) {
  Rows rows;
  py::list keep;
  const auto entities = optional_span<std::int64_t>(entity, "entity", keep);
  const auto los = optional_span<std::int64_t>(lo, "lo", keep);
  const auto lasts = optional_span<std::int64_t>(last, "last", keep);
  rows.view.n_rows = static_cast<std::int64_t>(entities.size());
  rows.view.entity = entities.data();
  if (!lo.is_none()) {
    require_size(los.size(), rows.view.n_rows, "lo");
    rows.view.lo = los.data();
  }
  if (!last.is_none()) {
    require_size(lasts.size(), rows.view.n_rows, "last");
    rows.view.last = lasts.data();
  }
  rows.view.until = until;
  rows.view.excluded = optional_span<std::uint8_t>(excluded, "excluded", keep);
  rows.owner = py::tuple(keep);
  return rows;
}

}  // namespace

void register_log(py::module_& module) {
  py::class_<Log>(module, "Log")
      .def(py::init(&make_log), py::kw_only(), py::arg("entity_offsets"), py::arg("time"), py::arg("code"),
           py::arg("n_types"), py::arg("value") = py::none(), py::arg("attributes") = py::list(),
           py::arg("n_categories") = std::vector<std::int64_t>{}, py::arg("start") = py::none(),
           py::arg("zone_transitions") = py::none(),
           py::arg("zone_offsets") = py::none())
      .def_property_readonly("n_events", [](const Log& log) { return log.view.n_events; })
      .def_property_readonly("n_entities", [](const Log& log) { return log.view.n_entities; })
      .def_property_readonly("time_address", [](const Log& log) {
        return reinterpret_cast<std::uintptr_t>(log.view.time);
      });
  py::class_<Rows>(module, "Rows")
      .def(py::init(&make_rows), py::kw_only(), py::arg("entity"), py::arg("lo") = py::none(),
           py::arg("last") = py::none(), py::arg("until") = std::numeric_limits<std::int64_t>::max(),
           py::arg("excluded") = py::none())
      .def_property_readonly("n_rows", [](const Rows& rows) { return rows.view.n_rows; });
  module.def(
      "seen_events",
      [](const Log& log, const Rows& rows) {
        if (Status status = check(log.view, rows.view); !status.ok()) raise_status(status);
        return to_numpy(seen_events(log.view, rows.view));
      },
      py::arg("log"), py::arg("rows"));
}

}  // namespace seqmine::python
