#include "convert.hpp"

namespace seqmine::python {

namespace {

const char* error_class(Code code) {
  switch (code) {
    case Code::out_of_memory: return "MemoryBudgetExceeded";
    case Code::invalid_argument: return "ParameterError";
    case Code::out_of_range: return "ValueRangeError";
    default: return "InternalError";
  }
}

}  // namespace

void raise_status(const Status& status) {
  if (status.code() == Code::cancelled) {
    PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw py::error_already_set();
  }
  const py::object type = py::module_::import("seqmine.errors").attr(error_class(status.code()));
  PyErr_SetObject(type.ptr(), type(status.message()).ptr());
  throw py::error_already_set();
}

}  // namespace seqmine::python
