// Row: one row of a batch, whose fields are read as attributes. There may be a hundred thousand of them, each read field
// by field, so this is a plain type of Python's C interface: made in 40 ns, and a field costs what its list costs.
#include "encoded.hpp"
#include "guarded.hpp"
#include "ints.hpp"
// Python's own headers first.
#include <structmember.h>

#include <cstddef>

namespace bearhug::python {

namespace {

struct Row {
    PyObject_HEAD
    PyObject* encoded;  // a PyEncoded, or None
    PyObject* mine;     // a dict of lists of its own; None or null: it is a row of `encoded`
    Py_ssize_t row;
};

Row* row_of(PyObject* self) { return reinterpret_cast<Row*>(self); }

// What a row is made of, held: another thread may change the row meanwhile.
struct Held {
    nb::object mine, encoded;  // one of the two

    explicit Held(PyObject* self) {
        const nb::ft_object_guard lock(self);
        if (PyObject* const own = row_of(self)->mine; own != nullptr && own != Py_None) {
            mine = nb::borrow(own);
        } else {
            encoded = nb::borrow(row_of(self)->encoded);
            if (!encoded.is_valid() || encoded.is_none()) throw std::runtime_error("this row belongs to no batch.");
        }
    }
    PyEncoded& rows() const { return *nb::inst_ptr<PyEncoded>(encoded); }
};

PyObject* new_row(PyTypeObject* type, PyObject* encoded, std::size_t row) {
    PyObject* const made = type->tp_alloc(type, 0);
    if (made == nullptr) throw nb::python_error();
    row_of(made)->encoded = Py_NewRef(encoded);
    row_of(made)->row = static_cast<Py_ssize_t>(row);
    return made;
}

struct Known {
    const char* name;
    std::optional<Field> field;  // none: tokens
};
constexpr Known ids{"ids", Field::ids}, tokens{"tokens", {}}, type_ids{"type_ids", Field::type_ids},
    attention_mask{"attention_mask", Field::attention_mask},
    special_tokens_mask{"special_tokens_mask", Field::special_tokens_mask}, offsets{"offsets", Field::offsets},
    word_ids{"word_ids", Field::word_ids}, sequence_ids{"sequence_ids", Field::sequence_ids};

PyObject* get(PyObject* self, void* closure) {
    return guarded([&]() -> PyObject* {
        const Known& known = *static_cast<const Known*>(closure);
        const Held held(self);
        if (held.mine.is_valid()) {
            if (known.field == Field::sequence_ids) return PyObject_CallMethod(self, "_own_sequence_ids", nullptr);
            return PySequence_List(nb::object(held.mine[known.name]).ptr());
        }
        PyEncoded& encoded = held.rows();
        const auto row = static_cast<std::size_t>(row_of(self)->row);
        const NoCollection quiet;
        return (known.field ? row_list(encoded, row, *known.field) : token_list(encoded, row)).release().ptr();
    });
}

PyObject* get_overflowing(PyObject* self, void*) {
    return guarded([&]() -> PyObject* {
        const Held held(self);
        if (held.mine.is_valid()) return PySequence_List(nb::object(held.mine["overflowing"]).ptr());
        const auto& samples = held.rows().data.samples;
        const auto row = static_cast<std::size_t>(row_of(self)->row);
        const auto sample = samples[row];
        nb::list out;
        if (row == 0 || samples[row - 1] != sample)
            for (std::size_t other = row + 1; other < samples.size() && samples[other] == sample; ++other)
                out.append(nb::steal(new_row(Py_TYPE(self), held.encoded.ptr(), other)));
        if (out.size() == 0) PyObject_GC_UnTrack(out.ptr());  // as nearly all are
        return out.release().ptr();
    });
}

Py_ssize_t length(PyObject* self) {
    Py_ssize_t size = -1;
    PyObject* const done = guarded([&]() -> PyObject* {
        const Held held(self);
        if (held.mine.is_valid()) {
            size = static_cast<Py_ssize_t>(nb::len(nb::object(held.mine["ids"])));
        } else {
            const auto& starts = held.rows().data.starts;
            const auto row = static_cast<std::size_t>(row_of(self)->row);
            size = static_cast<Py_ssize_t>(starts[row + 1] - starts[row]);
        }
        return Py_None;
    });
    return done == nullptr ? -1 : size;
}

void expect_encoded(PyObject* given) {
    if (!nb::isinstance<PyEncoded>(given))
        type_error("a row is one of an Encoded; this is a " + class_name(given) + ".");
}

PyObject* of(PyObject* type, PyObject* const* values, Py_ssize_t count) {
    return guarded([&]() -> PyObject* {
        if (count < 1 || count > 2) type_error("of() takes an Encoded and the number of a row.");
        expect_encoded(values[0]);
        const Py_ssize_t row = count > 1 ? PyLong_AsSsize_t(values[1]) : 0;
        if (row == -1 && PyErr_Occurred()) throw nb::python_error();
        const auto at = nb::inst_ptr<PyEncoded>(values[0])->row(row);
        return new_row(reinterpret_cast<PyTypeObject*>(type), values[0], at);
    });
}

// All rows of a batch; firsts: without those that truncation cut off.
PyObject* of_all(PyObject* type, PyObject* const* values, Py_ssize_t count) {
    return guarded([&]() -> PyObject* {
        if (count != 2) type_error("of_all() takes an Encoded, and whether overflowing rows are left out.");
        expect_encoded(values[0]);
        const bool firsts = PyObject_IsTrue(values[1]) == 1;
        const auto& samples = nb::inst_ptr<PyEncoded>(values[0])->data.samples;
        std::size_t rows = samples.size();
        for (std::size_t row = 1; firsts && row < samples.size(); ++row) rows -= samples[row] == samples[row - 1];
        const auto out = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(rows)));
        if (!out.is_valid()) throw nb::python_error();
        Py_ssize_t put = 0;
        for (std::size_t row = 0; row < samples.size(); ++row) {
            if (firsts && row > 0 && samples[row] == samples[row - 1]) continue;
            PyList_SET_ITEM(out.ptr(), put++, new_row(reinterpret_cast<PyTypeObject*>(type), values[0], row));
        }
        return Py_NewRef(out.ptr());
    });
}

