// Products for the models: addresses of torch's numbers cross here, and the interpreter's lock is released meanwhile.
#include "../linear.hpp"

#include <atomic>

#include "convert.hpp"

namespace bearhug::python {
namespace {

std::atomic<linear::Parallel> parallel = nullptr;

template <class T>
T pointer(std::uintptr_t address) {
    return reinterpret_cast<T>(address);
}

}  // namespace

void bind_linear(nb::module_& m) {
    using linear::Kind;
    using linear::Matrix;
    nb::class_<Matrix>(m, "Matrix", "A matrix (out, in) elsewhere in memory, by whose transpose rows are multiplied.")
        .def(
            "__init__",
            [](Matrix* self, std::uintptr_t weights, std::uintptr_t scales, std::uintptr_t bias, std::size_t out,
               std::size_t in, int kind, int rows_kind, bool turned) {
                new (self) Matrix{pointer<const void*>(weights),
                                  pointer<const void*>(scales),
                                  pointer<const void*>(bias),
                                  out,
                                  in,
                                  static_cast<Kind>(kind),
                                  static_cast<Kind>(rows_kind),
                                  turned};
            },
            "weights"_a, "scales"_a, "bias"_a, "out"_a, "inner"_a, "kind"_a, "rows_kind"_a, "turned"_a = false)
        .def(
            "multiply",
            [](const Matrix& self, std::uintptr_t x, std::size_t rows, std::uintptr_t y, unsigned threads) {
                const nb::gil_scoped_release release;
                linear::multiply(self, pointer<const void*>(x), rows, pointer<void*>(y), parallel.load(), threads);
            },
            "x"_a, "rows"_a, "y"_a, "threads"_a)
        .def(
            "multiply_many",
            [](const Matrix& self, std::uintptr_t x, std::size_t rows, std::uintptr_t y, unsigned threads) {
                const nb::gil_scoped_release release;
                linear::multiply_many(self, pointer<const float*>(x), rows, pointer<float*>(y), parallel, threads);
            },
            "x"_a, "rows"_a, "y"_a, "threads"_a);
    m.def("can_multiply_many", [] { return linear::wide_part(false) != nullptr; });
    m.def("can_multiply", [] { return linear::part() != nullptr; });
    m.def(
        "multiply_in_threads_of",
        [](std::uintptr_t address) { parallel = pointer<linear::Parallel>(address); }, "address"_a);
}

}  // namespace bearhug::python
