// Fields: a batch's fields by name, made as lists when they are read. A short text's call, and the reading of its ids,
// are the most frequent things that a tokenizer is asked for: this is what `BatchEncoding` does most, in C.
#include "encoded.hpp"
#include "ints.hpp"
#include "guarded.hpp"
// Python's own headers first.
#include <structmember.h>

#include <atomic>
#include <cstddef>

namespace bearhug::python {

namespace {

struct Fields {
    PyObject_HEAD
    PyObject *values, *encoded, *whole, *n_sequences;
    bool has_own_attributes;  // somebody has set an attribute that is called as a field is

    std::atomic_ref<bool> own_attributes() { return std::atomic_ref(has_own_attributes); }
};

// Stand for a field that nobody has read yet: of a batch, or of a text that came alone. They are never freed.
PyObject *unread, *unread_row;

PyObject* reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(self == unread ? "UNREAD" : "UNREAD_ROW"); }

struct Known {
    std::string_view name;
    Field field;
};
constexpr Known known_fields[] = {{"input_ids", Field::ids},
                                  {"attention_mask", Field::attention_mask},
                                  {"token_type_ids", Field::type_ids},
                                  {"special_tokens_mask", Field::special_tokens_mask},
                                  {"offset_mapping", Field::offsets}};

const Known* known(PyObject* name) {
    Py_ssize_t size = 0;
    if (!PyUnicode_CheckExact(name) || !PyUnicode_IS_COMPACT_ASCII(name)) return nullptr;
    const char* const text = PyUnicode_AsUTF8AndSize(name, &size);
    for (const Known& one : known_fields)
        if (one.name == std::string_view(text, static_cast<std::size_t>(size))) return &one;
    return nullptr;
}

Fields* fields_of(PyObject* self) { return reinterpret_cast<Fields*>(self); }

PyObject* call(PyObject* self, const char* method, PyObject* value) {
    return PyObject_CallMethod(self, method, "(O)", value);
}

// A new reference. Null: there is none.
PyObject* value_of(PyObject* values, PyObject* name) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject* value = nullptr;
    if (PyDict_GetItemRef(values, name, &value) < 0) throw nb::python_error();
    return value;
#else
    PyObject* const value = PyDict_GetItemWithError(values, name);
    if (value == nullptr && PyErr_Occurred()) throw nb::python_error();
    return Py_XNewRef(value);
#endif
}

// Null, and no error: there is no such value.
PyObject* read(PyObject* self, PyObject* name) {
    const nb::ft_object_guard lock(self);
    // Both are held: another thread may set others where this one waits.
    const nb::object values = nb::borrow(fields_of(self)->values);
    if (!values.is_valid() || !PyDict_Check(values.ptr())) return nullptr;
    PyObject* const value = value_of(values.ptr(), name);
    if (value != unread && value != unread_row) return value;
    Py_DECREF(value);
    const Known* const one = known(name);
    const nb::object encoded = nb::borrow(fields_of(self)->encoded);
    if (one == nullptr || !encoded.is_valid() || encoded.is_none())
        throw std::runtime_error("a field of a batch that no tokenizer made.");
    auto& rows = *nb::inst_ptr<PyEncoded>(encoded);
    const Field field = one->field == Field::offsets && rows.has_byte_offsets ? Field::byte_offsets : one->field;
    const NoCollection quiet;
    nb::list made = value == unread_row ? row_list(rows, 0, field) : all_lists(rows, field);
    if (PyDict_SetItem(values.ptr(), name, made.ptr()) != 0) throw nb::python_error();
    return made.release().ptr();
}

PyObject* subscript(PyObject* self, PyObject* key) {
    return guarded([&]() -> PyObject* {
        if (!PyUnicode_CheckExact(key)) return call(self, "_item", key);
        PyObject* const value = read(self, key);
        return value != nullptr ? value : call(self, "_missing", key);
    });
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    return guarded([&]() -> PyObject* {
        if (!fields_of(self)->own_attributes().load(std::memory_order_relaxed) && known(name) != nullptr)
            if (PyObject* const value = read(self, name)) return value;
        if (PyObject* const found = PyObject_GenericGetAttr(self, name)) return found;
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
        nb::python_error original;  // takes the error out of Python
        if (PyObject* const value = read(self, name)) return value;
        return call(self, "_no_attribute", name);
    });
}

