// The split patterns of the well-known tokenizers, each compiled by hand to one function: where does the pre-token that
// starts at `p` end? Every pattern covers every text without gaps, so pre-tokens follow one another. Regular
// expressions are as in tokenizer.json; what \p{L}, \p{N} and \s hold is in unicode_tables.hpp.
#pragma once
#include <string_view>

namespace bearhug::scan {

using Next = const char* (*)(const char* p, const char* end);

//  's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
const char* gpt2(const char* p, const char* end);

//  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* cl100k(const char* p, const char* end);

//  cl100k's with \p{N} in the place of \p{N}{1,3}
const char* qwen2(const char* p, const char* end);

//  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|
//  \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* o200k(const char* p, const char* end);

Next by_name(std::string_view name);  // throws std::invalid_argument

}  // namespace bearhug::scan
