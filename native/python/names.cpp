#include "names.hpp"

#include <cstdlib>

namespace bearhug::python {

namespace {

constexpr std::size_t most = std::size_t{1} << 20;  // ids beyond have their texts made anew

}  // namespace

void Names::forget() {
    Place* const places = places_.exchange(nullptr);
    if (places == nullptr) return;
    if (Py_IsInitialized()) {
        const nb::gil_scoped_acquire locked;
        for (std::size_t i = 0; i < count_.load(); ++i) Py_XDECREF(places[i].load());
    }
    std::free(places);
}

Names::Place* Names::places(const Parts& parts) const {
    if (Place* const places = places_.load(std::memory_order_acquire)) return places;
    const std::size_t count = std::min<std::size_t>(parts.id_limit(), most);
    count_.store(count);  // the same, whichever thread is first
    auto* const made = static_cast<Place*>(std::calloc(count + 1, sizeof(Place)));
    if (made == nullptr) throw std::bad_alloc();
    Place* other = nullptr;
    if (places_.compare_exchange_strong(other, made)) return made;
    std::free(made);
    return other;
}

PyObject* Names::of(std::uint32_t id, const Parts& parts) const {
    Place* const places = this->places(parts);
    const bool has_place = id < count_.load(std::memory_order_relaxed);
    if (has_place)
        if (PyObject* const known = places[id].load(std::memory_order_acquire)) return Py_NewRef(known);
    PyObject* made = to_str(parts.token(id).value_or("")).release().ptr();
    if (!has_place) return made;
    PyObject* other = nullptr;
    if (places[id].compare_exchange_strong(other, made)) return Py_NewRef(made);
    Py_DECREF(made);
    return Py_NewRef(other);
}

void Names::put(const std::uint32_t* ids, std::size_t count, const Parts& parts, PyObject** out) const {
    Place* const places = this->places(parts);
    const std::size_t limit = count_.load(std::memory_order_relaxed);
    constexpr std::size_t ahead = 16;  // first the place of a name is asked for, then the name
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 2 * ahead < count) __builtin_prefetch(places + std::min<std::size_t>(ids[i + 2 * ahead], limit));
        if (i + ahead < count)
            __builtin_prefetch(places[std::min<std::size_t>(ids[i + ahead], limit)].load(std::memory_order_relaxed), 1);
        PyObject* const known = ids[i] < limit ? places[ids[i]].load(std::memory_order_acquire) : nullptr;
        out[i] = known != nullptr ? Py_NewRef(known) : of(ids[i], parts);
    }
}

}  // namespace bearhug::python
