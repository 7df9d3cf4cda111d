// Vocabulary and merges as Python holds them between reading a file and making a model.
#pragma once
#include "../tokenizer_file.hpp"
#include "convert.hpp"

namespace bearhug::python {

struct PyMerges {
    nb::bytes file;  // what the texts are views of
    FileMerges merges;
    Vocabulary vocabulary;  // that they were read for
    // The texts, which live as long as this.
    Merges texts() const;
};

// What `given` makes of the vocabulary's tokens. Throws std::invalid_argument where that is not what merges are.
Shared<MadeMerges> merges_of(const Vocabulary& vocabulary, nb::handle given, std::string_view prefix);

}  // namespace bearhug::python
