#include "train.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "threads.hpp"
#include "unicode.hpp"

namespace bearhug {

void WordCounts::count(Counts& counts, std::string_view word, std::uint64_t times) {
    const auto found = counts.find(word);
    if (found != counts.end()) {
        found->second += times;
    } else {
        counts.emplace(std::string(word), times);
    }
}

void WordCounts::add(std::string_view word, std::uint64_t times) { count(counts_, word, times); }

void WordCounts::feed(const std::vector<std::string_view>& texts, std::size_t threads) {
    std::size_t bytes = 0;
    for (const auto text : texts) bytes += text.size();
    if (threads == 0) threads = threads_for(bytes);
    threads = std::max<std::size_t>(1, std::min(threads, texts.size()));
    std::vector<Counts> others(threads - 1);
    in_threads(texts.size(), threads, [&](std::size_t i, std::size_t thread) {
        Counts& counts = thread == 0 ? counts_ : others[thread - 1];
        if (!parts_) return count(counts, texts[i], 1);
        parts_->each_piece(texts[i], [&](std::string_view piece) { count(counts, piece, 1); });
    });
    for (const auto& other : others)
        for (const auto& [word, times] : other) count(counts_, word, times);
}

std::vector<std::pair<std::string_view, std::uint64_t>> WordCounts::sorted() const {
    std::vector<std::pair<std::string_view, std::uint64_t>> out(counts_.begin(), counts_.end());
    std::sort(out.begin(), out.end());
    return out;
}

namespace {

using Pair = std::uint64_t;  // left symbol in the high half, right symbol in the low one

Pair pair_of(std::uint32_t left, std::uint32_t right) { return Pair{left} << 32 | right; }

// Pairs -> how often they stand in the words, each word as often as it was seen.
class PairCounts {
 public:
    std::int64_t& operator[](Pair pair) {
        if (2 * (used_ + 1) > cells_.size()) grow();
        Cell& cell = cells_[slot(pair)];
        if (cell.pair == none) {
            cell.pair = pair;
            ++used_;
        }
        return cell.count;
    }

 private:
    static constexpr Pair none = ~Pair{0};
    struct Cell {
        Pair pair = none;
        std::int64_t count = 0;
    };
    std::size_t slot(Pair pair) const {
        const std::size_t mask = cells_.size() - 1;
        const std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;
        std::size_t at = (hash ^ hash >> 32) & mask;
        while (cells_[at].pair != none && cells_[at].pair != pair) at = (at + 1) & mask;
        return at;
    }
    void grow() {
        std::vector<Cell> old(std::max<std::size_t>(1 << 12, cells_.size() * 2));
        old.swap(cells_);
        for (const Cell& cell : old)
            if (cell.pair != none) cells_[slot(cell.pair)] = cell;
    }
    std::vector<Cell> cells_;
    std::size_t used_ = 0;
};

struct Symbol {
    std::uint32_t id;
    std::uint32_t size;  // in characters
};

struct Word {
    std::size_t start;  // of its symbols
    std::uint32_t size;
    std::int64_t times;
};

// A pair that may be merged next, in the words where it was found. The most frequent comes first; of equals, that of
// older symbols.
struct Candidate {
    std::int64_t count;
    Pair pair;
    std::uint32_t words;  // index of the list of words
    bool operator<(const Candidate& other) const {
        return count != other.count ? count < other.count : pair > other.pair;
    }
};

class BpeTrainer {
 public:
    BpeTrainer(const WordCounts& counts, const BpeTraining& settings, const Watch& watch)
        : settings_(settings), watch_(watch), counted_(counts.sorted()) {}

    Trained train() {
        for (const auto& token : settings_.special_tokens) id_of(token);
        add_alphabet();
        read_words();
        find_pairs();
        merge_pairs();
        Trained out;
        out.vocabulary = std::move(tokens_);
        out.merges = std::move(merges_);
        return out;
    }

