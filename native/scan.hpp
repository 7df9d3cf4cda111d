// The split patterns of the well-known tokenizers, compiled by hand: where do the pre-tokens of a text end? Every
// pattern covers every text without gaps, so pre-tokens follow one another. Regular expressions are as in
// tokenizer.json; what \p{L}, \p{N} and \s hold is in unicode_tables.hpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__x86_64__) && defined(__GNUC__)
#define BEARHUG_AVX2
#endif

namespace bearhug::scan {

using Mask = std::uint64_t;  // a bit for each of 64 bytes or characters

// What the patterns differ in. All are alternatives in this order: contractions, words, numbers, everything else, white
// space; `(?i:...)` and so on stand for 's|'t|'re|'ve|'m|'ll|'d.
struct Rules {
    enum Contractions : std::uint8_t {
        none,
        small,     // (...)| before all else
        any_case,  // (?i:...)| before all else
        at_words,  // (?i:...)? behind each word
    } contractions;
    enum Words : std::uint8_t {
        letters,            // \p{L}+
        letters_and_marks,  // [\p{L}\p{M}]+; marks are then nothing else
        // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|
        // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*
        cased,
    } words;
    // What a word takes along: a blank, as numbers do too (` ?\p{L}+| ?\p{N}+`), or any character but a line end
    // ([^\r\n\p{L}\p{N}]?).
    bool takes_blank;
    std::uint8_t digits;  // \p{N}{1,digits}; 0: any number
    bool digits_apart;    // they are cut out before the rest of the pattern is looked for
    enum Tail : std::uint8_t {
        no_tail,            // ` ?[^\s\p{L}\p{N}]+`, and white space is `\s+(?!\S)|\s+`
        lines,              // that with [\r\n]* behind it, and white space is `\s*[\r\n]+|\s+(?!\S)|\s+`
        lines_and_slashes,  // that with [\r\n/]*
    } tail;
};

// Where the pre-token that starts at `p` ends.
using Next = const char* (*)(const char* p, const char* end);

// Writes where the pre-tokens from `p` on end, counted from `begin`: at least one, at most `most`, which is 128 or more.
// Returns how many.
using Block = std::size_t (*)(const char* begin, const char* p, const char* end, std::uint32_t* ends, std::size_t most);

struct Pattern {
    std::string_view name;
    Next next;
    Block block;
};

const Pattern* by_name(std::string_view name);  // throws std::invalid_argument

// One after another: X(name, rules)
#define BEARHUG_PATTERNS(X)                                                                               \
    X(gpt2, (Rules{Rules::small, Rules::letters, true, 0, false, Rules::no_tail}))                        \
    X(cl100k, (Rules{Rules::any_case, Rules::letters, false, 3, false, Rules::lines}))                    \
    X(qwen2, (Rules{Rules::any_case, Rules::letters, false, 1, false, Rules::lines}))                     \
    X(qwen3_5, (Rules{Rules::any_case, Rules::letters_and_marks, false, 1, false, Rules::lines}))         \
    X(o200k, (Rules{Rules::at_words, Rules::cased, false, 3, false, Rules::lines_and_slashes}))           \
    X(tekken, (Rules{Rules::none, Rules::cased, false, 1, false, Rules::lines_and_slashes}))              \
    X(starcoder, (Rules{Rules::small, Rules::letters, true, 1, true, Rules::no_tail}))

}  // namespace bearhug::scan
