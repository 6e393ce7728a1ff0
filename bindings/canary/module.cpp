// The same seeded bugs behind Python: they prove that the preloaded sanitizer watches the extension module.
#include <pybind11/pybind11.h>

#include "../../cpp/canary/canary.hpp"

PYBIND11_MODULE(_canary, module) { module.def("run", &seqmine::canary::run); }
