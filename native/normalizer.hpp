// Normalizers: text -> text, before it is cut.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "draft.hpp"

namespace bearhug {

// Finds the matches of a regular expression: spans of bytes, in order, not overlapping. May throw.
using Finder = std::function<void(std::string_view text, std::vector<Span>& matches)>;

// Finds a literal text (an empty one before every character and at the end).
Finder literal(std::string pattern);

// Finds runs of at least so many, which is not 0, of an ASCII character.
Finder repeated(char character, std::size_t least);

class Normalizer {
 public:
    virtual ~Normalizer() = default;
    virtual void apply(Draft& draft) const = 0;
    // Whether it asks where in the input a character stands.
    virtual bool reads_origins() const { return false; }
    std::string json;  // how tokenizer.json describes it
};
using NormalizerPointer = std::shared_ptr<const Normalizer>;

namespace normalizers {

struct BertSettings {
    bool clean_text, handle_chinese_chars;
    std::optional<bool> strip_accents;  // none: as `lowercase`
    bool lowercase;
};
std::shared_ptr<Normalizer> bert(BertSettings settings);
std::shared_ptr<Normalizer> normal_form(unicode::Form form);
std::shared_ptr<Normalizer> lowercase();
std::shared_ptr<Normalizer> strip_accents();
std::shared_ptr<Normalizer> strip(bool left, bool right);
std::shared_ptr<Normalizer> replace(Finder find, std::string content);
std::shared_ptr<Normalizer> prepend(std::string text);
std::shared_ptr<Normalizer> byte_level();
std::shared_ptr<Normalizer> nmt();
// Throws std::invalid_argument where the block of bytes holds no charsmap.
std::shared_ptr<Normalizer> precompiled(std::string_view charsmap);
std::shared_ptr<Normalizer> sequence(std::vector<NormalizerPointer> parts);

}  // namespace normalizers
}  // namespace bearhug
