// Byte-pair encoding: the most frequent pair of symbols becomes a symbol, again and again.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <stdexcept>
#include <unordered_map>

#include "threads.hpp"
#include "train.hpp"
#include "unicode.hpp"

namespace bearhug {

namespace {

constexpr std::uint32_t none = no_id;

using Pair = std::uint64_t;  // left symbol in the high half, right symbol in the low one

Pair pair_of(std::uint32_t left, std::uint32_t right) { return Pair{left} << 32 | right; }

// Pairs -> numbers, in an open-addressing table.
template <class Value>
class PairMap {
 public:
    Value* find(Pair pair) {
        if (cells_.empty()) return nullptr;
        Cell& cell = cells_[slot(pair)];
        return cell.pair == pair ? &cell.value : nullptr;
    }
    Value& operator[](Pair pair) {
        if (10 * (used_ + 1) > 7 * cells_.size()) grow();
        Cell& cell = cells_[slot(pair)];
        if (cell.pair == free) {
            cell.pair = pair;
            ++used_;
        }
        return cell.value;
    }
    std::size_t size() const { return used_; }
    template <class Visit>
    void each(Visit visit) const {
        for (const Cell& cell : cells_)
            if (cell.pair != free) visit(cell.pair, cell.value);
    }

 private:
    static constexpr Pair free = ~Pair{0};
    struct Cell {
        Pair pair = free;
        Value value{};
    };
    std::size_t slot(Pair pair) const {
        const std::size_t mask = cells_.size() - 1;
        const std::uint64_t hash = pair * 0x9E3779B97F4A7C15u;
        std::size_t at = (hash ^ hash >> 32) & mask;
        while (cells_[at].pair != free && cells_[at].pair != pair) at = (at + 1) & mask;
        return at;
    }
    void grow() {
        std::vector<Cell> old(std::max<std::size_t>(1 << 10, cells_.size() * 2));
        old.swap(cells_);
        for (const Cell& cell : old)
            if (cell.pair != free) cells_[slot(cell.pair)] = cell;
    }
    std::vector<Cell> cells_;
    std::size_t used_ = 0;
};

// Lists of words, in blocks that are given back when all of their lists have been read. Lists of about equally frequent
// pairs are read at about the same time, so they share blocks.
class Places {
 public:
    struct List {
        std::uint32_t block, start, size;
    };
    List make(std::size_t size, std::int64_t count) {
        if (size >= none) throw std::length_error("a pair of symbols stands in more than four billion words.");
        std::uint32_t& current = current_[std::bit_width(static_cast<std::uint64_t>(count))];
        if (current == none || blocks_[current].size - blocks_[current].used < size) {
            const std::uint32_t full = current;
            const std::size_t room = std::max<std::size_t>(size, 1 << 14);
            blocks_.push_back({std::make_unique_for_overwrite<std::uint32_t[]>(room), room});
            current = static_cast<std::uint32_t>(blocks_.size() - 1);
            if (full != none) release(full);
        }
        Block& block = blocks_[current];
        const List list{current, static_cast<std::uint32_t>(block.used), static_cast<std::uint32_t>(size)};
        block.used += size;
        block.live += size;
        return list;
    }
    std::uint32_t* data(List list) { return blocks_[list.block].data.get() + list.start; }
    void drop(List list) {
        blocks_[list.block].live -= list.size;
        release(list.block);
    }

 private:
    struct Block {
        std::unique_ptr<std::uint32_t[]> data;
        std::size_t size = 0, used = 0, live = 0;
    };
    void release(std::uint32_t block) {
        if (blocks_[block].live == 0 && std::find(current_.begin(), current_.end(), block) == current_.end())
            blocks_[block].data.reset();
    }
    std::vector<Block> blocks_;
    std::array<std::uint32_t, 65> current_ = [] {  // that is being filled, by the size of the count
        std::array<std::uint32_t, 65> out;
        out.fill(none);
        return out;
    }();
};

// A pair that may be merged next, in the words where it was found. The most frequent comes first; of equals, that of
// older symbols.
struct Candidate {
    std::int64_t count;
    Pair pair;
    Places::List words;
    bool operator<(const Candidate& other) const {
        return count != other.count ? count < other.count : pair > other.pair;
    }
};

class BpeTrainer {
 public:
    BpeTrainer(WordCounts& counts, const BpeTraining& settings, const Watch& watch)
        : settings_(settings), teller_(watch), counts_(counts) {}