int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
    if (known(name) != nullptr) fields_of(self)->own_attributes().store(true, std::memory_order_relaxed);
    return PyObject_GenericSetAttr(self, name, value);
}

// of_one(encoded, with token_type_ids, with attention_mask): one text that came alone, each field a list of numbers.
PyObject* of_one(PyObject* type, PyObject* const* given, Py_ssize_t count) {
    return guarded([&]() -> PyObject* {
        static PyObject* const names[] = {PyUnicode_InternFromString("input_ids"),
                                          PyUnicode_InternFromString("token_type_ids"),
                                          PyUnicode_InternFromString("attention_mask")};
        static PyObject* const one = PyLong_FromLong(1);
        if (count != 3 || !nb::isinstance<PyEncoded>(given[0])) type_error("of_one() takes an Encoded and two bools.");
        auto* const made_type = reinterpret_cast<PyTypeObject*>(type);
        const nb::object made = nb::steal(made_type->tp_alloc(made_type, 0));
        if (!made.is_valid()) throw nb::python_error();
        Fields* const fields = fields_of(made.ptr());
        fields->encoded = Py_NewRef(given[0]);
        fields->whole = Py_NewRef(given[0]);
        fields->n_sequences = Py_NewRef(one);
        fields->values = PyDict_New();
        if (fields->values == nullptr) throw nb::python_error();
        for (Py_ssize_t i = 0; i < 3; ++i)
            if (i == 0 || given[i] == Py_True)
                if (PyDict_SetItem(fields->values, names[i], unread_row) != 0) throw nb::python_error();
        return Py_NewRef(made.ptr());
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(fields_of(self)->values);
    Py_VISIT(fields_of(self)->encoded);
    Py_VISIT(fields_of(self)->whole);
    Py_VISIT(fields_of(self)->n_sequences);
    return 0;
}

int clear(PyObject* self) {
    Py_CLEAR(fields_of(self)->values);
    Py_CLEAR(fields_of(self)->encoded);
    Py_CLEAR(fields_of(self)->whole);
    Py_CLEAR(fields_of(self)->n_sequences);
    return 0;
}

void free_fields(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

PyMethodDef unread_methods[] = {{"__reduce__", reduce, METH_NOARGS, "Pickled by its name."}, {}};
PyType_Slot unread_slots[] = {{Py_tp_doc, const_cast<char*>("Stands for a field that nobody has read yet.")},
                              {Py_tp_methods, unread_methods},
                              {0, nullptr}};
PyType_Spec unread_spec = {"bearhug.tokenizers._native.Unread", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, unread_slots};

PyMemberDef members[] = {
    {"_values", T_OBJECT, offsetof(Fields, values), 0, nullptr},
    {"_encoded", T_OBJECT, offsetof(Fields, encoded), 0, nullptr},
    {"_whole", T_OBJECT, offsetof(Fields, whole), 0, nullptr},
    {"_n_sequences", T_OBJECT, offsetof(Fields, n_sequences), 0, nullptr},
    {},
};

PyMethodDef methods[] = {
    {"of_one", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(of_one)), METH_FASTCALL | METH_CLASS,
     "One text that came alone: each field is its list."},
    {},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("Fields of a batch by name, made when they are read.")},
    {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
    {Py_tp_dealloc, reinterpret_cast<void*>(free_fields)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_getattro, reinterpret_cast<void*>(get_attribute)},
    {Py_tp_setattro, reinterpret_cast<void*>(set_attribute)},
    {Py_mp_subscript, reinterpret_cast<void*>(subscript)},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"bearhug.tokenizers._native.Fields", sizeof(Fields), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void bind_fields(nb::module_& m) {
    const auto unread_type = nb::steal(PyType_FromModuleAndSpec(m.ptr(), &unread_spec, nullptr));
    if (!unread_type.is_valid()) throw nb::python_error();
    m.attr("Unread") = unread_type;
    unread = unread_type().release().ptr();
    unread_row = unread_type().release().ptr();
    m.attr("UNREAD") = nb::handle(unread);
    m.attr("UNREAD_ROW") = nb::handle(unread_row);
    const auto type = nb::steal(PyType_FromModuleAndSpec(m.ptr(), &spec, nullptr));
    if (!type.is_valid()) throw nb::python_error();
    m.attr("Fields") = type;
}

}  // namespace bearhug::python
