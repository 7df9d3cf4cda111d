#include "scan.hpp"

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "unicode.hpp"

namespace bearhug::scan {
namespace {

using unicode::letter, unicode::lower, unicode::number, unicode::space, unicode::upper;

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

// \s+(?!\S)|\s+ from `p`, whose white space ends at `run_end`: the last blank stays with the word behind it.
inline const char* blanks(const char* p, const char* run_end, const char* end) {
    if (run_end == end) return run_end;
    const char* last = run_end;
    unicode::previous(last);
    return last > p ? last : run_end;
}

// \s*[\r\n]+|\s+(?!\S)|\s+
inline const char* lines_or_blanks(const char* p, const char* end) {
    const char* run_end = run(p, end, space);
    for (const char* q = run_end; q > p; --q)
        if (line_break(q[-1])) return q;
    return blanks(p, run_end, end);
}

// 's 't 'm 'd 're 've 'll after the apostrophe at `p`; the long s is an s whatever the case. Null: none of them.
template <bool any_case>
inline const char* contraction(const char* p, const char* end) {
    if (end - p < 2) return nullptr;
    auto low = [](char c) { return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    const char first = low(p[1]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return p + 2;
    if (end - p < 3) return nullptr;
    const char second = low(p[2]);
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
        return p + 3;
    if (any_case && p[1] == '\xC5' && p[2] == '\xBF') return p + 3;
    return nullptr;
}

template <int digits>
inline const char* cl100k_like(const char* p, const char* end) {
    if (*p == '\'')
        if (const char* after = contraction<true>(p, end)) return after;
    const auto [first, after] = at(p);
    if (first & letter) return run(after, end, letter);
    if (first & number) {
        const char* q = after;
        for (int i = 1; i < digits && q < end; ++i) {
            const auto next = at(q);
            if (!(next.properties & number)) break;
            q = next.after;
        }
        return q;
    }
    if (!line_break(*p) && after < end && at(after).properties & letter) return run(after, end, letter);
    const char* other = *p == ' ' ? after : p;
    if (other < end) {
        const char* other_end = run_without(other, end, space | letter | number);
        if (other_end > other) {
            while (other_end < end && line_break(*other_end)) ++other_end;
            return other_end;
        }
    }
    return lines_or_blanks(p, end);
}

// o200k's words: capitals, then small letters (letters without case and marks are both), then a contraction. Null: no
// word.
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

inline const char* with_contraction(const char* p, const char* end) {
    if (p < end && *p == '\'')
        if (const char* after = contraction<true>(p, end)) return after;
    return p;
}

}  // namespace

const char* gpt2(const char* p, const char* end) {
    if (*p == '\'')
        if (const char* after = contraction<false>(p, end)) return after;
    const char* word = *p == ' ' && p + 1 < end ? p + 1 : p;
    const auto [first, after] = at(word);
    if (first & letter) return run(after, end, letter);
    if (first & number) return run(after, end, number);
    if (!(first & space)) return run_without(after, end, space | letter | number);
    return blanks(p, run(p, end, space), end);
}

const char* cl100k(const char* p, const char* end) { return cl100k_like<3>(p, end); }
const char* qwen2(const char* p, const char* end) { return cl100k_like<1>(p, end); }

const char* o200k(const char* p, const char* end) {
    const auto [first, after] = at(p);
    const bool prefix = !(first & (letter | number)) && !line_break(*p);
    if (prefix && after < end)
        if (const char* word = cased_word(after, end)) return with_contraction(word, end);
    if (first & (upper | lower))
        if (const char* word = cased_word(p, end)) return with_contraction(word, end);
    if (prefix && after < end) {
        const char* capitals = run(after, end, upper);
        if (capitals > after) return with_contraction(capitals, end);
    }
    if (first & upper) return with_contraction(run(p, end, upper), end);
    if (first & number) {
        const char* q = after;
        for (int i = 1; i < 3 && q < end; ++i) {
            const auto next = at(q);
            if (!(next.properties & number)) break;
            q = next.after;
        }
        return q;
    }
    const char* other = *p == ' ' ? after : p;
    if (other < end) {
        const char* other_end = run_without(other, end, space | letter | number);
        if (other_end > other) {
            while (other_end < end && (line_break(*other_end) || *other_end == '/')) ++other_end;
            return other_end;
        }
    }
    return lines_or_blanks(p, end);
}

Next by_name(std::string_view name) {
    if (name == "gpt2") return gpt2;
    if (name == "cl100k" || name == "llama3") return cl100k;
    if (name == "qwen2") return qwen2;
    if (name == "o200k") return o200k;
    throw std::invalid_argument("no split pattern is named '" + std::string(name) +
                                "'; there are gpt2, cl100k, llama3, qwen2, o200k.");
}

}  // namespace bearhug::scan
