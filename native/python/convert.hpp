// Between Python's values and the core's: what every file of this folder uses.
#pragma once
#include <cstring>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "../pages.hpp"
#include "../tokenizer.hpp"

namespace bearhug::python {

namespace nb = nanobind;
using namespace nb::literals;

[[noreturn]] void type_error(const std::string& message);

std::string class_name(nb::handle value);

// The bytes of a str, which must be kept alive. Throws UnicodeEncodeError for a lone surrogate.
std::string_view utf8(nb::handle text);

inline nb::str to_str(std::string_view text) { return nb::str(text.data(), text.size()); }

// A list or tuple whose items can be read while `owner` lives.
class Items {
 public:
    Items(nb::handle sequence, const char* what) {
        if (PyUnicode_Check(sequence.ptr())) type_error(std::string(what) + " is a str; expected a list: [text].");
        PyObject* fast = PySequence_Fast(sequence.ptr(), "");
        if (!fast) {
            PyErr_Clear();
            type_error(std::string(what) + " is of the type " + class_name(sequence) + "; expected a list.");
        }
        // A tuple of its own: the caller's list may change while the lock is released.
#ifdef Py_GIL_DISABLED
        owner = nb::steal(PySequence_Tuple(fast));
#else
        constexpr Py_ssize_t ahead = 16;  // items are asked for before they are needed: they lie all over
        const Py_ssize_t size = PySequence_Fast_GET_SIZE(fast);
        owner = nb::steal(PyTuple_New(size));
        for (Py_ssize_t i = 0; owner.is_valid() && i < size; ++i) {
            if (i + ahead < size) __builtin_prefetch(PySequence_Fast_GET_ITEM(fast, i + ahead), 1);
            PyTuple_SET_ITEM(owner.ptr(), i, Py_NewRef(PySequence_Fast_GET_ITEM(fast, i)));
        }
#endif
        Py_DECREF(fast);
        if (!owner.is_valid()) throw nb::python_error();
    }
    std::size_t size() const { return static_cast<std::size_t>(PyTuple_GET_SIZE(owner.ptr())); }
    nb::handle operator[](std::size_t i) const { return PyTuple_GET_ITEM(owner.ptr(), static_cast<Py_ssize_t>(i)); }
    // Item i where it is a list or a tuple of so many, as a tuple that stays as it is; null: it is none.
    nb::handle tuple(std::size_t i, Py_ssize_t size) {
        nb::object item = nb::borrow((*this)[i]);
        if (PyList_Check(item.ptr())) {
            item = nb::steal(PyList_AsTuple(item.ptr()));
            if (!item.is_valid()) throw nb::python_error();
            copies_.push_back(item);
        }
        return PyTuple_Check(item.ptr()) && PyTuple_GET_SIZE(item.ptr()) == size ? item : nb::handle();
    }
    nb::object owner;

 private:
    std::vector<nb::object> copies_;
};

std::uint32_t to_id(nb::handle value);

std::vector<std::uint32_t> to_ids(nb::handle given);

// Rows of ids, one after another; row r is starts[r] to starts[r + 1].
struct IdRows {
    std::vector<std::uint32_t> ids;
    std::vector<std::size_t> starts = {0};
};
IdRows to_id_rows(nb::handle given);

// Bytes -> a str; what is no UTF-8 becomes U+FFFD.
inline nb::str to_str_lossy(std::string_view bytes) {
    PyObject* text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace");
    if (text == nullptr) throw nb::python_error();
    return nb::steal<nb::str>(text);
}

inline nb::str ascii_to_str(std::string_view text) {
    PyObject* made = PyUnicode_New(static_cast<Py_ssize_t>(text.size()), 127);
    if (made == nullptr) throw nb::python_error();
    if (!text.empty()) std::memcpy(PyUnicode_1BYTE_DATA(made), text.data(), text.size());
    return nb::steal<nb::str>(made);
}

// An array that `fill` writes.
template <class T, class Fill>
nb::object new_array(const std::vector<std::size_t>& shape, Fill fill) {
    std::size_t size = 1;
    for (const auto side : shape) size *= side;
    auto values = std::make_unique<PagedVector<T>>(size);  // not written to yet
    fill(values->data());
    T* const data = values->data();
    nb::capsule owner(values.release(), [](void* p) noexcept { delete static_cast<PagedVector<T>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T>(data, shape.size(), shape.data(), owner));
}

// An array over memory that `owner` keeps alive; nobody may write to it.
template <class T>
nb::object view(const void* data, std::vector<std::size_t> shape, nb::handle owner) {
    return nb::cast(nb::ndarray<nb::numpy, const T>(data, shape.size(), shape.data(), owner));
}
// A literal text, a character and how often it is repeated at least, or a Python callable text -> [start, end, start,
// end, ...] in code points.
Finder finder(nb::handle pattern);

template <class T>
T choice(std::string_view given, std::initializer_list<std::pair<std::string_view, T>> known, const char* what) {
    for (const auto& [name, value] : known)
        if (name == given) return value;
    std::string names;
    for (const auto& [name, value] : known) names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
    throw std::invalid_argument(std::string(what) + " is '" + std::string(given) + "'; it is one of " + names + ".");
}

Behavior behavior(std::string_view name);
pre_tokenizers::Prepend prepend_scheme(std::string_view name);
bool is_left(std::string_view name);

// What each file of this folder adds to the module.
void bind_settings(nb::module_& m);
void bind_encoded(nb::module_& m);
void bind_row(nb::module_& m);
void bind_fields(nb::module_& m);
void bind_components(nb::module_& m);
void bind_tokenizer_file(nb::module_& m);
void bind_tokenizer(nb::module_& m);
void bind_training(nb::module_& m);
void bind_aligned(nb::module_& m);
void bind_linear(nb::module_& m);

}  // namespace bearhug::python