 private:
    std::uint32_t id_of(const std::string& token) {
        const auto [at, is_new] = ids_.try_emplace(token, static_cast<std::uint32_t>(tokens_.size()));
        if (is_new) tokens_.push_back(token);
        return at->second;
    }

    void tell(std::string_view stage, std::size_t done, std::size_t total) {
        const auto now = std::chrono::steady_clock::now();
        if (!watch_ || (done < total && now - told_ < std::chrono::milliseconds(50))) return;
        told_ = now;
        watch_(stage, done, total);
    }

    void add_alphabet() {
        std::unordered_map<char32_t, std::uint64_t> seen;
        for (const auto& [word, times] : counted_) {
            const char* const end = word.data() + word.size();
            for (const char* p = word.data(); p < end;) seen[unicode::next(p)] += times;
        }
        for (const char32_t point : settings_.initial_alphabet) seen[point] = std::numeric_limits<std::uint64_t>::max();
        std::vector<std::pair<char32_t, std::uint64_t>> kept(seen.begin(), seen.end());
        if (settings_.limit_alphabet && kept.size() > *settings_.limit_alphabet) {
            // Of equally frequent characters those with lower code points stay (in the reference it is chance).
            std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
                return a.second != b.second ? a.second > b.second : a.first < b.first;
            });
            kept.resize(*settings_.limit_alphabet);
        }
        std::sort(kept.begin(), kept.end());
        for (const auto& [point, times] : kept) id_of(unicode::utf8(point));
    }

    void read_words() {
        const auto& prefix = settings_.continuing_subword_prefix;
        const auto& suffix = settings_.end_of_word_suffix;
        std::string token;
        for (const auto& [word, times] : counted_) {
            const std::size_t start = symbols_.size();
            const char* const first = word.data();
            const char* const last = first + word.size();
            for (const char* p = first; p < last;) {
                const char* const from = p;
                p += unicode::length(static_cast<unsigned char>(*p));
                token.assign(from, p);
                if (!ids_.contains(token)) continue;  // not in the alphabet
                if (from > first && prefix) token.insert(0, *prefix);
                if (p == last && suffix) token += *suffix;
                symbols_.push_back({id_of(token), 1});
            }
            words_.push_back(
                {start, static_cast<std::uint32_t>(symbols_.size() - start), static_cast<std::int64_t>(times)});
            tell("read words", words_.size(), counted_.size());
        }
    }

    void find_pairs() {
        std::unordered_map<Pair, std::vector<std::uint32_t>> where;
        for (std::uint32_t i = 0; i < words_.size(); ++i) {
            const Word& word = words_[i];
            for (std::size_t at = word.start; at + 1 < word.start + word.size; ++at) {
                const Pair pair = pair_of(symbols_[at].id, symbols_[at + 1].id);
                counts_[pair] += word.times;
                auto& list = where[pair];
                if (list.empty() || list.back() != i) list.push_back(i);
            }
            tell("count pairs", i + 1, words_.size());
        }
        for (auto& [pair, list] : where) push(pair, std::move(list));
    }

    void push(Pair pair, std::vector<std::uint32_t>&& words) {
        const std::int64_t count = counts_[pair];
        if (count <= 0) return;
        queue_.push_back({count, pair, static_cast<std::uint32_t>(lists_.size())});
        lists_.push_back(std::move(words));
        std::push_heap(queue_.begin(), queue_.end());
    }

