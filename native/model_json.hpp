// The bulk of a tokenizer.json, written: a model's vocabulary and its merges.
#pragma once
#include <string>

#include "model.hpp"

namespace bearhug {

struct JsonStyle {
    std::string_view comma = ", ", colon = ": ";
    bool lines = false;  // an item a line, as Python's json writes it with an indent of 2, within the model
};

// token -> id in the order of the ids, or the pieces of a Unigram model and their scores.
std::string vocabulary_json(const Model& model, const JsonStyle& style);
std::string merges_json(const Model& model, const JsonStyle& style);

}  // namespace bearhug
