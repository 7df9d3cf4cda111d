#include <algorithm>

#include "train.hpp"

namespace bearhug {

std::vector<std::string> train_word_level(WordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
                                          std::vector<std::string> special_tokens) {
    auto vocabulary = std::move(special_tokens);
    if (vocabulary.size() >= vocab_size) {
        vocabulary.resize(vocab_size);
        return vocabulary;
    }
    const std::size_t wanted = vocab_size - vocabulary.size();
    using Word = std::pair<std::uint64_t, std::string>;
    auto before = [](const Word& a, const Word& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    std::vector<Word> words;
    counts.each([&](std::string_view word, std::uint64_t times) {
        if (times < min_frequency) return;
        words.emplace_back(times, word);
        if (words.size() / 2 < std::max<std::size_t>(wanted, 1 << 16)) return;
        std::nth_element(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(wanted), words.end(), before);
        words.resize(wanted);
    });
    std::sort(words.begin(), words.end(), before);
    if (words.size() > wanted) words.resize(wanted);
    for (auto& [times, word] : words) vocabulary.push_back(std::move(word));
    return vocabulary;
}

}  // namespace bearhug
