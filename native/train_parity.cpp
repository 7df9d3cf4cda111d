// Byte-pair encoding for several languages at once; see train.hpp.
#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <queue>
#include <set>
#include <tuple>
#include <unordered_map>

#include "train.hpp"
#include "unicode.hpp"

namespace bearhug {

namespace {

using Symbols = std::vector<std::uint32_t>;
using Pair = std::uint64_t;  // left symbol in the high half, right symbol in the low one

Pair pair_of(std::uint32_t left, std::uint32_t right) { return Pair{left} << 32 | right; }

struct Word {
    Symbols symbols;
    std::vector<std::uint32_t> sizes;  // of the symbols, in characters
    std::int64_t times;
};

// A pair and how often it was there when it was noted. The most frequent first; of equals that whose texts sort last.
struct Candidate {
    std::int64_t count;
    Pair pair;
    std::string left, right;
    bool operator<(const Candidate& other) const {
        if (count != other.count) return count < other.count;
        return std::tie(left, right) < std::tie(other.left, other.right);
    }
};

struct Pairs {
    std::unordered_map<Pair, std::int64_t> counts;
    std::priority_queue<Candidate> queue;
};

struct Language : Pairs {
    std::vector<Word> words;
    std::unordered_map<Pair, std::vector<std::uint32_t>> where;  // words
    std::int64_t length = 0;                                     // in tokens, of the text that decides whose turn it is
    double first_length = 0;
    bool exhausted = false;
};

class ParityTrainer {
 public:
    ParityTrainer(const ParityTraining& settings, const Watch& watch)
        : settings_(settings), bpe_(settings.bpe), teller_(watch) {}

    TrainedBpe train(const std::vector<WordCounts*>& languages, const std::vector<WordCounts*>& development) {
        for (const auto& token : bpe_.special_tokens) id_of(token);
        add_alphabet(languages, development);
        languages_.resize(languages.size());
        for (std::size_t i = 0; i < languages.size(); ++i) read(*languages[i], languages_[i]);
        if (settings_.global_merges > 0) count_together();
        measure(development);
        std::size_t wanted = settings_.num_merges;
        if (settings_.total_symbols) wanted -= std::min(wanted, tokens_.size());
        while (merges_.size() < wanted) {
            const bool together = merges_.size() < settings_.global_merges;
            const std::size_t turn = together ? 0 : next_turn();
            if (turn == languages_.size()) break;
            const auto best = take_best(together ? together_ : languages_[turn]);
            if (best && static_cast<std::uint64_t>(best->count) >= bpe_.min_frequency) {
                merge(best->pair);
            } else if (together) {
                break;
            } else {
                languages_[turn].exhausted = true;
            }
            teller_.tell("merge", merges_.size(), wanted);
        }
        teller_.tell("merge", wanted, wanted);
        TrainedBpe trained;
        tokens_.each([&](std::string_view token, std::uint32_t) { trained.vocabulary.emplace_back(token); });
        trained.merges = std::move(merges_);
        return trained;
    }

 private:
    std::uint32_t id_of(const std::string& token) {
        std::uint32_t id = tokens_.find(token);
        if (id == no_id) tokens_.add(token, id = static_cast<std::uint32_t>(tokens_.size()));
        return id;
    }

    void add_alphabet(const std::vector<WordCounts*>& languages, const std::vector<WordCounts*>& development) {
        std::map<char32_t, std::uint64_t> seen;
        for (const auto* texts : {&languages, &development})
            for (WordCounts* counts : *texts)
                counts->each([&](std::string_view word, std::uint64_t times) {
                    for (const char *p = word.data(), *end = p + word.size(); p < end;) seen[unicode::next(p)] += times;
                });
        for (const char32_t point : bpe_.initial_alphabet) seen[point] = std::numeric_limits<std::uint64_t>::max();
        std::vector<std::pair<char32_t, std::uint64_t>> kept(seen.begin(), seen.end());
        if (bpe_.limit_alphabet && kept.size() > *bpe_.limit_alphabet) {
            std::stable_sort(kept.begin(), kept.end(),
                             [](const auto& a, const auto& b) { return a.second > b.second; });
            kept.resize(*bpe_.limit_alphabet);
            std::sort(kept.begin(), kept.end());
        }
        for (const auto& [point, times] : kept) id_of(unicode::utf8(point));
    }

    // The symbols of a word. Characters outside of the alphabet go; where `adds` is false, they or a form that is not
    // known make the word useless: it is then empty.
    Symbols symbols_of(std::string_view word, bool adds) {
        Symbols symbols;
        const char *const first = word.data(), *const last = first + word.size();
        for (const char* p = first; p < last;) {
            const char* const from = p;
            p += unicode::length(static_cast<unsigned char>(*p));
            std::string token(from, p);
            const bool known = tokens_.find(token) != no_id;
            if (from > first && bpe_.continuing_subword_prefix) token.insert(0, *bpe_.continuing_subword_prefix);
            if (p == last && bpe_.end_of_word_suffix) token += *bpe_.end_of_word_suffix;
            if (known && (adds || tokens_.find(token) != no_id)) {
                symbols.push_back(id_of(token));
            } else if (!adds) {
                return {};
            }
        }
        return symbols;
    }

