// A text beside what it was made of.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "draft.hpp"
#include "normalizer.hpp"
#include "pretokenizer.hpp"

namespace bearhug {

// Normalizers rewrite the text, pre-tokenizers cut it, and each of its bytes remembers which bytes of the original it
// comes from. It holds copies of both: this is the way through Python, not the fast one.
class AlignedText {
 public:
    explicit AlignedText(std::string original);
    // What a draft holds: its whole text, or the pieces of it.
    explicit AlignedText(const Draft& draft);
    static std::vector<AlignedText> pieces_of(const Draft& draft, const std::vector<Span>& spans);

    const std::string& original() const { return original_; }
    const std::string& text() const { return text_; }
    // Where the original starts in the one that it was cut out of, in bytes.
    std::uint32_t shift() const { return shift_; }

    void apply(const Normalizer& normalizer);
    std::vector<AlignedText> split(const PreTokenizer& pre_tokenizer) const;
    // Draft::transform.
    void transform(const std::vector<unicode::Changed>& changes, std::size_t skipped);
    void append(std::string_view text);  // takes the origin of the last character
    void clear();

    AlignedText slice(Span bytes) const;
    // What bytes of the text stand for in the original; none: there are no such bytes.
    std::optional<Span> origin(Span bytes) const;

    // Puts the text in the place of the draft's, or these one after another; returns where each stands.
    static std::vector<Span> put(const std::vector<const AlignedText*>& texts, Draft& draft);

 private:
    AlignedText() = default;
    Draft draft() const;
    void take(const Draft& draft);

    std::string original_, text_;
    std::vector<Span> origins_;  // of each byte of the text, in bytes of the original
    std::uint32_t shift_ = 0;
};

}  // namespace bearhug
