// The bulk of a tokenizer.json, read without an object a token: its vocabulary, its merges and its added tokens.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "added.hpp"
#include "model.hpp"
#include "vocabulary.hpp"

namespace bearhug {

// Merges of a file.
struct FileMerges {
    std::optional<Shared<MadeMerges>> made;  // of a vocabulary that was read before, if it has all their tokens
    Merges texts;                            // otherwise: views of the file, or of strings kept here
    std::deque<std::string> own;
    std::size_t size() const { return made ? (*made)->size() : texts.size(); }
};

struct TokenizerFile {
    std::string rest;  // the file, with an empty object or list where something was taken out
    std::optional<Vocabulary> vocabulary;
    std::optional<FileMerges> merges;
    std::optional<std::vector<std::pair<std::uint32_t, AddedToken>>> added;
};

// All three give nothing for what is not plain (see json.hpp). Views of `text` stay in what they give.
std::optional<TokenizerFile> read_tokenizer_file(std::string_view text);
std::optional<Vocabulary> read_vocabulary(std::string_view json);  // {"token": id, ...}
std::optional<FileMerges> read_merges(std::string_view lines);     // merges.txt

}  // namespace bearhug
