#include "ints.hpp"

namespace bearhug::python {

std::atomic<PyObject*> ready[ready_ints];

namespace {

constexpr std::uint32_t pair_starts = 512, pair_sizes = 16;
std::atomic<PyObject*> pairs[pair_starts * pair_sizes];

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

PyObject* to_pair(std::uint32_t start, std::uint32_t end) {
    const std::uint32_t size = end - start;
    if (start >= pair_starts || size >= pair_sizes) return new_pair(start, end);
    auto& place = pairs[start * pair_sizes + size];
    PyObject* made = place.load(std::memory_order_acquire);
    if (made == nullptr) made = keep(place, new_pair(start, end));
    Py_INCREF(made);
    return made;
}

}  // namespace bearhug::python
