// What types of Python's C interface share.
#pragma once
#include <nanobind/nanobind.h>

#include <new>
#include <stdexcept>

namespace bearhug::python {

// What a slot of Python's calls: exceptions become Python's.
template <class Work>
PyObject* guarded(Work work) noexcept {
    namespace nb = nanobind;
    try {
        return work();
    } catch (nb::python_error& error) {
        error.restore();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const nb::builtin_exception& error) {
        PyErr_SetString(error.type() == nb::exception_type::index_error ? PyExc_IndexError : PyExc_TypeError,
                        error.what());
    } catch (const std::overflow_error& error) {
        PyErr_SetString(PyExc_OverflowError, error.what());
    } catch (const std::invalid_argument& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
    return nullptr;
}

}  // namespace bearhug::python
