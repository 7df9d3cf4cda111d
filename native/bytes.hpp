// The 256 characters that stand for bytes in a byte-level vocabulary (Radford et al. 2019): printable ones stand for
// themselves.
#pragma once
#include <array>
#include <string>
#include <string_view>

namespace bearhug::bytes {

char32_t to_char(unsigned char byte);
int to_byte(char32_t point);  // -1: the character stands for no byte
std::string_view to_utf8(unsigned char byte);

// Text written in these characters -> the bytes it stands for; false where a character stands for none.
bool unmap(std::string_view text, std::string& raw);
// Adds those bytes; where a character stands for none, the text as it is.
void append_raw(std::string_view text, std::string& raw);

}  // namespace bearhug::bytes
