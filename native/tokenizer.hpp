// The whole way from text to rows of tokens and back.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "added.hpp"
#include "decoder.hpp"
#include "decoding.hpp"
#include "encoded.hpp"
#include "model.hpp"
#include "normalizer.hpp"
#include "postprocessor.hpp"
#include "pretokenizer.hpp"

namespace bearhug {

struct Truncation {
    enum Strategy { longest_first, only_first, only_second };
    std::size_t max_length = 512;  // with the special tokens
    std::size_t stride = 0;        // tokens that the next overflowing row repeats
    Strategy strategy = longest_first;
    bool left = false;
};

// How many tokens of each sequence may stay where `limit` (max_length without the special tokens) may. Throws
// std::invalid_argument where the strategy cannot reach it.
std::pair<std::size_t, std::size_t> share(std::size_t first, std::size_t second, bool is_pair, std::size_t limit,
                                          const Truncation& truncation);

struct Padding {
    std::optional<std::size_t> length;  // none: the longest row
    std::optional<std::size_t> multiple;
    bool left = false;
    std::uint32_t id = 0, type = 0;
    std::string token = "[PAD]";
};

// Texts, or words of pre-split texts, one after another; each sample owns one range of them or two.
struct Batch {
    struct Sample {
        std::size_t first_begin, first_end, second_begin, second_end;
        bool is_pair;
    };
    std::vector<std::string_view> words;
    std::vector<Sample> samples;
    bool split_into_words = false;
};

struct Options {
    bool add_special_tokens = true;
    bool split_special_tokens = false;  // special tokens inside a text are ordinary text
    bool tracking = false;              // offsets and word ids are wanted
    bool overflow = true;               // rows of what truncation cuts off are wanted
    std::optional<Truncation> truncation;
    std::optional<Padding> padding;
    std::size_t threads = 0;  // 0: by the size of the batch and the machine
};

// A batch's offsets, from code points of its texts to bytes of their UTF-8.
std::vector<Span> byte_offsets(const Encoded& encoded, const Batch& batch);

class Bench;  // what one thread works with

// What the text of a token says: the bytes of a piece that it takes (see Model::Size; 0: it does not say), and the white
// space at its ends in characters (255: too much to say).
struct TokenSize {
    std::uint8_t first = 0, later = 0, leading = 255, trailing = 255;
};

// Everything that encoding reads. Never changed while shared: a change is made on a copy.
struct Parts {
    std::shared_ptr<const Model> model;
    NormalizerPointer normalizer;
    PreTokenizerPointer pre_tokenizer;
    PostProcessorPointer post_processor;
    DecoderPointer decoder;
    AddedVocabulary added;

    Parts();
    Parts(const Parts& other);
    ~Parts();
    Parts& operator=(const Parts&) = delete;

    // All throw std::invalid_argument for what the settings or the vocabulary do not allow.
    // known: what it gave for the same batch without tracking.
    Encoded encode(const Batch& batch, const Options& options, const Encoded* known = nullptr) const;
    // One text, neither cut nor padded nor tracked: what encode gives for a batch of it alone.
    Encoded encode_one(std::string_view text, const Options& options) const;
    // The same with tracking; known: what encode_one gave.
    Encoded track_one(std::string_view text, const Options& options, const Encoded& known) const;
    // One text's ids, special tokens included; visit reads them before this returns.
    void encode_ids(std::string_view text, const Options& options,
                    const std::function<void(const std::uint32_t*, std::size_t)>& visit) const;
    // Appends the text, as UTF-8; bytes that are none stand for U+FFFD. Whether all of it is ASCII.
    bool decode(const std::uint32_t* ids, std::size_t count, bool skip_special_tokens, TextBuffer& out) const;
    // Calls visit with each piece of a text that the model would see; added tokens are not looked for (this is for
    // training). bytes: the model is to see each byte of the piece as one of the characters of bytes.hpp.
    void each_piece(std::string_view text, const std::function<void(std::string_view piece, bool bytes)>& visit) const;

    // Tokens were added: what was made of the vocabulary before is forgotten.
    void forget();

    // By id, of pieces of characters or of bytes. Null: not yet, as too few bytes of text have been met to be worth it.
    const std::vector<TokenSize>* token_sizes(bool bytes, std::size_t met) const;

    // Whether a part asks where in the input the characters of a normalized text stand.
    bool reads_origins() const;

    std::optional<std::string_view> token(std::uint32_t id) const;
    std::uint32_t find(std::string_view token) const;
    std::size_t size(bool with_added) const;
    std::uint32_t id_limit() const;  // one more than the largest id

 private:
    const DecodingTable* decoding_table(std::size_t count) const;
    bool decode_one_by_one(const std::uint32_t* ids, std::size_t count, bool skip_special_tokens,
                           TextBuffer& out) const;
    [[noreturn]] void refuse(std::uint32_t id) const;
    struct Lazy;
    template <class Put>
    void encode_row(std::string_view text, const Options& options, Bench& bench, Put put) const;
    std::unique_ptr<Bench> take_bench() const;
    void put_back(std::unique_ptr<Bench> bench) const;
    std::unique_ptr<Lazy> lazy_;
};

}  // namespace bearhug
