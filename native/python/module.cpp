// The module: the files of this folder are the only ones that know of Python. Flat arrays cross here, once per batch, and
// the interpreter's lock is released meanwhile.
#include "../noted.hpp"
#include "convert.hpp"

using namespace bearhug;
using namespace bearhug::python;

NB_MODULE(_native, m) {
#ifndef BEARHUG_SANITIZE
    // What a thread still holds while Python ends is no leak to tell users of.
    nb::set_leak_warnings(false);
#endif
    nb::register_exception_translator([](const std::exception_ptr& raised, void*) {
        try {
            std::rethrow_exception(raised);
        } catch (const NotedError& error) {
            auto made = nb::borrow(PyExc_ValueError)(error.what());
            made.attr("add_note")(error.note);
            PyErr_SetObject(PyExc_ValueError, made.ptr());
        }
    });
    m.doc() = "The tokenizer's compiled core.";
    bind_settings(m);
    bind_encoded(m);
    bind_row(m);
    bind_fields(m);
    bind_tokenizer_file(m);
    bind_components(m);
    bind_tokenizer(m);
    bind_training(m);
    bind_aligned(m);
    bind_linear(m);
    m.def(
        "clean_up_tokenization",
        [](std::string text) {
            clean_up(text);
            return to_str(text);
        },
        "text"_a, "Spaces before punctuation and contractions removed (`clean_up_tokenization_spaces`).");
}
