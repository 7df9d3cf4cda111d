// Python ints, and pairs of them, that are ready. A vocabulary's ids and the places in a text are the same few numbers
// again and again: each is made once, when it is first wanted, and handed out for the cost of a reference. Bounded:
// larger ones are made anew.
#pragma once
#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>

namespace bearhug::python {

constexpr std::uint32_t ready_ints = 1 << 19;
extern std::atomic<PyObject*> ready[ready_ints];  // memory that nobody touches until its number is met

PyObject* make_ready(std::uint32_t value);

// A new reference.
inline PyObject* to_int(std::uint32_t value) {
    if (value >= ready_ints) return PyLong_FromUnsignedLong(value);
    PyObject* made = ready[value].load(std::memory_order_acquire);
    if (made == nullptr) made = make_ready(value);
    Py_INCREF(made);
    return made;
}

// Asks for the memory of a number that is soon wanted: first for its place, then for the number that stands there.
inline void prefetch_place(std::uint32_t value) { __builtin_prefetch(&ready[value & (ready_ints - 1)]); }
inline void prefetch_int(std::uint32_t value) {
    __builtin_prefetch(ready[value & (ready_ints - 1)].load(std::memory_order_relaxed), 1);
}

inline void add_references(PyObject* object, std::size_t count) {
#ifdef Py_GIL_DISABLED
    for (; count > 0; --count) Py_INCREF(object);
#else
    Py_SET_REFCNT(object, Py_REFCNT(object) + static_cast<Py_ssize_t>(count));
#endif
}

constexpr std::uint32_t pair_starts = 512, pair_sizes = 16;
extern std::atomic<PyObject*> pairs[pair_starts * pair_sizes];

PyObject* make_pair(std::uint32_t start, std::uint32_t end);

// (start, end), a new reference. Those of short texts come back with every row, and are made once too.
inline PyObject* to_pair(std::uint32_t start, std::uint32_t end) {
    if (start < pair_starts && end - start < pair_sizes)
        if (PyObject* const made = pairs[start * pair_sizes + end - start].load(std::memory_order_acquire)) {
            Py_INCREF(made);
            return made;
        }
    return make_pair(start, end);
}

// No garbage is looked for while many lists and tuples of numbers are made, none of which can be garbage. Without the
// global lock that would be other threads' matter too, and Python looks for garbage more seldom there.
class NoCollection {
 public:
#ifdef Py_GIL_DISABLED
    NoCollection() {}
#else
    NoCollection() : was_on_(PyGC_Disable()) {}
    ~NoCollection() {
        if (was_on_) PyGC_Enable();
    }
#endif
    NoCollection(const NoCollection&) = delete;
    NoCollection& operator=(const NoCollection&) = delete;

#ifndef Py_GIL_DISABLED
 private:
    int was_on_;
#endif
};

}  // namespace bearhug::python
