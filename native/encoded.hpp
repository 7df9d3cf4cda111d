// A batch of encoded texts: rows of tokens, one after another.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "draft.hpp"
#include "pages.hpp"

namespace bearhug {

enum class Field { ids, type_ids, attention_mask, special_tokens_mask, offsets, word_ids, sequence_ids, byte_offsets };

// Whether a field is worked out from the text, not from ids and runs.
inline bool is_tracked(Field field) { return field == Field::offsets || field == Field::word_ids; }

// Tokens of a row that are of one kind. Every field but ids, offsets and word_ids follows from these.
struct Run {
    enum Kind : std::uint8_t { text, special, padding } kind;
    std::int8_t sequence;  // the number of the sequence that they are counted to; -1: none
    std::uint32_t type;
    std::uint32_t count;
    std::uint8_t source = 0;                // 1, 2: they were read in the sample's first or second text
    std::int32_t value(Field field) const;  // of a field that follows from the runs; -1 stands for None
};

struct Encoded {
    PagedVector<std::uint32_t> ids;          // (N,)
    std::vector<std::int64_t> starts = {0};  // (R + 1,)
    std::vector<std::int64_t> samples;       // (R,): which text each row comes from
    std::vector<Run> runs;
    std::vector<std::int64_t> run_starts = {0};  // (R + 1,)

    // Only when tracked: in code points of the text or word; -1 where no word is meant.
    bool tracked = false;
    PagedVector<Span> offsets;                 // (N,)
    std::vector<Span> byte_offsets;            // (N,) the same in bytes of UTF-8; empty where nobody wants them
    PagedVector<std::int32_t> words;           // (N,)
    std::map<std::size_t, std::string> texts;  // of tokens whose text is not the vocabulary's

    std::size_t rows() const { return samples.size(); }
    // A field that follows from the runs, of the tokens of rows from to `to`; -1 stands for None.
    template <class T>
    void write(Field field, std::size_t from, std::size_t to, T* out) const {
        for (auto i = run_starts[from]; i < run_starts[to]; ++i) {
            const Run& run = runs[static_cast<std::size_t>(i)];
            out = std::fill_n(out, run.count, static_cast<T>(run.value(field)));
        }
    }
    Encoded select(const std::vector<std::size_t>& rows) const;
};

}  // namespace bearhug
