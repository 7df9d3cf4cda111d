// The tokens' texts as Python strs: each is made when it is first asked for, and handed out for the cost of a
// reference.
#pragma once
#include <atomic>

#include "convert.hpp"

namespace bearhug::python {

class Names {
 public:
    Names() = default;
    Names(const Names&) {}  // parts that were copied are about to change
    Names& operator=(const Names&) = delete;
    ~Names() { forget(); }
    void forget();  // while nobody else asks

    // A new reference; an id that stands for nothing has an empty text.
    PyObject* of(std::uint32_t id, const Parts& parts) const;
    // New references to those of many ids.
    void put(const std::uint32_t* ids, std::size_t count, const Parts& parts, PyObject** out) const;

 private:
    using Place = std::atomic<PyObject*>;
    Place* places(const Parts& parts) const;
    mutable std::atomic<Place*> places_ = nullptr;  // zeros, which nobody touches until the id is met
    mutable std::atomic<std::size_t> count_ = 0;
};

struct PyParts : Parts {
    Names names;
};

}  // namespace bearhug::python
