#include "unicode.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace bearhug::unicode {

void append(std::string& text, char32_t point) {
    if (point < 0x80) {
        text += static_cast<char>(point);
    } else if (point < 0x800) {
        const char bytes[] = {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 0x3F))};
        text.append(bytes, 2);
    } else if (point < 0x10000) {
        const char bytes[] = {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3F)),
                              static_cast<char>(0x80 | (point & 0x3F))};
        text.append(bytes, 3);
    } else {
        const char bytes[] = {static_cast<char>(0xF0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3F)),
                              static_cast<char>(0x80 | (point >> 6 & 0x3F)), static_cast<char>(0x80 | (point & 0x3F))};
        text.append(bytes, 4);
    }
}

std::string utf8(char32_t point) {
    std::string text;
    append(text, point);
    return text;
}

std::size_t count(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

bool is_ascii(std::string_view text) {
    const char* p = text.data();
    const char* end = p + text.size();
    for (; end - p >= 8; p += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, p, 8);
        if (eight & 0x8080808080808080u) return false;
    }
    for (; p < end; ++p)
        if (static_cast<unsigned char>(*p) >= 0x80) return false;
    return true;
}

namespace {

// Bytes of the well-formed character at `p`; 0 where there is none. `bad` is then the length of the maximal ill-formed
// part.
int well_formed(const unsigned char* p, const unsigned char* end, int& bad) {
    const unsigned char first = p[0];
    if (first < 0x80) return 1;
    bad = 1;
    if (first < 0xC2 || first > 0xF4) return 0;
    const int size = length(first);
    unsigned char low = 0x80, high = 0xBF;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
    for (int i = 1; i < size; ++i) {
        if (p + i == end || p[i] < low || p[i] > high) return 0;
        low = 0x80, high = 0xBF;
        bad = i + 1;
    }
    return size;
}

}  // namespace

bool is_valid(std::string_view text) {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* end = p + text.size();
    int bad = 0;
    while (p < end) {
        const int size = well_formed(p, end, bad);
        if (size == 0) return false;
        p += size;
    }
    return true;
}

std::string lossy(std::string_view bytes) {
    if (is_valid(bytes)) return std::string(bytes);
    std::string text;
    const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
    const auto* end = p + bytes.size();
    int bad = 0;
    while (p < end) {
        if (const int size = well_formed(p, end, bad)) {
            text.append(reinterpret_cast<const char*>(p), static_cast<std::size_t>(size));
            p += size;
        } else {
            append(text, 0xFFFD);
            p += bad;
        }
    }
    return text;
}