    void read(WordCounts& counts, Language& language) {
        counts.each([&](std::string_view word, std::uint64_t times) {
            Symbols symbols = symbols_of(word, true);
            std::vector<std::uint32_t> sizes(symbols.size(), 1);
            language.words.push_back({std::move(symbols), std::move(sizes), static_cast<std::int64_t>(times)});
        });
        for (std::uint32_t i = 0; i < language.words.size(); ++i) {
            const Word& word = language.words[i];
            for (std::size_t at = 0; at + 1 < word.symbols.size(); ++at) {
                const Pair pair = pair_of(word.symbols[at], word.symbols[at + 1]);
                language.counts[pair] += word.times;
                note(language.where[pair], i);
            }
        }
        for (const auto& [pair, count] : language.counts) push(language, pair, count);
    }

    static void note(std::vector<std::uint32_t>& words, std::uint32_t word) {
        if (words.empty() || words.back() != word) words.push_back(word);
    }

    void push(Pairs& pairs, Pair pair, std::int64_t count) const {
        if (count <= 0) return;
        const auto left = static_cast<std::uint32_t>(pair >> 32), right = static_cast<std::uint32_t>(pair);
        pairs.queue.push({count, pair, std::string(tokens_.token(left)), std::string(tokens_.token(right))});
    }

    void count_together() {
        for (const Language& language : languages_)
            for (const auto& [pair, count] : language.counts) together_.counts[pair] += count;
        for (const auto& [pair, count] : together_.counts) push(together_, pair, count);
    }

    void measure(const std::vector<WordCounts*>& development) {
        by_development_ = !development.empty() && settings_.ratio.empty();
        for (Language& language : languages_) {
            for (const Word& word : language.words)
                language.length += word.times * static_cast<std::int64_t>(word.symbols.size());
            language.first_length = static_cast<double>(language.length);
            if (by_development_) language.length = 0;
        }
        if (!by_development_) return;
        for (std::size_t i = 0; i < development.size(); ++i)
            development[i]->each([&](std::string_view word, std::uint64_t times) {
                Symbols symbols = symbols_of(word, false);
                if (symbols.empty()) return;
                languages_[i].length += static_cast<std::int64_t>(symbols.size() * times);
                auto& here = development_[std::move(symbols)];
                here.resize(languages_.size(), 0);
                here[i] += static_cast<std::int64_t>(times);
            });
    }

    // The language whose turn it is; as many as there are languages: none has a pair left.
    std::size_t next_turn() {
        constexpr double never = -std::numeric_limits<double>::infinity();
        if (std::all_of(languages_.begin(), languages_.end(), [](const auto& one) { return one.exhausted; }))
            return languages_.size();
        std::vector<double> need;  // the greatest is next
        for (std::size_t i = 0; i < languages_.size(); ++i) {
            const auto length = static_cast<double>(languages_[i].length);
            const double compression = languages_[i].first_length / length;
            const double here = settings_.ratio.empty() ? length : -compression / settings_.ratio[i];
            need.push_back(languages_[i].exhausted ? never : here);
        }
        if (settings_.window_size == 0) {
            std::size_t best = 0;
            while (languages_[best].exhausted) ++best;
            double most = never;
            for (std::size_t i = 0; i < need.size(); ++i)
                if (need[i] > most) most = need[best = i];
            return best;
        }
        const double share = settings_.alpha / static_cast<double>(languages_.size());
        std::vector<bool> out;  // of the choice: exhausted, or asked before
        for (const Language& language : languages_) out.push_back(language.exhausted);
        for (;;) {
            std::size_t best = 0;
            double most = never;
            for (std::size_t i = 0; i < need.size(); ++i)
                if (!out[i] && need[i] > most) most = need[best = i];
            const auto taken = static_cast<double>(std::count(turns_.begin(), turns_.end(), best));
            out[best] = true;
            if (taken / static_cast<double>(settings_.window_size) <= share ||
                std::find(out.begin(), out.end(), false) == out.end()) {
                turns_.push_back(best);
                if (turns_.size() > settings_.window_size) turns_.pop_front();
                return best;
            }
        }
    }

    static std::optional<Candidate> take_best(Pairs& pairs) {
        while (!pairs.queue.empty()) {
            Candidate top = pairs.queue.top();
            pairs.queue.pop();
            const std::int64_t now = pairs.counts[top.pair];
            if (now <= 0) continue;
            if (top.count == now) return top;
            top.count = now;
            pairs.queue.push(std::move(top));
        }
        return std::nullopt;
    }

