#include "bytes.hpp"

#include "unicode.hpp"

namespace bearhug::bytes {

namespace {

struct Tables {
    std::array<char32_t, 256> chars;
    std::array<std::string, 256> texts;
    std::array<int, 0x180> back;

    Tables() {
        back.fill(-1);
        char32_t spare = 0x100;
        for (char32_t byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            chars[byte] = printable ? byte : spare++;
            texts[byte] = unicode::utf8(chars[byte]);
            back[chars[byte]] = static_cast<int>(byte);
        }
    }
};

const Tables& tables() {
    static const Tables made;
    return made;
}

}  // namespace

char32_t to_char(unsigned char byte) { return tables().chars[byte]; }
int to_byte(char32_t point) { return point < tables().back.size() ? tables().back[point] : -1; }
std::string_view to_utf8(unsigned char byte) { return tables().texts[byte]; }

bool unmap(std::string_view text, std::string& raw) {
    raw.clear();
    const char* end = text.data() + text.size();
    for (const char* p = text.data(); p < end;) {
        const int byte = to_byte(unicode::next(p));
        if (byte < 0) return false;
        raw += static_cast<char>(byte);
    }
    return true;
}

void append_raw(std::string_view text, std::string& raw) {
    const std::size_t before = raw.size();
    const char* end = text.data() + text.size();
    for (const char* p = text.data(); p < end;) {
        const int byte = to_byte(unicode::next(p));
        if (byte < 0) {
            raw.resize(before);
            raw += text;
            return;
        }
        raw += static_cast<char>(byte);
    }
}

}  // namespace bearhug::bytes
