// Learning a vocabulary from counted words.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer.hpp"

namespace bearhug {

// Pre-tokens and how often each was seen.
class WordCounts {
 public:
    // parts: its normalizer and pre-tokenizer cut what is fed; null: a text is one pre-token.
    explicit WordCounts(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
    void feed(const std::vector<std::string_view>& texts, std::size_t threads);
    void add(std::string_view word, std::uint64_t count);
    std::size_t size() const { return counts_.size(); }
    // In the order of the words' bytes, so that training does not depend on the order of texts or threads.
    std::vector<std::pair<std::string_view, std::uint64_t>> sorted() const;

 private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return hash_bytes(text); }
    };
    using Counts = std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>>;
    static void count(Counts& counts, std::string_view word, std::uint64_t times);

    std::shared_ptr<const Parts> parts_;
    Counts counts_;
};

struct BpeTraining {
    std::size_t vocab_size = 30000;
    std::uint64_t min_frequency = 0;
    std::vector<std::string> special_tokens;
    std::optional<std::size_t> limit_alphabet;
    std::vector<char32_t> initial_alphabet;
    std::optional<std::string> continuing_subword_prefix, end_of_word_suffix;
    std::optional<std::size_t> max_token_length;
};

struct Trained {
    std::vector<std::string> vocabulary;  // id after id
    std::vector<std::pair<std::uint32_t, std::uint32_t>> merges;
};

// Called now and then with (stage, done, total); an exception from it stops the training.
using Watch = std::function<void(std::string_view stage, std::size_t done, std::size_t total)>;

// The most frequent words behind the special tokens; of equally frequent ones the smaller bytes come first. A text may
// come twice: a later id replaces an earlier one.
std::vector<std::string> train_word_level(const WordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
                                          std::vector<std::string> special_tokens);

Trained train_bpe(const WordCounts& counts, const BpeTraining& settings, const Watch& watch);

}  // namespace bearhug