    void merge(Pair pair) {
        const auto left = static_cast<std::uint32_t>(pair >> 32), right = static_cast<std::uint32_t>(pair);
        std::string_view tail = tokens_.token(right);
        if (const auto& prefix = bpe_.continuing_subword_prefix; prefix && tail.starts_with(*prefix))
            tail.remove_prefix(prefix->size());
        const std::uint32_t whole = id_of(std::string(tokens_.token(left)).append(tail));
        merges_.emplace_back(left, right);
        std::set<Pair> changed_anywhere;
        for (Language& language : languages_) {
            const auto changed = merge_in(language, left, right, whole);
            for (const Pair each : changed) push(language, each, language.counts[each]);
            if (settings_.global_merges > 0) changed_anywhere.insert(changed.begin(), changed.end());
        }
        if (settings_.global_merges > 0) {
            changed_anywhere.insert(pair);
            for (const Pair each : changed_anywhere) {
                std::int64_t sum = 0;
                for (Language& language : languages_)
                    if (const auto found = language.counts.find(each); found != language.counts.end())
                        sum += found->second;
                together_.counts[each] = std::max<std::int64_t>(sum, 0);
                push(together_, each, sum);
            }
        }
        if (by_development_) merge_in_development(left, right, whole);
    }

    // The pairs whose counts change.
    std::set<Pair> merge_in(Language& language, std::uint32_t left, std::uint32_t right, std::uint32_t whole) {
        std::set<Pair> changed;
        const auto found = language.where.find(pair_of(left, right));
        if (found == language.where.end()) return changed;
        const auto words = std::move(found->second);
        language.where.erase(found);
        const std::size_t longest = bpe_.max_token_length.value_or(std::numeric_limits<std::size_t>::max());
        for (const std::uint32_t index : words) {
            Word& word = language.words[index];
            const std::size_t before = word.symbols.size();
            auto change = [&](std::uint32_t a, std::uint32_t b, std::int64_t sign) {
                const Pair pair = pair_of(a, b);
                language.counts[pair] += sign * word.times;
                if (sign > 0) note(language.where[pair], index);
                changed.insert(pair);
            };
            auto& symbols = word.symbols;
            for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
                if (symbols[i] != left || symbols[i + 1] != right) continue;
                const std::uint32_t size = word.sizes[i] + word.sizes[i + 1];
                if (i > 0) {
                    change(symbols[i - 1], left, -1);
                    if (std::size_t{word.sizes[i - 1]} + size < longest) change(symbols[i - 1], whole, 1);
                }
                symbols[i] = whole;
                word.sizes[i] = size;
                symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                word.sizes.erase(word.sizes.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                if (i + 1 < symbols.size()) {
                    change(right, symbols[i + 1], -1);
                    if (std::size_t{word.sizes[i + 1]} + size < longest) change(whole, symbols[i + 1], 1);
                }
            }
            if (!by_development_) language.length -= static_cast<std::int64_t>(before - symbols.size()) * word.times;
        }
        language.counts[pair_of(left, right)] = 0;
        return changed;
    }

    void merge_in_development(std::uint32_t left, std::uint32_t right, std::uint32_t whole) {
        std::vector<std::pair<Symbols, std::vector<std::int64_t>>> merged;
        for (auto at = development_.begin(); at != development_.end();) {
            Symbols symbols;
            for (std::size_t i = 0; i < at->first.size(); ++i) {
                const bool here = i + 1 < at->first.size() && at->first[i] == left && at->first[i + 1] == right;
                symbols.push_back(here ? whole : at->first[i]);
                i += here;
            }
            if (symbols.size() == at->first.size()) {
                ++at;
                continue;
            }
            for (std::size_t i = 0; i < languages_.size(); ++i)
                languages_[i].length -= static_cast<std::int64_t>(at->first.size() - symbols.size()) * at->second[i];
            merged.emplace_back(std::move(symbols), std::move(at->second));
            at = development_.erase(at);
        }
        // Of two words that become the same, the reference keeps the counts of one; here they are added.
        for (auto& [symbols, times] : merged) {
            auto& here = development_[std::move(symbols)];
            here.resize(languages_.size(), 0);
            for (std::size_t i = 0; i < times.size(); ++i) here[i] += times[i];
        }
    }

    const ParityTraining& settings_;
    const BpeTraining& bpe_;
    Teller teller_;
    Vocabulary tokens_;
    std::vector<Language> languages_;
    Pairs together_;
    bool by_development_ = false;
    std::map<Symbols, std::vector<std::int64_t>> development_;  // a word -> how often each language has it
    std::deque<std::size_t> turns_;                             // the last ones
    std::vector<std::pair<std::uint32_t, std::uint32_t>> merges_;
};

}  // namespace

TrainedBpe train_parity_bpe(const std::vector<WordCounts*>& languages, const std::vector<WordCounts*>& development,
                            const ParityTraining& settings, const Watch& watch) {
    return ParityTrainer(settings, watch).train(languages, development);
}

}  // namespace bearhug
