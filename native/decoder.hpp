// Decoders: the tokens' texts -> text.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "normalizer.hpp"

namespace bearhug {

class Decoder;
using DecoderPointer = std::shared_ptr<const Decoder>;

class Decoder {
 public:
    virtual ~Decoder() = default;
    // Changes the texts in place; in the end they are joined.
    virtual void apply(std::vector<std::string>& tokens) const = 0;

    // What it looks at: each token by itself (but for being the first or the last one), or more.
    enum class Way { each, joins, joins_bytes, joins_fallback, other };
    virtual Way way() const { return Way::other; }
    virtual bool heeds_first() const { return false; }
    virtual bool heeds_last() const { return false; }
    // What it makes of one token; only where it looks at each token by itself.
    virtual void change(std::string& /* token */, bool /* is_first */, bool /* is_last */) const {}
    virtual const std::vector<DecoderPointer>* parts() const { return nullptr; }  // of a sequence
    std::string json;
};

// A decoder as three steps: what happens to each token, how they are joined, what happens to the whole text.
struct DecodingPlan {
    std::vector<DecoderPointer> each;
    enum Join { plain, bytes, fallback } join = plain;
    std::vector<DecoderPointer> after;
    bool heeds_first = false, heeds_last = false;
};
// None where it is not of that kind. No decoder: a space between tokens.
std::optional<DecodingPlan> decoding_plan(const DecoderPointer& decoder);

// The byte that a token like <0x0A> stands for, -1: none.
int fallback_byte(std::string_view token);

// Spaces before punctuation and in contractions go, as the reference's WordPiece decoder and
// clean_up_tokenization_spaces do.
void clean_up(std::string& text);

namespace decoders {

std::shared_ptr<Decoder> byte_level();
std::shared_ptr<Decoder> wordpiece(std::string prefix, bool cleanup);
std::shared_ptr<Decoder> bpe(std::string suffix);
std::shared_ptr<Decoder> byte_fallback();
std::shared_ptr<Decoder> fuse();
std::shared_ptr<Decoder> replace(Finder find, std::string content);
std::shared_ptr<Decoder> strip(char32_t content, std::size_t start, std::size_t stop);
std::shared_ptr<Decoder> metaspace(std::string replacement, bool prepends);
std::shared_ptr<Decoder> ctc(std::string pad_token, std::string word_delimiter, bool cleanup);
std::shared_ptr<Decoder> sequence(std::vector<DecoderPointer> parts);

}  // namespace decoders
}  // namespace bearhug
