// Pre-tokens one at a time, character by character: any text, at any place. scan_block.hpp is the fast way.
#pragma once
#include <array>

#include "scan.hpp"
#include "unicode.hpp"

namespace bearhug::scan {
namespace {  // each file has its own, compiled for its processors

using unicode::digit, unicode::letter, unicode::lower, unicode::number, unicode::space, unicode::upper;

constexpr auto ascii = [] {
    std::array<std::uint16_t, 128> table{};
    for (std::size_t c = 0; c < 128; ++c)
        table[c] = unicode::kinds[unicode::kind_in_block[unicode::block_of[0] * 128 + c]];
    return table;
}();

struct At {
    std::uint16_t properties;
    const char* after;
};

inline At at(const char* p) {
    const auto byte = static_cast<unsigned char>(*p);
    if (byte < 0x80) return {ascii[byte], p + 1};
    const char* after = p;
    const auto properties = unicode::properties(unicode::next(after));
    return {properties, after};
}

// A mark or a letter: only these have `upper` or `lower`.
constexpr int word_properties(Rules rules) { return rules.words == Rules::letters ? letter : letter | upper | lower; }
// A number of a regular expression, or what the pre-tokenizer Digits knows as one.
constexpr int number_properties(Rules rules) { return rules.digits_apart ? digit : number; }
constexpr int other_properties(Rules rules) {
    return space | number_properties(rules) | (rules.words == Rules::letters_and_marks ? word_properties(rules) : letter);
}

// Past all characters that have one of the `wanted` properties.
inline const char* run(const char* p, const char* end, int wanted) {
    while (p < end) {
        const auto [properties, after] = at(p);
        if (!(properties & wanted)) break;
        p = after;
    }
    return p;
}

// Past all characters that have none of the properties.
inline const char* run_without(const char* p, const char* end, int unwanted) {
    while (p < end) {
        const auto [properties, after] = at(p);
        if (properties & unwanted) break;
        p = after;
    }
    return p;
}

inline bool line_break(char byte) { return byte == '\r' || byte == '\n'; }

// 's 't 'm 'd 're 've 'll after the apostrophe at `p`; the long s is an s whatever the case. Null: none of them.
inline const char* contraction(bool any_case, const char* p, const char* end) {
    if (end - p < 2) return nullptr;
    auto low = [&](char c) { return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    const char first = low(p[1]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return p + 2;
    if (end - p < 3) return nullptr;
    const char second = low(p[2]);
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
        return p + 3;
    if (any_case && p[1] == '\xC5' && p[2] == '\xBF') return p + 3;
    return nullptr;
}

// \s+(?!\S)|\s+ from `p`, whose white space ends at `run_end`: the last blank stays with the word behind it.
template <Rules rules>
const char* blanks(const char* p, const char* run_end, const char* end) {
    if (run_end == end || (rules.digits_apart && at(run_end).properties & digit)) return run_end;
    const char* last = run_end;
    unicode::previous(last);
    return last > p ? last : run_end;
}

template <Rules rules>
const char* white_space(const char* p, const char* end) {
    const char* run_end = run(p, end, space);
    if (rules.tail != Rules::no_tail)
        for (const char* q = run_end; q > p; --q)
            if (line_break(q[-1])) return q;
    return blanks<rules>(p, run_end, end);
}

template <Rules rules>
const char* digits(const char* after_first, const char* end) {
    if (rules.digits == 0) return run(after_first, end, number_properties(rules));
    const char* p = after_first;
    for (int i = 1; i < rules.digits && p < end; ++i) {
        const auto next = at(p);
        if (!(next.properties & number_properties(rules))) break;
        p = next.after;
    }
    return p;
}

// Capitals, then small letters (letters without case and marks are both). Null: no such word.
inline const char* cased_word(const char* p, const char* end) {
    const char* capitals = run(p, end, upper);
    const char* word = run(capitals, end, lower);
    if (word > capitals) return word;
    // No small letter follows: the capitals give back as far as the last one that can also be small.
    for (const char* q = capitals; q > p;) {
        const char* after = q;
        if (unicode::is(unicode::previous(q), lower)) return after;
    }
    return nullptr;
}

template <Rules rules>
const char* with_contraction(const char* p, const char* end) {
    if (rules.contractions == Rules::at_words && p < end && *p == '\'')
        if (const char* after = contraction(true, p, end)) return after;
    return p;
}

// The word at `p`, whose first character is `first`, with what it takes along. Null: there is none.
template <Rules rules>
const char* word(const char* p, const char* end, At first) {
    const bool takes = rules.takes_blank ? *p == ' ' : !(first.properties & (letter | number)) && !line_break(*p);
    const char* behind = takes && first.after < end ? first.after : nullptr;
    if constexpr (rules.words == Rules::cased) {
        if (behind)
            if (const char* after = cased_word(behind, end)) return with_contraction<rules>(after, end);
        if (first.properties & (upper | lower))
            if (const char* after = cased_word(p, end)) return with_contraction<rules>(after, end);
        if (behind) {
            const char* capitals = run(behind, end, upper);
            if (capitals > behind) return with_contraction<rules>(capitals, end);
        }
        if (first.properties & upper) return with_contraction<rules>(run(p, end, upper), end);
    } else {
        constexpr int wanted = word_properties(rules);
        if (first.properties & wanted) return run(first.after, end, wanted);
        if (behind) {
            const char* after = run(behind, end, wanted);
            if (after > behind) return after;
        }
    }
    return nullptr;
}

template <Rules rules>
const char* next(const char* p, const char* end) {
    if ((rules.contractions == Rules::small || rules.contractions == Rules::any_case) && *p == '\'')
        if (const char* after = contraction(rules.contractions == Rules::any_case, p, end)) return after;
    const At first = at(p);
    if (const char* after = word<rules>(p, end, first)) return after;
    if (first.properties & number_properties(rules)) return digits<rules>(first.after, end);
    const char* other = *p == ' ' ? first.after : p;
    if (other < end) {
        if (rules.digits == 0 && other > p)
            if (const auto second = at(other); second.properties & number) return digits<rules>(second.after, end);
        const char* other_end = run_without(other, end, other_properties(rules));
        if (other_end > other) {
            if (rules.tail != Rules::no_tail)
                while (other_end < end &&
                       (line_break(*other_end) || (rules.tail == Rules::lines_and_slashes && *other_end == '/')))
                    ++other_end;
            return other_end;
        }
    }
    return white_space<rules>(p, end);
}

}  // namespace
}  // namespace bearhug::scan