    TrainedBpe train() {
        for (const auto& token : settings_.special_tokens) id_of(token);
        read_words();
        if (tokens_.size() < settings_.vocab_size && !starts_.empty()) {
            choose_threshold();
            find_pairs();
            give_back_memory();
            merge_pairs();
        }
        teller_.tell("merge", settings_.vocab_size, settings_.vocab_size);
        TrainedBpe trained;
        tokens_.each([&](std::string_view token, std::uint32_t) { trained.vocabulary.emplace_back(token); });
        trained.merges = std::move(merges_);
        return trained;
    }

 private:
    std::uint32_t id_of(const std::string& token) {
        std::uint32_t id = tokens_.find(token);
        if (id == no_id) {
            id = static_cast<std::uint32_t>(tokens_.size());
            tokens_.add(token, id);
            sizes_.push_back(1);
        }
        return id;
    }

    // The words as symbols, one word behind the other with `none` between them. First each character has a number of
    // its own; its symbol is known when all words have been counted.
    void read_words() {
        std::vector<std::uint32_t> number_of(0x110000, none);
        std::vector<char32_t> points;
        std::vector<std::uint64_t> seen;
        const std::size_t size = counts_.size();
        std::size_t done = 0;
        symbols_.reserve(counts_.bytes_of_words() + size);  // what is not used takes no memory
        starts_.reserve(size);
        times_.reserve(size);
        counts_.each([&](std::string_view word, std::uint64_t times) {
            const bool kept = times >= settings_.least;
            const char* const end = word.data() + word.size();
            if (kept) starts_.push_back(symbols_.size());
            for (const char* p = word.data(); p < end;) {
                const char32_t point = unicode::next(p);
                std::uint32_t& number = number_of[point];
                if (number == none) {
                    number = static_cast<std::uint32_t>(points.size());
                    points.push_back(point);
                    seen.push_back(0);
                }
                seen[number] += times;
                if (kept) symbols_.push_back(number);
            }
            if (kept) {
                symbols_.push_back(none);
                times_.push_back(static_cast<std::int64_t>(times));
            }
            teller_.tell("read words", ++done, size);
        });
        if (settings_.uses_up_counts) counts_.clear();
        add_alphabet(points, seen);
        to_symbols(points);
    }

    void add_alphabet(const std::vector<char32_t>& points, const std::vector<std::uint64_t>& seen) {
        std::unordered_map<char32_t, std::uint64_t> times;
        for (std::size_t i = 0; i < points.size(); ++i) times[points[i]] = seen[i];
        for (const char32_t point : settings_.initial_alphabet)
            times[point] = std::numeric_limits<std::uint64_t>::max();
        std::vector<std::pair<char32_t, std::uint64_t>> kept(times.begin(), times.end());
        if (settings_.limit_alphabet && kept.size() > *settings_.limit_alphabet) {
            // Of equally frequent characters those with lower code points stay (in the reference it is chance).
            std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
                return a.second != b.second ? a.second > b.second : a.first < b.first;
            });
            kept.resize(*settings_.limit_alphabet);
        }
        std::sort(kept.begin(), kept.end());
        for (const auto& [point, count] : kept) id_of(unicode::utf8(point));
    }

