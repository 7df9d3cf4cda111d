#include "json.hpp"

#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace bearhug {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_special(char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; }

#ifdef __SSE2__
unsigned spaces(__m128i block) {
    const auto is = [&](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is(' '), is('\n')), _mm_or_si128(is('\r'), is('\t')))));
}
unsigned specials(__m128i block) {
    const auto is = [&](char c) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(c)); };
    const auto control = _mm_cmpeq_epi8(_mm_max_epu8(block, _mm_set1_epi8(0x1F)), _mm_set1_epi8(0x1F));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(is('"'), is('\\')), control)));
}
#endif

}  // namespace

void JsonReader::skip_long_space() {
#ifdef __SSE2__
    while (end_ - p_ >= 16) {
        const unsigned other = ~spaces(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p_))) & 0xFFFF;
        if (other != 0) {
            p_ += std::countr_zero(other);
            return;
        }
        p_ += 16;
    }
#endif
    while (p_ < end_ && is_space(*p_)) ++p_;
}

const char* JsonReader::find_special(const char* p) const {
#ifdef __SSE2__
    for (; end_ - p >= 16; p += 16) {
        const unsigned found = specials(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
        if (found != 0) return p + std::countr_zero(found);
    }
#endif
    while (p < end_ && !is_special(*p)) ++p;
    return p;
}

bool JsonReader::string_as_it_is(std::string_view& out) {
    if (!take('"')) return false;
    const char* const start = p_;
    const char* const stop = find_special(start);
    if (stop == end_) return false;
    if (*stop == '\\') return unescape(start, out);
    if (*stop != '"') return false;
    p_ = stop + 1;
    out = {start, static_cast<std::size_t>(stop - start)};
    return true;
}

bool JsonReader::unescape(const char* start, std::string_view& out) {
    std::string text;
    auto unit = [&](const char* p, char32_t& value) {  // four hexadecimal digits
        if (end_ - p < 4) return false;
        value = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = p[i];
            const int digit = c >= '0' && c <= '9'   ? c - '0'
                              : c >= 'a' && c <= 'f' ? c - 'a' + 10
                              : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                     : -1;
            if (digit < 0) return false;
            value = value << 4 | static_cast<char32_t>(digit);
        }
        return true;
    };
    for (const char* p = start;;) {
        const char* const stop = find_special(p);
        text.append(p, stop);
        if (stop == end_) return false;
        if (*stop == '"') {
            p_ = stop + 1;
            break;
        }
        if (*stop != '\\' || end_ - stop < 2) return false;
        p = stop + 2;
        static constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
        if (const auto simple = names.find(stop[1]); simple != names.npos) {
            text += values[simple];
            continue;
        }
        char32_t point = 0, low = 0;
        if (stop[1] != 'u' || !unit(p, point)) return false;
        p += 4;
        if (point >= 0xD800 && point < 0xE000) {
            if (point >= 0xDC00 || end_ - p < 6 || p[0] != '\\' || p[1] != 'u' || !unit(p + 2, low)) return false;
            if (low < 0xDC00 || low >= 0xE000) return false;
            point = 0x10000 + ((point - 0xD800) << 10 | (low - 0xDC00));
            p += 6;
        }
        text += unicode::utf8(point);
    }
    own_.push_back(std::move(text));
    out = own_.back();
    return true;
}

bool JsonReader::number(std::uint32_t& out) {
    const char* const start = at();
    std::uint64_t value = 0;
    const char* p = start;
    for (; p < end_ && *p >= '0' && *p <= '9' && p - start < 11; ++p)
        value = value * 10 + static_cast<std::uint64_t>(*p - '0');
    if (p == start || (*start == '0' && p - start > 1) || value >= 1u << 31) return false;
    if (p < end_ && (*p == '.' || *p == 'e' || *p == 'E' || (*p >= '0' && *p <= '9'))) return false;
    p_ = p;
    out = static_cast<std::uint32_t>(value);
    return true;
}

bool JsonReader::boolean(bool& out) {
    const std::string_view rest(at(), static_cast<std::size_t>(end_ - p_));
    for (const auto& [name, value] : {std::pair<std::string_view, bool>{"true", true}, {"false", false}})
        if (rest.starts_with(name)) {
            p_ += name.size();
            out = value;
            return true;
        }
    return false;
}

bool JsonReader::skip() {
    std::size_t depth = 0;
    do {
        const char* p = at();
        if (p == end_) return false;
        switch (*p) {
            case '"':
                for (++p;; p += 2) {
                    p = find_special(p);
                    if (end_ - p < 2) return false;
                    if (*p == '"') break;
                    if (*p != '\\') return false;
                }
                p_ = p + 1;
                break;
            case '{':
            case '[':
                ++depth;
                ++p_;
                break;
            case '}':
            case ']':
                if (depth == 0) return false;
                --depth;
                ++p_;
                break;
            case ',':
            case ':':
                if (depth == 0) return false;
                ++p_;
                break;
            default:
                while (p < end_ && !is_space(*p) && *p != ',' && *p != ':' && *p != '}' && *p != ']' && *p != '"') ++p;
                p_ = p;
        }
    } while (depth > 0);
    return true;
}

}  // namespace bearhug