namespace {

template <std::size_t N, std::size_t M, std::size_t K>
std::u32string_view find(char32_t point, const char32_t (&points)[N], const std::uint16_t (&starts)[M],
                         const char32_t (&texts)[K]) {
    const auto* at = std::lower_bound(std::begin(points), std::end(points), point);
    if (at == std::end(points) || *at != point) return {};
    const std::size_t index = static_cast<std::size_t>(at - std::begin(points));
    return {texts + starts[index], static_cast<std::size_t>(starts[index + 1] - starts[index])};
}

int combining_class(char32_t point) {
    if (point < 0x300 || !is(point, moves_nfd)) return 0;
    const auto* at = std::lower_bound(std::begin(combining_points), std::end(combining_points), point);
    return at != std::end(combining_points) && *at == point ? combining_classes[at - std::begin(combining_points)] : 0;
}

// Hangul syllables are composed and decomposed by arithmetic (Unicode Standard, section 3.12).
constexpr char32_t syllable_base = 0xAC00, lead_base = 0x1100, vowel_base = 0x1161, tail_base = 0x11A7;
constexpr char32_t leads = 19, vowels = 21, tails = 28, syllables = leads * vowels * tails;

char32_t composed(char32_t first, char32_t second) {  // 0: the two do not compose
    if (first - lead_base < leads && second - vowel_base < vowels)
        return syllable_base + ((first - lead_base) * vowels + (second - vowel_base)) * tails;
    if (first - syllable_base < syllables && (first - syllable_base) % tails == 0 && second - tail_base - 1 < tails - 1)
        return first + (second - tail_base);
    const auto* low = std::lower_bound(std::begin(composed_first), std::end(composed_first), first);
    const auto* high = std::upper_bound(low, std::end(composed_first), first);
    const auto* seconds = composed_second + (low - std::begin(composed_first));
    const auto* seconds_end = composed_second + (high - std::begin(composed_first));
    const auto* at = std::lower_bound(seconds, seconds_end, second);
    return at != seconds_end && *at == second ? composed_whole[at - std::begin(composed_second)] : 0;
}

struct Mark : Changed {
    int order;
};

void decompose(std::string_view text, bool compatibly, std::vector<Mark>& out) {
    std::size_t pending = 0;  // from here on, marks that still have to be put in order
    auto settle = [&] {
        std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(pending), out.end(),
                         [](const Mark& a, const Mark& b) { return a.order < b.order; });
        pending = out.size();
    };
    auto push = [&](char32_t point, int change) {
        const int order = combining_class(point);
        if (order == 0) settle();
        out.push_back({{point, change}, order});
        if (order == 0) pending = out.size();
    };
    const char* p = text.data();
    const char* end = p + text.size();
    while (p < end) {
        const char32_t point = next(p);
        if (point < 0xA0) {
            push(point, 0);
            continue;
        }
        if (point - syllable_base < syllables) {
            const char32_t index = point - syllable_base;
            push(lead_base + index / (vowels * tails), 0);
            push(vowel_base + index % (vowels * tails) / tails, 1);
            if (index % tails) push(tail_base + index % tails, 1);
            continue;
        }
        std::u32string_view parts;
        if (compatibly) parts = find(point, compatible_points, compatible_starts, compatible_texts);
        if (parts.empty() && is(point, moves_nfd))
            parts = find(point, canonical_points, canonical_starts, canonical_texts);
        if (parts.empty()) {
            push(point, 0);
        } else {
            for (std::size_t i = 0; i < parts.size(); ++i) push(parts[i], i > 0);
        }
    }
    settle();
}

void recompose(const std::vector<Mark>& marks, std::vector<Changed>& out) {
    bool have_base = false;
    Changed base{};
    std::vector<Changed> waiting;  // marks behind the base that did not compose with it
    int last = 0;                  // the class of the last of them; 0: none
    auto flush = [&] {
        if (have_base) out.push_back(base);
        out.insert(out.end(), waiting.begin(), waiting.end());
        waiting.clear();
        last = 0;
    };
    for (const Mark& mark : marks) {
        if (!have_base) {
            if (mark.order != 0) {
                out.push_back(mark);
            } else {
                base = mark, have_base = true;
            }
            continue;
        }
        const bool blocked = !waiting.empty() && last >= mark.order;
        if (const char32_t whole = blocked ? 0 : composed(base.point, mark.point)) {
            base = {whole, base.change + mark.change - 1};
        } else if (mark.order == 0) {
            flush();
            base = mark;
        } else {
            waiting.push_back(mark);
            last = mark.order;
        }
    }
    flush();
}

}  // namespace

std::u32string_view lowercased(char32_t point) {
    return find(point, lowercase_points, lowercase_starts, lowercase_texts);
}

bool normal_form(std::string_view text, Form form, std::vector<Changed>& out) {
    out.clear();
    const bool compatibly = form == Form::nfkc || form == Form::nfkd;
    const bool composing = form == Form::nfc || form == Form::nfkc;
    if (is_ascii(text)) return false;
    if (!compatibly) {
        const int moves = composing ? moves_nfc : moves_nfd;
        const char* p = text.data();
        const char* end = p + text.size();
        bool still = true;
        while (p < end && still) still = !is(next(p), moves);
        if (still) return false;
    }
    std::vector<Mark> marks;
    decompose(text, compatibly, marks);
    if (composing) {
        recompose(marks, out);
    } else {
        out.assign(marks.begin(), marks.end());
    }
    return true;
}

}  // namespace bearhug::unicode
