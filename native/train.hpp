// Learning a vocabulary from counted words. Each trainer gives what the reference's of the same name gives, wherever
// that leaves nothing to chance.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train_counts.hpp"

namespace bearhug {

// Called now and then with (stage, done, total); an exception from it stops the training.
using Watch = std::function<void(std::string_view stage, std::size_t done, std::size_t total)>;

// Calls a watch at most every 50 milliseconds, and at the end of a stage.
class Teller {
 public:
    explicit Teller(const Watch& watch) : watch_(watch) {}
    void tell(std::string_view stage, std::size_t done, std::size_t total) {
        if (!watch_ || (done < total && ++skipped_ % 64 != 0)) return;
        const auto now = std::chrono::steady_clock::now();
        if (done < total && now - told_ < std::chrono::milliseconds(50)) return;
        told_ = now;
        watch_(stage, done, total);
    }

 private:
    const Watch& watch_;
    std::size_t skipped_ = 0;
    std::chrono::steady_clock::time_point told_;
};

struct BpeTraining {
    std::size_t vocab_size = 30000;
    std::uint64_t min_frequency = 0;
    std::vector<std::string> special_tokens;
    std::optional<std::size_t> limit_alphabet;
    std::vector<char32_t> initial_alphabet;
    std::optional<std::string> continuing_subword_prefix, end_of_word_suffix;
    std::optional<std::size_t> max_token_length;
    std::uint64_t least = 0;      // rarer words only count for the alphabet
    bool uses_up_counts = false;  // they are cleared as soon as they have been read
    std::size_t threads = 0;
};

struct TrainedBpe {
    std::vector<std::string> vocabulary;  // id after id
    std::vector<std::pair<std::uint32_t, std::uint32_t>> merges;
};

TrainedBpe train_bpe(WordCounts& counts, const BpeTraining& settings, const Watch& watch);

// Byte-pair encoding that takes turns among languages, so that each comes to about as few tokens for the same content
// (parity-aware BPE, Foroutan et al. 2025, arXiv:2508.04796). A turn merges the most frequent pair of the language that
// is worst off: the one with the most tokens in its development text, or with the least compression for its ratio; in
// all languages.
struct ParityTraining {
    BpeTraining bpe;  // its vocab_size is not looked at
    std::size_t num_merges = 32000;
    std::size_t global_merges = 0;  // so many come first, of the most frequent pairs of all languages together
    std::vector<double> ratio;      // of the languages; empty: none
    std::size_t window_size = 0;    // a language may only take alpha shares of the last so many turns; 0: as it comes
    double alpha = 2;
    bool total_symbols = false;  // the alphabet and the special tokens count as merges
};

TrainedBpe train_parity_bpe(const std::vector<WordCounts*>& languages, const std::vector<WordCounts*>& development,
                            const ParityTraining& settings, const Watch& watch);

struct UnigramTraining {
    std::size_t vocab_size = 8000;
    std::size_t reserved = 0;  // of them for special tokens
    std::vector<char32_t> initial_alphabet;
    double shrinking_factor = 0.75;
    std::size_t max_piece_length = 16, n_sub_iterations = 2, seed_size = 1'000'000;
    std::uint64_t least = 0;  // rarer words are not looked at
    bool uses_up_counts = false;
    std::size_t threads = 0;
};

// Pieces and their scores, the most likely first; special tokens are not among them. Throws std::invalid_argument where
// there are more characters than vocab_size.
std::vector<std::pair<std::string, double>> train_unigram(WordCounts& counts, const UnigramTraining& settings,
                                                          const Watch& watch);

// The most frequent words behind the special tokens; of equally frequent ones the smaller bytes come first. A text may
// come twice: a later id replaces an earlier one.
std::vector<std::string> train_word_level(WordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
                                          std::vector<std::string> special_tokens);

}  // namespace bearhug
