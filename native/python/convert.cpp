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
        throw std::invalid_argument(nb::cast<std::string>(nb::str(whole)) +
                                    " is no token id; ids run from 0 to 4294967294.");
    return static_cast<std::uint32_t>(id);
}

std::vector<std::uint32_t> to_ids(nb::handle given) {
    nb::object ids = nb::borrow(given);
    if (!PyList_Check(ids.ptr()) && !PyTuple_Check(ids.ptr()) && nb::hasattr(ids, "tolist")) ids = ids.attr("tolist")();
    const Items items(ids, "ids");
    std::vector<std::uint32_t> out(items.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = to_id(items[i]);
    return out;
}

Finder finder(nb::handle pattern) {
    if (PyUnicode_Check(pattern.ptr())) return literal(std::string(utf8(pattern)));
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
