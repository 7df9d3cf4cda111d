#include "ints.hpp"

namespace bearhug::python {

std::atomic<PyObject*> ready[ready_ints];
std::atomic<PyObject*> pairs[pair_starts * pair_sizes];

namespace {

// `made` takes the place, unless another thread was first.
PyObject* keep(std::atomic<PyObject*>& place, PyObject* made) {
    PyObject* other = nullptr;
    if (place.compare_exchange_strong(other, made)) return made;
    Py_DECREF(made);
    return other;
}

PyObject* new_pair(std::uint32_t start, std::uint32_t end) {
    PyObject* pair = PyTuple_New(2);
    if (pair == nullptr) throw nanobind::python_error();
    PyTuple_SET_ITEM(pair, 0, to_int(start));
    PyTuple_SET_ITEM(pair, 1, to_int(end));
    PyObject_GC_UnTrack(pair);  // two ints are no garbage
    return pair;
}

}  // namespace

PyObject* make_ready(std::uint32_t value) {
    PyObject* made = PyLong_FromUnsignedLong(value);
    if (made == nullptr) throw nanobind::python_error();
    return keep(ready[value], made);
}

PyObject* make_pair(std::uint32_t start, std::uint32_t end) {
    PyObject* made = new_pair(start, end);
    if (start >= pair_starts || end - start >= pair_sizes) return made;
    made = keep(pairs[start * pair_sizes + end - start], made);
    Py_INCREF(made);
    return made;
}

}  // namespace bearhug::python
