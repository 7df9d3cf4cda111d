// A batch of encoded texts: rows of tokens, one after another.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "draft.hpp"

namespace bearhug {

enum class Field { ids, type_ids, attention_mask, special_tokens_mask, offsets, word_ids, sequence_ids };

// Tokens of a row that are of one kind. Every field but ids, offsets and word_ids follows from these.
struct Run {
    // padding_of_first: padding that the reference counts to the sequence, where no post-processor marks its end
    enum Kind : std::uint8_t { first, second, special, padding, padding_of_first } kind;
    std::uint32_t type;
    std::uint32_t count;
};

struct Encoded {
    std::vector<std::uint32_t> ids;          // (N,)
    std::vector<std::int64_t> starts = {0};  // (R + 1,)
    std::vector<std::int64_t> samples;       // (R,): which text each row comes from
    std::vector<Run> runs;
    std::vector<std::int64_t> run_starts = {0};  // (R + 1,)

    // Only when tracked: in code points of the text or word; -1 where no word is meant.
    bool tracked = false;
    std::vector<Span> offsets;                 // (N,)
    std::vector<std::int32_t> words;           // (N,)
    std::map<std::size_t, std::string> texts;  // of tokens whose text is not the vocabulary's

    std::size_t rows() const { return samples.size(); }
    // One of the fields that follow from the runs, for the tokens of rows from to `to`; -1 stands for None.
    std::vector<std::int32_t> column(Field field, std::size_t from, std::size_t to) const;
    Encoded select(const std::vector<std::size_t>& rows) const;
};

}  // namespace bearhug