void free_row(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    Py_XDECREF(row_of(self)->encoded);
    Py_XDECREF(row_of(self)->mine);
    type->tp_free(self);
    Py_DECREF(type);
}

void* closure(const Known& known) { return const_cast<Known*>(&known); }

PyGetSetDef attributes[] = {
    {"ids", get, nullptr, "The tokens' ids (T).", closure(ids)},
    {"tokens", get, nullptr, "The tokens as the vocabulary writes them (T).", closure(tokens)},
    {"type_ids", get, nullptr, "Which segment each token belongs to, as the model counts them (T).", closure(type_ids)},
    {"attention_mask", get, nullptr, "1 on tokens, 0 on padding (T).", closure(attention_mask)},
    {"special_tokens_mask", get, nullptr, "1 on tokens that were added around the text (T).",
     closure(special_tokens_mask)},
    {"offsets", get, nullptr, "Each token's first and last-but-one character in its text; (0, 0) on added tokens (T).",
     closure(offsets)},
    {"word_ids", get, nullptr, "Which word each token is part of; None on added tokens (T).", closure(word_ids)},
    {"words", get, nullptr, "The same as `word_ids`.", closure(word_ids)},
    {"sequence_ids", get, nullptr, "Which text of a pair each token comes from; None on added tokens (T).",
     closure(sequence_ids)},
    {"overflowing", get_overflowing, nullptr, "What truncation cut off this text, piece by piece.", nullptr},
    {},
};

PyMemberDef members[] = {
    {"_encoded", T_OBJECT, offsetof(Row, encoded), 0, nullptr},
    {"_mine", T_OBJECT, offsetof(Row, mine), 0, nullptr},
    {"_row", T_PYSSIZET, offsetof(Row, row), READONLY, nullptr},
    {},
};

template <class Function>
PyCFunction as_method(Function function) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"of", as_method(of), METH_FASTCALL | METH_CLASS, "A row of what the core encoded."},
    {"of_all", as_method(of_all), METH_FASTCALL | METH_CLASS, "All rows, or each text's first one, in a list."},
    {},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("A row of an Encoded.")},
    {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_row)},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {Py_sq_length, reinterpret_cast<void*>(length)},
    {0, nullptr},
};

PyType_Spec spec = {"bearhug.tokenizers._native.Row", sizeof(Row), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

void bind_row(nb::module_& m) {
    const auto type = nb::steal(PyType_FromModuleAndSpec(m.ptr(), &spec, nullptr));
    if (!type.is_valid()) throw nb::python_error();
    m.attr("Row") = type;
}

}  // namespace bearhug::python
