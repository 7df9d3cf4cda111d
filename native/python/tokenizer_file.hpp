// Vocabulary and merges as Python holds them between reading a file and making a model.
#pragma once
#include "../tokenizer_file.hpp"
#include "convert.hpp"

namespace bearhug::python {

struct PyMerges {
    nb::bytes file;  // what the texts are views of
    MergeTexts texts;
};

}  // namespace bearhug::python
