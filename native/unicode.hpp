// Code points, their properties, and the normal forms (Unicode Standard Annex 15), as the reference library has them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unicode_tables.hpp"

namespace bearhug::unicode {

// An index of at most 255 distinct sets of properties; scanners map it to their own classes.
inline std::uint8_t kind(char32_t point) {
    return kind_in_block[block_of[point / block_size] * block_size + point % block_size];
}
inline std::uint16_t properties(char32_t point) { return kinds[kind(point)]; }
inline bool is(char32_t point, int wanted) { return (properties(point) & wanted) != 0; }

inline bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Bytes of the character that starts with `first`.
inline int length(unsigned char first) { return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4; }

// The code point at `p`, which is the start of a character of valid UTF-8; moves past it.
inline char32_t next(const char*& p) {
    const auto* b = reinterpret_cast<const unsigned char*>(p);
    if (b[0] < 0x80) return p += 1, b[0];
    if (b[0] < 0xE0) return p += 2, static_cast<char32_t>((b[0] & 0x1F) << 6 | (b[1] & 0x3F));
    if (b[0] < 0xF0) return p += 3, static_cast<char32_t>((b[0] & 0x0F) << 12 | (b[1] & 0x3F) << 6 | (b[2] & 0x3F));
    return p += 4,
           static_cast<char32_t>((b[0] & 0x07) << 18 | (b[1] & 0x3F) << 12 | (b[2] & 0x3F) << 6 | (b[3] & 0x3F));
}

// The code point that ends before `p`; moves to its start.
inline char32_t previous(const char*& p) {
    do --p;
    while (continues(*p));
    const char* at = p;
    return next(at);
}

void append(std::string& text, char32_t point);
std::string utf8(char32_t point);
std::size_t count(std::string_view text);  // code points
bool is_ascii(std::string_view text);
bool is_valid(std::string_view text);  // well-formed UTF-8, no surrogates
// Bytes -> UTF-8; what is no character becomes U+FFFD, one for each maximal ill-formed part.
std::string lossy(std::string_view bytes);

// Byte positions of a text, asked for mostly in rising order, as counts of code points.
class CodePoints {
 public:
    explicit CodePoints(std::string_view text) : text_(text), ascii_(is_ascii(text)) {}
    bool ascii() const { return ascii_; }
    std::uint32_t at(std::uint32_t byte) {
        if (ascii_) return byte;
        byte = byte < text_.size() ? byte : static_cast<std::uint32_t>(text_.size());
        if (byte > byte_ + 32) {
            points_ += static_cast<std::uint32_t>(count(text_.substr(byte_, byte - byte_)));
            byte_ = byte;
        }
        for (; byte_ < byte; ++byte_) points_ += !continues(text_[byte_]);
        for (; byte_ > byte; --byte_) points_ -= !continues(text_[byte_ - 1]);
        return points_;
    }

 private:
    std::string_view text_;
    bool ascii_;
    std::uint32_t byte_ = 0, points_ = 0;
};

std::u32string_view lowercased(char32_t point);  // empty: unchanged

enum class Form { nfc, nfd, nfkc, nfkd };

// A code point of a normalized text. change: 0 it takes the place of one old code point, 1 it is new,
// -n it takes the place of one and n more that followed are gone.
struct Changed {
    char32_t point;
    int change;
};

// The normal form of a text. False, and nothing in `out`, where a quick look shows that the text is in this form
// already.
bool normal_form(std::string_view text, Form form, std::vector<Changed>& out);

}  // namespace bearhug::unicode
