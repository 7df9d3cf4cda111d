// A text on its way through normalizers and pre-tokenizers, and where in the input each of its bytes comes from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "unicode.hpp"

namespace bearhug {

struct Span {
    std::uint32_t start, end;
    std::uint32_t size() const { return end - start; }
    bool operator==(const Span&) const = default;
};

// Rewriting appends to a second buffer (put, keep) and makes it the text (commit). Until something is rewritten the
// text is a view of the input. Origins are kept only when `tracking`: then every byte of a character has the origin of
// its character.
class Draft {
 public:
    // `input` must outlive the draft; its first byte is byte `base` of what offsets count from.
    void start(std::string_view input, std::uint32_t base, bool tracking);

    // A part of another draft's text, which must outlive this one.
    void start(const Draft& whole, Span part);

    // A text that was made of `input`, and where its bytes come from, counted as `base` is. Both texts must outlive the
    // draft.
    void start(std::string_view input, std::uint32_t base, std::string_view text, std::vector<Span> origins);

    // What the text was made of, and where its first byte stands in what offsets count from.
    std::string_view input() const { return input_; }
    std::uint32_t input_base() const { return input_base_; }

    std::string_view text() const { return text_; }
    // Byte i of the text stands for byte base() + i of the input, character by character.
    bool plain() const { return plain_; }
    std::uint32_t base() const { return base_; }
    bool tracking() const { return tracking_; }
    Span origin(std::size_t byte) const;
    // What the bytes from start to end stand for in the input.
    Span origin(Span bytes) const { return {origin(bytes.start).start, origin(bytes.end - 1).end}; }

    // A character that takes the place of the one at byte `from`, or shares its origin.
    void put(char32_t point, std::size_t from);
    void put(char32_t point, Span origin);
    void put_ascii(char byte, std::size_t from);
    void put(std::string_view characters, std::size_t from);
    void put(std::string_view characters, Span origin);
    void keep(std::size_t start, std::size_t end);  // those bytes as they are
    std::size_t written() const { return next_.size(); }
    void commit();
    void drop();  // what was put and kept

    // Another text, and where each of its bytes comes from.
    void rewrite(std::string&& text, std::vector<Span>&& origins);

    // An empty buffer for a text that is written at once, without origins, and for commit_in_place.
    std::string& buffer() { return next_.clear(), next_; }
    // The buffer is the text, changed byte for byte: every origin stays.
    void commit_in_place();

    // The reference's bookkeeping of a whole new text: `skipped` old code points are gone at its start.
    void transform(const std::vector<unicode::Changed>& changes, std::size_t skipped = 0);

 private:
    std::string_view text_, input_;
    std::uint32_t base_ = 0, input_base_ = 0;
    bool tracking_ = false;
    bool plain_ = true;
    std::string now_, next_;
    std::vector<Span> origins_, next_origins_;  // of now_, where not plain
};

}  // namespace bearhug
