// Grapheme clusters (Unicode Standard Annex 29) and scripts, as the reference library has them.
#pragma once
#include <cstdint>
#include <string_view>

namespace bearhug::unicode {

// Where the extended grapheme cluster that starts text[at..] ends. `at` must be the start of a cluster.
std::size_t cluster_end(std::string_view text, std::size_t at);

// Whether the character is a cluster of its own before any ASCII character, and behind one, but for \r\n.
bool stands_alone(char32_t point);

// A number for each script, as SentencePiece sees them (Hiragana and Katakana are Han); 0 joins all others.
std::uint8_t script(char32_t point);

}  // namespace bearhug::unicode
