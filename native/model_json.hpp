// The bulk of a tokenizer.json, written: a model's vocabulary and its merges.
#pragma once
#include <string>

#include "model.hpp"
#include "pages.hpp"

namespace bearhug {

struct JsonStyle {
    std::string_view comma = ", ", colon = ": ";
    bool lines = false;  // an item a line, as Python's json writes it with an indent of 2, within the model
};

using JsonText = PagedVector<char>;  // 30 MB for a large vocabulary: room for more is not filled beforehand

// token -> id in the order of the ids, or the pieces of a Unigram model and their scores.
JsonText vocabulary_json(const Model& model, const JsonStyle& style);
JsonText merges_json(const Model& model, const JsonStyle& style);

}  // namespace bearhug