    void merge_pairs() {
        const std::size_t longest = settings_.max_token_length.value_or(std::numeric_limits<std::size_t>::max());
        std::unordered_map<Pair, std::vector<std::uint32_t>> found;
        while (tokens_.size() < settings_.vocab_size && !queue_.empty()) {
            std::pop_heap(queue_.begin(), queue_.end());
            Candidate& top = queue_.back();
            if (const std::int64_t now = counts_[top.pair]; top.count != now) {
                top.count = now;  // some of its places have gone since
                std::push_heap(queue_.begin(), queue_.end());
                continue;
            }
            const Candidate best = top;
            queue_.pop_back();
            if (best.count < 1 || static_cast<std::uint64_t>(best.count) < settings_.min_frequency) break;
            const auto left = static_cast<std::uint32_t>(best.pair >> 32),
                       right = static_cast<std::uint32_t>(best.pair);
            const std::uint32_t whole = id_of(joined(left, right));
            merges_.emplace_back(left, right);
            found.clear();
            const auto words = std::move(lists_[best.words]);
            lists_[best.words] = {};
            for (const std::uint32_t word : words) merge_in(word, left, right, whole, longest, found);
            for (auto& [pair, list] : found) push(pair, std::move(list));
            tell("merge", std::min(tokens_.size(), settings_.vocab_size), settings_.vocab_size);
        }
        tell("merge", settings_.vocab_size, settings_.vocab_size);
    }

    std::string joined(std::uint32_t left, std::uint32_t right) const {
        std::string_view tail = tokens_[right];
        if (const auto& prefix = settings_.continuing_subword_prefix; prefix && tail.starts_with(*prefix))
            tail.remove_prefix(prefix->size());
        return tokens_[left] + std::string(tail);
    }

    // Merges the pair wherever it stands in a word, and notes the pairs that this makes.
    void merge_in(std::uint32_t index, std::uint32_t left, std::uint32_t right, std::uint32_t whole,
                  std::size_t longest, std::unordered_map<Pair, std::vector<std::uint32_t>>& found) {
        Word& word = words_[index];
        Symbol* const symbols = symbols_.data() + word.start;
        auto made = [&](Pair pair) {
            counts_[pair] += word.times;
            auto& list = found[pair];
            if (list.empty() || list.back() != index) list.push_back(index);
        };
        std::uint32_t to = 0;
        for (std::uint32_t from = 0; from < word.size; ++from, ++to) {
            const bool here = from + 1 < word.size && symbols[from].id == left && symbols[from + 1].id == right;
            if (!here) {
                symbols[to] = symbols[from];
                continue;
            }
            const std::uint32_t size = symbols[from].size + symbols[from + 1].size;
            if (to > 0) {
                counts_[pair_of(symbols[to - 1].id, left)] -= word.times;
                if (std::size_t{symbols[to - 1].size} + size < longest) made(pair_of(symbols[to - 1].id, whole));
            }
            if (from + 2 < word.size) {
                counts_[pair_of(right, symbols[from + 2].id)] -= word.times;
                if (std::size_t{symbols[from + 2].size} + size < longest) made(pair_of(whole, symbols[from + 2].id));
            }
            symbols[to] = {whole, size};
            ++from;
        }
        word.size = to;
    }

    const BpeTraining& settings_;
    const Watch& watch_;
    std::vector<std::pair<std::string_view, std::uint64_t>> counted_;
    std::unordered_map<std::string, std::uint32_t> ids_;
    std::vector<std::string> tokens_;
    std::vector<Symbol> symbols_;
    std::vector<Word> words_;
    PairCounts counts_;
    std::vector<Candidate> queue_;  // a heap
    std::vector<std::vector<std::uint32_t>> lists_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> merges_;
    std::chrono::steady_clock::time_point told_;
};

}  // namespace

std::vector<std::string> train_word_level(const WordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
                                          std::vector<std::string> special_tokens) {
    auto words = counts.sorted();
    std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    auto vocabulary = std::move(special_tokens);
    for (const auto& [word, times] : words) {
        if (times < min_frequency || vocabulary.size() >= vocab_size) break;
        vocabulary.emplace_back(word);
    }
    if (vocabulary.size() > vocab_size) vocabulary.resize(vocab_size);
    return vocabulary;
}

Trained train_bpe(const WordCounts& counts, const BpeTraining& settings, const Watch& watch) {
    return BpeTrainer(counts, settings, watch).train();
}

}  // namespace bearhug