    // Numbers of characters -> symbols. Characters outside of the alphabet go, and then words of less than two symbols.
    void to_symbols(const std::vector<char32_t>& points) {
        const auto& prefix = settings_.continuing_subword_prefix;
        const auto& suffix = settings_.end_of_word_suffix;
        struct Forms {
            bool known;
            std::uint32_t id[2][2] = {{none, none}, {none, none}};  // [behind another character][at the end]
        };
        std::vector<Forms> forms;
        for (const char32_t point : points) forms.push_back({tokens_.find(unicode::utf8(point)) != no_id});
        auto symbol = [&](std::uint32_t number, bool behind, bool last) {
            std::uint32_t& id = forms[number].id[behind][last];
            if (id == none) {
                std::string token = unicode::utf8(points[number]);
                if (behind && prefix) token.insert(0, *prefix);
                if (last && suffix) token += *suffix;
                id = id_of(token);
            }
            return id;
        };
        std::size_t to = 0, words = 0;
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            const std::size_t start = to;
            for (std::size_t at = starts_[i]; symbols_[at] != none; ++at)
                if (forms[symbols_[at]].known)
                    symbols_[to++] = symbol(symbols_[at], at > starts_[i], symbols_[at + 1] == none);
            if (to - start < 2) {
                to = start;
                continue;
            }
            symbols_[to++] = none;
            starts_[words] = start;
            times_[words++] = times_[i];
        }
        symbols_.resize(to);
        starts_.resize(words);
        times_.resize(words);
        if (words >= none) throw std::length_error("more than four billion different words; set max_memory.");
    }

    // Pairs rarer than this are not kept: most of them never come to be merged. When the others are used up, it is
    // lowered and the words are read again. max_token_length makes counts that cannot be found again, so then all are
    // kept.
    void choose_threshold() {
        floor_ = static_cast<std::int64_t>(
            std::clamp<std::uint64_t>(settings_.min_frequency, 1, std::numeric_limits<std::int64_t>::max()));
        threshold_ = 1;
        if (settings_.max_token_length) return;
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < starts_.size(); ++i) {
            const std::size_t end = i + 1 < starts_.size() ? starts_[i + 1] : symbols_.size();
            total += static_cast<std::uint64_t>(times_[i]) * (end - starts_[i] - 1);
        }
        threshold_ = std::max(floor_, static_cast<std::int64_t>(total / (settings_.vocab_size * 128 + 1)));
    }

    // Counts the pairs that are not known yet, and keeps those that reach the threshold. with: only pairs with this
    // symbol.
    void find_pairs(std::uint32_t with = none) {
        struct Found {
            std::int64_t count = 0;
            std::uint32_t words = 0, last = none, list = none;
        };
        const std::size_t blocks = 64, words = starts_.size();
        std::size_t threads = settings_.threads ? settings_.threads : threads_for(symbols_.size() * 4);
        threads = std::max<std::size_t>(1, std::min(threads, blocks));
        std::vector<PairMap<Found>> found(threads);
        auto each_pair = [&](std::uint32_t word, auto visit) {
            for (const std::uint32_t* at = symbols_.data() + starts_[word]; at[1] != none; ++at)
                if (with == none || at[0] == with || at[1] == with) visit(pair_of(at[0], at[1]));
        };
        in_threads(blocks, threads, [&](std::size_t block, std::size_t thread) {
            for (std::size_t i = words * block / blocks; i < words * (block + 1) / blocks; ++i) {
                const auto word = static_cast<std::uint32_t>(i);
                each_pair(word, [&](Pair pair) {
                    if (pairs_.find(pair)) return;
                    Found& here = found[thread][pair];
                    here.count += times_[word];
                    if (here.last != word) ++here.words;
                    here.last = word;
                });
            }
            if (thread == 0) teller_.tell("count pairs", block, blocks);
        });
        for (std::size_t thread = 1; thread < threads; ++thread) {
            found[thread].each([&](Pair pair, const Found& there) {
                Found& here = found[0][pair];
                here.count += there.count;
                here.words += there.words;
            });
            found[thread] = {};
        }
        std::vector<Candidate> kept;
        found[0].each([&](Pair pair, const Found& here) {
            if (here.count >= threshold_) kept.push_back({here.count, pair, {}});
        });
        std::sort(kept.begin(), kept.end());  // the most frequent pairs' lists go first: they stand behind one another
        std::vector<std::uint32_t> filled(kept.size(), 0);
        for (auto at = kept.rbegin(); at != kept.rend(); ++at) {
            Found& here = found[0][at->pair];
            at->words = places_.make(here.words, here.count);
            here.list = static_cast<std::uint32_t>(kept.rend() - at - 1);
            here.last = none;
        }
        for (std::size_t i = 0; i < words; ++i) {
            const auto word = static_cast<std::uint32_t>(i);
            each_pair(word, [&](Pair pair) {
                Found* const here = found[0].find(pair);
                if (!here || here->list == none || here->last == word) return;
                here->last = word;
                places_.data(kept[here->list].words)[filled[here->list]++] = word;
            });
            teller_.tell("count pairs", i, words);
        }
        for (const Candidate& candidate : kept) {
            pairs_[candidate.pair] = candidate.count;
            queue_.push_back(candidate);
        }
        std::make_heap(queue_.begin(), queue_.end());
    }

    void push(std::int64_t count, Pair pair, Places::List words) {
        queue_.push_back({count, pair, words});
        std::push_heap(queue_.begin(), queue_.end());
    }

    // The next pair to be merged; none where no pair is left that reaches min_frequency.
    std::optional<Candidate> take_best() {
        for (;;) {
            if (queue_.empty() || queue_.front().count < std::max(floor_, threshold_)) {
                if (threshold_ <= floor_) return std::nullopt;
                threshold_ = std::max(floor_, threshold_ / 4);
                find_pairs();
                continue;
            }
            std::pop_heap(queue_.begin(), queue_.end());
            Candidate best = queue_.back();
            queue_.pop_back();
            if (const std::int64_t now = *pairs_.find(best.pair); best.count == now) {
                return best;
            } else if (now > 0) {
                push(now, best.pair, best.words);  // some of its places have gone since
            } else {
                places_.drop(best.words);
            }
        }
    }

    void merge_pairs() {
        while (tokens_.size() < settings_.vocab_size) {
            const auto best = take_best();
            if (!best) break;
            const auto left = static_cast<std::uint32_t>(best->pair >> 32),
                       right = static_cast<std::uint32_t>(best->pair);
            const std::size_t before = tokens_.size(), limit = settings_.vocab_size;
            const std::uint32_t whole = id_of(joined(left, right));
            const bool is_new = tokens_.size() > before;
            sizes_[whole] = sizes_[left] + sizes_[right];
            for (Changes* sort : {&before_left_, &behind_right_, &before_whole_, &behind_whole_})
                if (sort->of.size() < tokens_.size()) sort->of.resize(std::min(tokens_.size() * 2, limit));
            merges_.emplace_back(left, right);
            const std::uint32_t* const words = places_.data(best->words);
            for (std::uint32_t i = 0; i < best->words.size; ++i) merge_in(words[i], left, right, whole);
            places_.drop(best->words);
            add_changes(left, right, whole, is_new);
            teller_.tell("merge", tokens_.size(), settings_.vocab_size);
        }
    }

    std::string joined(std::uint32_t left, std::uint32_t right) const {
        std::string_view tail = tokens_.token(right);
        if (const auto& prefix = settings_.continuing_subword_prefix; prefix && tail.starts_with(*prefix))
            tail.remove_prefix(prefix->size());
        return std::string(tokens_.token(left)).append(tail);
    }

    // What a merge does to the pairs of one sort; a pair is named by the symbol that is its other half.
    struct Changes {
        struct Symbol {
            std::int64_t count = 0;
            std::uint32_t last = none;    // the word that was noted last; none: the symbol is not touched
            std::uint32_t words = 0;      // noted for it
            std::uint32_t* to = nullptr;  // where they are wanted
        };
        std::vector<Symbol> of;
        std::vector<std::uint32_t> touched;
        std::vector<std::pair<std::uint32_t, std::uint32_t>> places;  // (symbol, word)

        void add(std::uint32_t symbol, std::int64_t times, std::uint32_t word, bool noted) {
            Symbol& here = of[symbol];
            if (here.last == none) touched.push_back(symbol);
            here.count += times;
            if (noted && here.last != word) {
                ++here.words;
                places.emplace_back(symbol, word);
            }
            here.last = word;
        }
        void clear() {
            for (const std::uint32_t symbol : touched) of[symbol] = {};
            touched.clear();
            places.clear();
        }
    };

    // Merges the pair wherever it stands in a word, and notes the pairs that go and those that this makes.
    void merge_in(std::uint32_t index, std::uint32_t left, std::uint32_t right, std::uint32_t whole) {
        const std::int64_t times = times_[index];
        const std::size_t longest = settings_.max_token_length.value_or(std::numeric_limits<std::size_t>::max());
        std::uint32_t* const symbols = symbols_.data() + starts_[index];
        const std::uint32_t* from = symbols;
        while (*from != none && !(from[0] == left && from[1] == right)) ++from;
        std::uint32_t* to = symbols + (from - symbols);
        for (; *from != none; ++from, ++to) {
            if (from[0] != left || from[1] != right) {
                *to = *from;
                continue;
            }
            if (to > symbols) {
                const std::uint32_t other = to[-1];
                before_left_.add(other, times, index, false);
                if (std::size_t{sizes_[other]} + sizes_[whole] < longest) before_whole_.add(other, times, index, true);
            }
            if (from[2] != none) {
                const std::uint32_t other = from[2];
                behind_right_.add(other, times, index, false);
                if (std::size_t{sizes_[other]} + sizes_[whole] < longest) behind_whole_.add(other, times, index, true);
            }
            *to = whole;
            ++from;
        }
        *to = none;
    }

    void add_changes(std::uint32_t left, std::uint32_t right, std::uint32_t whole, bool is_new) {
        struct Change {
            Pair pair;
            Changes::Symbol* symbol;
            bool made;  // or gone
        };
        std::vector<Change> changes;
        auto collect = [&](Changes& from, bool made, auto pair) {
            for (const std::uint32_t symbol : from.touched) changes.push_back({pair(symbol), &from.of[symbol], made});
        };
        collect(before_left_, false, [&](std::uint32_t symbol) { return pair_of(symbol, left); });
        collect(behind_right_, false, [&](std::uint32_t symbol) { return pair_of(right, symbol); });
        collect(before_whole_, true, [&](std::uint32_t symbol) { return pair_of(symbol, whole); });
        collect(behind_whole_, true, [&](std::uint32_t symbol) { return pair_of(whole, symbol); });
        std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.pair < b.pair; });
        bool unknown = false;
        for (auto at = changes.begin(), next = at; at != changes.end(); at = next) {
            // The same pair may have been made and be gone, as the one before and as the one behind.
            std::int64_t count = 0;
            std::size_t words = 0;
            bool made = false;
            for (; next != changes.end() && next->pair == at->pair; ++next) {
                count += next->made ? next->symbol->count : -next->symbol->count;
                words += next->symbol->words;
                made = made || next->made;
            }
            std::int64_t* known = pairs_.find(at->pair);
            if (!known && (threshold_ == 1 || (made && is_new && count >= threshold_))) known = &pairs_[at->pair];
            if (!known) {
                unknown = unknown || (made && !is_new);  // it was too rare to be kept, and has more places now
                continue;
            }
            *known += count;
            if (!made || *known <= 0) continue;
            const Places::List list = places_.make(words, *known);
            push(*known, at->pair, list);
            std::uint32_t* to = places_.data(list);
            for (auto change = at; change != next; ++change) {
                change->symbol->to = to;
                to += change->symbol->words;
            }
        }
        for (Changes* sort : {&before_whole_, &behind_whole_})
            for (const auto& [symbol, word] : sort->places)
                if (std::uint32_t*& to = sort->of[symbol].to) *to++ = word;
        for (Changes* sort : {&before_left_, &behind_right_, &before_whole_, &behind_whole_}) sort->clear();
        if (unknown) find_pairs(whole);
    }

    const BpeTraining& settings_;
    Teller teller_;
    WordCounts& counts_;
    Vocabulary tokens_;
    std::vector<std::uint32_t> sizes_;    // of the tokens, in characters of words
    std::vector<std::uint32_t> symbols_;  // of all words, `none` behind each word
    std::vector<std::size_t> starts_;     // of the words
    std::vector<std::int64_t> times_;     // of the words
    std::int64_t floor_ = 1, threshold_ = 1;
    PairMap<std::int64_t> pairs_;   // how often they stand in the words; merged pairs keep the count that they had
    std::vector<Candidate> queue_;  // a heap
    Places places_;
    Changes before_left_, behind_right_, before_whole_, behind_whole_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> merges_;
};

}  // namespace

TrainedBpe train_bpe(WordCounts& counts, const BpeTraining& settings, const Watch& watch) {
    return BpeTrainer(counts, settings, watch).train();
}

}  // namespace bearhug
