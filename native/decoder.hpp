// Decoders: the tokens' texts -> text.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "normalizer.hpp"

namespace bearhug {

class Decoder {
 public:
    virtual ~Decoder() = default;
    // Changes the texts in place; in the end they are joined.
    virtual void apply(std::vector<std::string>& tokens) const = 0;
    virtual bool only_joins_bytes() const { return false; }  // of byte-level tokens
    std::string json;
};
using DecoderPointer = std::shared_ptr<const Decoder>;

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
