// Python's values -> the core's.
#include "convert.hpp"

namespace bearhug::python {

namespace {

// A Python callable text -> [start, end, start, end, ...] in code points, as spans of bytes.
Finder python_finder(nb::callable call) {
    return [call = std::move(call)](std::string_view text, std::vector<Span>& matches) {
        const nb::gil_scoped_acquire locked;
        const Items found(call(to_str(text)), "what a regular expression found");
        matches.clear();
        const char* p = text.data();
        const char* const end = p + text.size();
        std::uint32_t point = 0;
        auto byte_of = [&](nb::handle value) {
            const std::uint32_t wanted = to_id(value);
            if (wanted < point) throw std::invalid_argument("what a regular expression found is not in order.");
            for (; point < wanted; ++point) {
                if (p == end)
                    throw std::invalid_argument("a regular expression found something behind the end of the text.");
                p += unicode::length(static_cast<unsigned char>(*p));
            }
            return static_cast<std::uint32_t>(p - text.data());
        };
        for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
            const auto start = byte_of(found[i]);
            matches.push_back({start, byte_of(found[i + 1])});
        }
    };
}

}  // namespace

[[noreturn]] void type_error(const std::string& message) { throw nb::type_error(message.c_str()); }

std::string class_name(nb::handle value) { return nb::cast<std::string>(nb::str(value.type().attr("__name__"))); }

std::string_view utf8(nb::handle text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (!data) throw nb::python_error();
    return {data, static_cast<std::size_t>(size)};
}

std::uint32_t to_id(nb::handle value) {
    const nb::object whole = nb::steal(PyNumber_Index(value.ptr()));
    if (!whole.is_valid()) {
        PyErr_Clear();
        type_error("an id is of the type " + class_name(value) + "; expected int.");
    }
    const unsigned long long id = PyLong_AsUnsignedLongLong(whole.ptr());
    if (PyErr_Occurred()) PyErr_Clear();
    if (id >= no_id)
        throw std::overflow_error(nb::cast<std::string>(nb::str(whole)) +
                                  " is no token id; ids run from 0 to 4294967294.");
    return static_cast<std::uint32_t>(id);
}

namespace {

// One id. The most frequent kind of number goes the shortest way: one digit of 30 bits.
std::uint32_t quick_id(PyObject* value) {
    if (PyLong_CheckExact(value)) {
#if PY_VERSION_HEX >= 0x030C0000
        const auto* whole = reinterpret_cast<const PyLongObject*>(value);
        if (PyUnstable_Long_IsCompact(whole)) {
            const Py_ssize_t id = PyUnstable_Long_CompactValue(whole);
            if (id >= 0) return static_cast<std::uint32_t>(id);
        }
#else
        if (Py_SIZE(value) == 1) return reinterpret_cast<const PyLongObject*>(value)->ob_digit[0];
#endif
        int overflow = 0;
        const long long id = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow == 0 && id >= 0 && id < no_id) return static_cast<std::uint32_t>(id);
    }
    return to_id(value);
}

template <class T>
void add_row(const void* data, std::size_t count, std::int64_t stride, std::vector<std::uint32_t>& out) {
    const T* values = static_cast<const T*>(data);
    for (std::size_t i = 0; i < count; ++i, values += stride) {
        if constexpr (std::is_signed_v<T> || sizeof(T) >= 4) {
            if (*values < T{0} || static_cast<std::uint64_t>(*values) >= no_id)
                throw std::overflow_error(std::to_string(*values) + " is no token id; ids run from 0 to 4294967294.");
        }
        out.push_back(static_cast<std::uint32_t>(*values));
    }
}

using Array = nb::ndarray<nb::ro, nb::device::cpu>;

bool add_row(const nb::dlpack::dtype& dtype, const void* data, std::size_t count, std::int64_t stride,
             std::vector<std::uint32_t>& out) {
    if (dtype == nb::dtype<std::int64_t>()) return add_row<std::int64_t>(data, count, stride, out), true;
    if (dtype == nb::dtype<std::int32_t>()) return add_row<std::int32_t>(data, count, stride, out), true;
    if (dtype == nb::dtype<std::uint32_t>()) return add_row<std::uint32_t>(data, count, stride, out), true;
    if (dtype == nb::dtype<std::uint64_t>()) return add_row<std::uint64_t>(data, count, stride, out), true;
    if (dtype == nb::dtype<std::uint16_t>()) return add_row<std::uint16_t>(data, count, stride, out), true;
    return false;
}

bool is_list(nb::handle given) { return PyList_Check(given.ptr()) || PyTuple_Check(given.ptr()); }

void add_ids(nb::handle given, std::vector<std::uint32_t>& out) {
#ifndef Py_GIL_DISABLED
    if (PyList_CheckExact(given.ptr())) {
        if (out.empty()) out.reserve(static_cast<std::size_t>(PyList_GET_SIZE(given.ptr())));
        constexpr Py_ssize_t ahead = 16;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(given.ptr()); ++i) {
            if (i + ahead < PyList_GET_SIZE(given.ptr())) __builtin_prefetch(PyList_GET_ITEM(given.ptr(), i + ahead));
            out.push_back(quick_id(PyList_GET_ITEM(given.ptr(), i)));
        }
        return;
    }
#endif
    nb::object ids = nb::borrow(given);
    if (!is_list(ids)) {
        Array array;
        if (nb::try_cast(ids, array) && array.ndim() == 1 &&
            add_row(array.dtype(), array.data(), array.shape(0), array.stride(0), out))
            return;
        if (nb::hasattr(ids, "tolist")) ids = ids.attr("tolist")();
    }
    const Items items(ids, "ids");
    for (std::size_t i = 0; i < items.size(); ++i) out.push_back(quick_id(items[i].ptr()));
}

}  // namespace

std::vector<std::uint32_t> to_ids(nb::handle given) {
    std::vector<std::uint32_t> out;
    add_ids(given, out);
    return out;
}

IdRows to_id_rows(nb::handle given) {
    IdRows out;
    nb::object rows = nb::borrow(given);
    Array array;
    if (!is_list(rows) && nb::try_cast(rows, array) && array.ndim() == 2) {
        const auto* data = static_cast<const char*>(array.data());
        out.ids.reserve(array.size());
        bool done = true;
        for (std::size_t row = 0; done && row < array.shape(0); ++row, data += array.stride(0) * array.itemsize()) {
            done = add_row(array.dtype(), data, array.shape(1), array.stride(1), out.ids);
            out.starts.push_back(out.ids.size());
        }
        if (done) return out;
        out = {};
    }
    if (!is_list(rows) && nb::hasattr(rows, "tolist")) rows = rows.attr("tolist")();
    const Items items(rows, "ids");
    for (std::size_t i = 0; i < items.size(); ++i) {
        add_ids(items[i], out.ids);
        out.starts.push_back(out.ids.size());
    }
    return out;
}

Finder finder(nb::handle pattern) {
    if (PyUnicode_Check(pattern.ptr())) return literal(std::string(utf8(pattern)));
    if (PyTuple_Check(pattern.ptr())) {
        const auto [text, least] = nb::cast<std::pair<std::string, std::size_t>>(pattern);
        if (text.size() != 1 || least == 0)
            throw std::invalid_argument("a repeated character is one of ASCII, and its count at least 1.");
        return repeated(text[0], least);
    }
    if (nb::isinstance<Expression>(pattern))
        return [expression = nb::cast<std::shared_ptr<Expression>>(pattern)](
                   std::string_view text, std::vector<Span>& matches) { expression->find_all(text, matches); };
    return python_finder(nb::cast<nb::callable>(pattern));
}

Behavior behavior(std::string_view name) {
    return choice<Behavior>(name,
                            {{"removed", Behavior::removed},
                             {"isolated", Behavior::isolated},
                             {"merged_with_previous", Behavior::merged_with_previous},
                             {"merged_with_next", Behavior::merged_with_next},
                             {"contiguous", Behavior::contiguous}},
                            "behavior");
}

pre_tokenizers::Prepend prepend_scheme(std::string_view name) {
    using pre_tokenizers::Prepend;
    return choice<Prepend>(name, {{"always", Prepend::always}, {"never", Prepend::never}, {"first", Prepend::first}},
                           "prepend_scheme");
}

bool is_left(std::string_view name) { return choice<bool>(name, {{"left", true}, {"right", false}}, "direction"); }

}  // namespace bearhug::python
