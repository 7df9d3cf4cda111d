// Unigram (Kudo 2018, arXiv:1804.10959): many pieces first, then fewer and fewer, those that explain the words best.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <unordered_map>

#include "double_array.hpp"
#include "threads.hpp"
#include "train.hpp"
#include "unicode.hpp"

namespace bearhug {

namespace {

constexpr double unknown_penalty = 10;

struct Piece {
    std::string_view text;  // in the block of the words
    double score;           // the logarithm of its probability
};

// The words, one behind the other, and how often each was seen.
struct Words {
    std::string block;
    std::vector<std::size_t> starts{0};  // and the end of the last one
    std::vector<std::uint64_t> times;
    std::size_t size() const { return times.size(); }
    std::string_view operator[](std::size_t i) const {
        return std::string_view(block).substr(starts[i], starts[i + 1] - starts[i]);
    }
};

// Substrings of the words that are worth a look: those that stand in two places or more and go on differently there, as
// they are the inner nodes of the words' suffix tree. They are found by sorting all suffixes, of which so many
// characters are looked at as a piece may have.
class Seeds {
 public:
    Seeds(const Words& words, std::size_t longest, std::size_t most, std::size_t threads)
        : words_(words), longest_(longest), most_(most), threads_(threads) {
        if (words.block.size() + words.size() >= no_id)
            throw std::length_error("the different words have more than four billion characters; set max_memory.");
        std::vector<std::uint32_t> rank_of(0x110000, 0);
        for (const char *p = words.block.data(), *end = p + words.block.size(); p < end;) rank_of[unicode::next(p)] = 1;
        rank_of[0] = 0;  // it ends a word here, as it does in the reference
        points_.push_back(0);
        for (char32_t point = 0; point < rank_of.size(); ++point) {
            if (rank_of[point] == 0) continue;
            rank_of[point] = static_cast<std::uint32_t>(points_.size());
            points_.push_back(point);
        }
        text_.reserve(words.block.size() + words.size());
        std::vector<std::uint64_t> seen(points_.size(), 0);
        for (std::size_t i = 0; i < words.size(); ++i) {
            const auto word = words[i];
            for (const char *p = word.data(), *end = p + word.size(); p < end;) {
                text_.push_back(rank_of[unicode::next(p)]);
                seen[text_.back()] += words.times[i];
            }
            if (!word.empty()) text_.push_back(0);
        }
        for (std::uint32_t number = 1; number < points_.size(); ++number)
            if (seen[number] > 0) characters_.emplace_back(seen[number], number);
        std::sort(characters_.rbegin(), characters_.rend());
    }

    // Each with the logarithm of its share. Characters come first, the most frequent first.
    std::vector<Piece> find(Teller& teller) {
        auto found = substrings(teller);
        // Where in the block each character stands.
        std::vector<std::uint32_t> bytes;
        bytes.reserve(text_.size() + 1);
        std::vector<std::string_view> characters(points_.size());
        for (std::size_t i = 0; i < words_.size(); ++i) {
            const auto word = words_[i];
            const char* const end = word.data() + word.size();
            for (const char* p = word.data(); p < end;) {
                const char* const from = p;
                p += unicode::length(static_cast<unsigned char>(*p));
                characters[text_[bytes.size()]] = {from, p};
                bytes.push_back(static_cast<std::uint32_t>(from - words_.block.data()));
            }
            if (!word.empty()) bytes.push_back(static_cast<std::uint32_t>(end - words_.block.data()));
        }
        std::vector<Piece> pieces;
        double sum = 0;
        for (const auto& [times, number] : characters_)
            pieces.push_back({characters[number], static_cast<double>(times)});
        for (const Substring& substring : found) {
            const std::size_t start = bytes[substring.start], end = bytes[substring.start + substring.size];
            pieces.push_back(
                {std::string_view(words_.block).substr(start, end - start), static_cast<double>(substring.score)});
            if (pieces.size() >= most_) break;
        }
        for (const Piece& piece : pieces) sum += piece.score;
        for (Piece& piece : pieces) piece.score = std::log(piece.score) - std::log(sum);
        return pieces;
    }

 private:
    struct Substring {
        std::uint64_t score;  // places times size
        std::uint32_t start, size;
    };

    // The best first; of equals, the last in the order of characters.
    bool before(const Substring& a, const Substring& b) const {
        if (a.score != b.score) return a.score > b.score;
        const auto *x = text_.data() + a.start, *y = text_.data() + b.start;
        return std::lexicographical_compare(y, y + b.size, x, x + a.size);
    }

    void keep_best(std::vector<Substring>& found) const {
        if (found.size() <= most_) return;
        std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(most_), found.end(),
                         [&](const auto& a, const auto& b) { return before(a, b); });
        found.resize(most_);
    }

    std::vector<Substring> substrings(Teller& teller) const {
        // Places by their first character: what starts differently has nothing in common.
        std::vector<std::size_t> starts(points_.size() + 1, 0);
        for (const std::uint32_t number : text_) ++starts[number + 1];
        for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
        std::vector<std::uint32_t> places(text_.size());
        auto ends = starts;
        for (std::uint32_t i = 0; i < text_.size(); ++i) places[ends[text_[i]]++] = i;

        const std::size_t groups = points_.size() - 1;
        const std::size_t threads = std::max<std::size_t>(1, threads_ ? threads_ : threads_for(text_.size() * 4));
        std::vector<std::vector<Substring>> found(threads);
        std::vector<std::size_t> order(groups);  // the largest groups first
        for (std::size_t i = 0; i < groups; ++i) order[i] = i + 1;
        std::sort(order.begin(), order.end(),
                  [&](std::size_t a, std::size_t b) { return starts[a + 1] - starts[a] > starts[b + 1] - starts[b]; });
        in_threads(groups, threads, [&](std::size_t at, std::size_t thread) {
            const std::size_t group = order[at];
            sort_places(places.data() + starts[group], places.data() + starts[group + 1]);
            list(places.data() + starts[group], places.data() + starts[group + 1], found[thread]);
            if (found[thread].size() > 2 * most_) keep_best(found[thread]);
            if (thread == 0) teller.tell("seeds", at, groups);
        });
        for (std::size_t thread = 1; thread < threads; ++thread) {
            found[0].insert(found[0].end(), found[thread].begin(), found[thread].end());
            found[thread] = {};
        }
        keep_best(found[0]);
        std::sort(found[0].begin(), found[0].end(), [&](const auto& a, const auto& b) { return before(a, b); });
        return std::move(found[0]);
    }

    // By the characters from there on, up to the end of the word and one more than `longest_`.
    void sort_places(std::uint32_t* first, std::uint32_t* last) const {
        // So many characters fit into 64 bits; most places differ in them.
        const unsigned bits = std::max(1u, static_cast<unsigned>(std::bit_width(points_.size() - 1)));
        const std::size_t packed = 64 / bits;
        struct Key {
            std::uint64_t characters;
            std::uint32_t place;
        };
        std::vector<Key> keys(static_cast<std::size_t>(last - first));
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const std::uint32_t* p = text_.data() + first[i];
            std::uint64_t key = 0;
            std::size_t taken = 0;
            for (; taken < packed && *p != 0; ++taken) key = key << bits | *p++;
            keys[i] = {key << (bits * (packed - taken)) % 64, first[i]};
        }
        const std::size_t rest = longest_ + 1 > packed ? longest_ + 1 - packed : 0;
        std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
            if (a.characters != b.characters) return a.characters < b.characters;
            // Where a word ends in the key, the key's lowest bits are zero: nothing follows.
            if (rest == 0 || (a.characters & ((std::uint64_t{1} << bits) - 1)) == 0) return false;
            const std::uint32_t *x = text_.data() + a.place + packed, *y = text_.data() + b.place + packed;
            for (std::size_t i = 0; i < rest; ++i) {
                if (x[i] != y[i]) return x[i] < y[i];
                if (x[i] == 0) return false;
            }
            return false;
        });
        for (std::size_t i = 0; i < keys.size(); ++i) first[i] = keys[i].place;
    }

    // How many characters two places have in common, the end of the word counted as one; at most one more than
    // `longest_`.
    std::uint32_t common(std::uint32_t a, std::uint32_t b) const {
        const std::uint32_t *x = text_.data() + a, *y = text_.data() + b;
        for (std::uint32_t i = 0; i <= longest_; ++i)
            if (x[i] != y[i]) {
                return i;
            } else if (x[i] == 0) {
                return i + 1;
            }
        return static_cast<std::uint32_t>(longest_) + 1;
    }

    // Runs of sorted places that have so many characters in common, each run longest as it is.
    void list(const std::uint32_t* first, const std::uint32_t* last, std::vector<Substring>& found) const {
        struct Open {
            std::uint32_t size;
            const std::uint32_t* from;
        };
        std::vector<Open> open;
        for (const std::uint32_t* at = first; at < last; ++at) {
            const std::uint32_t here = at + 1 < last ? common(at[0], at[1]) : 0;
            const std::uint32_t* from = at;
            while (!open.empty() && open.back().size > here) {
                const Open done = open.back();
                open.pop_back();
                from = done.from;
                add({static_cast<std::uint64_t>(at + 1 - from) * done.size, *from, done.size}, found);
            }
            if (here > 0 && (open.empty() || open.back().size < here)) open.push_back({here, from});
        }
    }

    void add(Substring substring, std::vector<Substring>& found) const {
        if (substring.size < 2 || substring.size > longest_) return;
        const std::uint32_t* const text = text_.data() + substring.start;
        if (std::find(text, text + substring.size, 0u) == text + substring.size) found.push_back(substring);
    }

    const Words& words_;
    std::size_t longest_, most_, threads_;
    std::vector<char32_t> points_;     // of the numbers, which sort as they do; 0 ends a word
    std::vector<std::uint32_t> text_;  // numbers
    std::vector<std::pair<std::uint64_t, std::uint32_t>> characters_;  // how often, number: the most frequent first
};

// A way to cut a text: its pieces between places of the text.
struct Edge {
    std::uint32_t start, end, id;
};

// The agenda of the search for the two best ways. It is a binary heap whose order of equals is that of the reference's,
// which decides which of two equally good ways is the second best.
struct Hypothesis {
    double estimate, done;
    std::uint32_t edge, next;  // next: the hypothesis that it goes on to
};

class Agenda {
 public:
    void clear() { heap_.clear(); }
    bool empty() const { return heap_.empty(); }
    void push(const Hypothesis& hypothesis) {
        heap_.push_back(hypothesis);
        rise(heap_.size() - 1);
    }
    Hypothesis pop() {
        Hypothesis top = heap_.back();
        heap_.pop_back();
        if (heap_.empty()) return top;
        std::swap(top, heap_[0]);
        const Hypothesis moved = heap_[0];
        std::size_t at = 0, child = 1;
        for (; child + 1 < heap_.size(); child = 2 * at + 1) {
            if (heap_[child].estimate < heap_[child + 1].estimate) ++child;
            heap_[at] = heap_[child];
            at = child;
        }
        if (child < heap_.size()) {
            heap_[at] = heap_[child];
            at = child;
        }
        heap_[at] = moved;
        rise(at);
        return top;
    }

 private:
    void rise(std::size_t at) {
        const Hypothesis moved = heap_[at];
        for (; at > 0; at = (at - 1) / 2) {
            if (moved.estimate < heap_[(at - 1) / 2].estimate) break;
            heap_[at] = heap_[(at - 1) / 2];
        }
        heap_[at] = moved;
    }
    std::vector<Hypothesis> heap_;
};

double digamma(double x) {
    double result = 0;
    for (; x < 7; ++x) result -= 1 / x;
    x -= 0.5;
    const double a = 1 / x / x;  // the asymptotic series at x - 1/2
    return result + std::log(x) + a / 24 - 7.0 / 960 * a * a + 31.0 / 8064 * a * a * a - 127.0 / 30720 * a * a * a * a;
}

double log_of_sum(double a, double b) {
    if (a < b) std::swap(a, b);
    return b < a - 50 ? a : a + std::log(std::exp(b - a) + 1);
}

class UnigramTrainer {
 public:
    UnigramTrainer(WordCounts& counts, const UnigramTraining& settings, const Watch& watch)
        : settings_(settings), teller_(watch), counts_(counts) {}

    std::vector<std::pair<std::string, double>> train() {
        read_words();
        const auto required = required_characters();
        threads_ = settings_.threads ? settings_.threads : threads_for(words_.block.size());
        pieces_.push_back({"", std::numeric_limits<double>::quiet_NaN()});  // 0: an unknown character
        for (Piece& piece : Seeds(words_, settings_.max_piece_length, settings_.seed_size, threads_).find(teller_))
            pieces_.push_back(std::move(piece));
        build();
        const std::size_t desired = settings_.vocab_size * 11 / 10;
        const double factor = std::max(settings_.shrinking_factor, 0.1);
        const double loops = std::max(
            0.0, std::log(static_cast<double>(desired + 1) / static_cast<double>(pieces_.size())) / std::log(factor));
        steps_ = (static_cast<std::size_t>(loops) + 1) * settings_.n_sub_iterations;
        for (;;) {
            for (std::size_t i = 0; i < settings_.n_sub_iterations; ++i) {
                estimate();
                teller_.tell("estimate", std::min(++step_, steps_), steps_);
            }
            const std::size_t before = pieces_.size();
            if (before <= desired) break;
            prune(desired);
            if (pieces_.size() == before) break;  // there is nothing to take away
        }
        teller_.tell("estimate", steps_, steps_);
        return finish(required);
    }

 private:
    void read_words() {
        words_.block.reserve(counts_.bytes_of_words());
        counts_.each([&](std::string_view word, std::uint64_t times) {
            if (times < settings_.least) return;
            words_.block += word;
            words_.starts.push_back(words_.block.size());
            words_.times.push_back(times);
        });
        if (settings_.uses_up_counts) counts_.clear();
    }

    std::vector<char32_t> required_characters() const {
        std::vector<char32_t> required = settings_.initial_alphabet;
        std::vector<bool> seen(0x110000);
        for (const char *p = words_.block.data(), *end = p + words_.block.size(); p < end;) {
            const char32_t point = unicode::next(p);
            if (!seen[point]) required.push_back(point);
            seen[point] = true;
        }
        std::sort(required.begin(), required.end());
        required.erase(std::unique(required.begin(), required.end()), required.end());
        if (required.size() > settings_.vocab_size)
            throw std::invalid_argument("The vocabulary is not large enough to contain all chars: there are " +
                                        std::to_string(required.size()) + " different ones, and vocab_size is " +
                                        std::to_string(settings_.vocab_size) +
                                        ".\nTake vocab_size=" + std::to_string(required.size() + settings_.reserved) +
                                        " or more, or a normalizer that maps rare characters to others.");
        return required;
    }

    void build() {
        std::vector<DoubleArray::Text> texts;
        texts.reserve(pieces_.size());
        scores_.assign(1, 0);
        least_score_ = std::numeric_limits<double>::infinity();
        for (std::uint32_t id = 1; id < pieces_.size(); ++id) {
            texts.push_back({pieces_[id].text, 0.0, id});
            scores_.push_back(pieces_[id].score);
            least_score_ = std::min(least_score_, pieces_[id].score);
        }
        std::sort(texts.begin(), texts.end());
        trie_ = DoubleArray();
        trie_.build(texts);
        scores_[0] = least_score_ - unknown_penalty;
        chances_.resize(scores_.size());
        for (std::size_t id = 0; id < scores_.size(); ++id) chances_[id] = std::exp(scores_[id]);
    }

    // All pieces at all places of a text, by where they start.
    void find_edges(std::string_view text, std::vector<Edge>& edges) const {
        edges.clear();
        const auto size = static_cast<std::uint32_t>(text.size());
        for (std::uint32_t start = 0; start < size;) {
            const auto character = static_cast<std::uint32_t>(unicode::length(static_cast<unsigned char>(text[start])));
            bool has_character = false;
            std::uint32_t node = DoubleArray::root;
            for (std::uint32_t end = start; end < size;) {
                node = trie_.step(node, static_cast<unsigned char>(text[end]));
                if (node == no_id) break;
                ++end;
                if (!trie_.ends(node)) continue;
                edges.push_back({start, end, trie_.id(node)});
                has_character |= end - start == character;
            }
            if (!has_character) edges.push_back({start, start + character, 0});
            start += character;
        }
    }

    // Calls work(index, thread) for all indices below count, a run of them at a time.
    template <class Work>
    void in_runs(std::size_t count, Work work) {
        constexpr std::size_t runs = 256;
        in_threads(runs, threads_, [&](std::size_t run, std::size_t thread) {
            for (std::size_t i = count * run / runs; i < count * (run + 1) / runs; ++i) work(i, thread);
            if (thread == 0) teller_.tell("estimate", std::min(step_, steps_), steps_ + 1);
        });
    }

    // How often each piece is expected in the words, over all ways to cut them, and from that new scores. A rare piece
    // is dropped. Instead of the most likely scores those of a sparse prior are taken (Liang and Klein 2007).
    void estimate() {
        // Numbers with a fixed point: their sum does not depend on the order in which threads come.
        std::uint64_t all = 1;
        for (std::size_t i = 0; i < words_.size(); ++i) all += words_.times[i] * words_[i].size();
        const double unit = std::ldexp(1.0, 62 - std::bit_width(all));
        struct Own {
            std::vector<std::int64_t> expected;
            std::vector<Edge> edges;
            std::vector<double> before, behind;
        };
        std::vector<Own> own(std::max<std::size_t>(1, threads_));
        in_runs(words_.size(), [&](std::size_t i, std::size_t thread) {
            Own& mine = own[thread];
            if (mine.expected.empty()) mine.expected.assign(pieces_.size(), 0);
            const auto word = words_[i];
            find_edges(word, mine.edges);
            const double times = static_cast<double>(words_.times[i]) * unit;
            auto expect = [&](std::uint32_t id, double share) {
                mine.expected[id] += static_cast<std::int64_t>(times * share);
            };
            if (!expect_directly(word.size(), mine.edges, mine.before, mine.behind, expect))
                expect_in_logarithms(word.size(), mine.edges, mine.before, mine.behind, expect);
        });
        for (std::size_t thread = 1; thread < own.size(); ++thread)
            for (std::size_t id = 0; id < own[thread].expected.size(); ++id) {
                if (own[0].expected.empty()) own[0].expected.assign(pieces_.size(), 0);
                own[0].expected[id] += own[thread].expected[id];
            }
        own[0].expected.resize(pieces_.size(), 0);

        double sum = 0;
        std::vector<Piece> kept;
        kept.push_back(std::move(pieces_[0]));
        for (std::size_t id = 1; id < pieces_.size(); ++id) {
            const double times = static_cast<double>(own[0].expected[id]) / unit;
            if (times < 0.5) continue;
            sum += times;
            kept.push_back({std::move(pieces_[id].text), times});
        }
        const double all_of_them = digamma(sum);
        for (std::size_t id = 1; id < kept.size(); ++id) kept[id].score = digamma(kept[id].score) - all_of_them;
        pieces_ = std::move(kept);
        build();
    }

    // Forward and backward (Baum et al. 1970) in probabilities; false where they are too small to be written.
    template <class Expect>
    bool expect_directly(std::size_t size, const std::vector<Edge>& edges, std::vector<double>& before,
                         std::vector<double>& behind, Expect expect) const {
        before.assign(size + 1, 0.0);
        behind.assign(size + 1, 0.0);
        before[0] = behind[size] = 1;
        for (const Edge& edge : edges) before[edge.end] += before[edge.start] * chances_[edge.id];
        if (!(before[size] > 1e-250)) return false;
        for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge)
            behind[edge->start] += behind[edge->end] * chances_[edge->id];
        for (const Edge& edge : edges)
            expect(edge.id, before[edge.start] * chances_[edge.id] * behind[edge.end] / before[size]);
        return true;
    }

    template <class Expect>
    void expect_in_logarithms(std::size_t size, const std::vector<Edge>& edges, std::vector<double>& before,
                              std::vector<double>& behind, Expect expect) const {
        constexpr double nothing = -std::numeric_limits<double>::infinity();
        before.assign(size + 1, nothing);
        behind.assign(size + 1, nothing);
        before[0] = behind[size] = 0;
        auto add = [](double& sum, double more) { sum = sum == nothing ? more : log_of_sum(sum, more); };
        for (const Edge& edge : edges) add(before[edge.end], before[edge.start] + scores_[edge.id]);
        for (auto edge = edges.rbegin(); edge != edges.rend(); ++edge)
            add(behind[edge->start], behind[edge->end] + scores_[edge->id]);
        for (const Edge& edge : edges)
            expect(edge.id, std::exp(before[edge.start] + scores_[edge.id] + behind[edge.end] - before[size]));
    }

    struct Search {
        std::vector<Edge> edges;
        std::vector<double> best;                        // edge -> the score of the best way that ends with it
        std::vector<std::uint32_t> best_at;              // place -> the edge with which the best way there ends
        std::vector<std::vector<std::uint32_t>> ending;  // place -> edges
        std::vector<Hypothesis> read;
        Agenda agenda;
    };

    // Viterbi's algorithm; of equal ways that whose last piece starts first.
    void find_best(std::string_view text, Search& search) const {
        find_edges(text, search.edges);
        const auto& edges = search.edges;
        search.best.resize(edges.size());
        search.best_at.assign(text.size() + 1, no_id);
        for (std::uint32_t i = 0; i < edges.size(); ++i) {
            const std::uint32_t before = search.best_at[edges[i].start];
            search.best[i] = (before == no_id ? 0 : search.best[before]) + scores_[edges[i].id];
            std::uint32_t& best = search.best_at[edges[i].end];
            if (best == no_id || search.best[i] > search.best[best]) best = i;
        }
    }

    // What becomes of a piece's text when the piece is taken away. It is found by a search from the end for the two
    // best ways (A*; the estimate is the best way to where a hypothesis starts).
    enum class Kind { alone, cut_anyway, replaceable };
    Kind find_alternative(std::string_view text, Search& search, std::vector<std::uint32_t>& alternative) const {
        find_best(text, search);
        const auto& edges = search.edges;
        if (search.ending.size() <= text.size()) search.ending.resize(text.size() + 1);
        for (std::size_t at = 0; at <= text.size(); ++at) search.ending[at].clear();
        for (std::uint32_t i = 0; i < edges.size(); ++i) search.ending[edges[i].end].push_back(i);
        search.agenda.clear();
        auto& read = search.read;
        read.clear();
        constexpr std::uint32_t end = no_id, begin = no_id - 1;
        search.agenda.push({0, 0, end, no_id});
        for (bool alone_is_best = false; !search.agenda.empty();) {
            const Hypothesis top = search.agenda.pop();
            if (top.edge == begin) {
                const std::uint32_t first = top.next;
                if (!alone_is_best) {
                    if (read[read[first].next].edge != end) return Kind::cut_anyway;
                    alone_is_best = true;
                    continue;
                }
                for (std::uint32_t at = first; read[at].edge != end; at = read[at].next)
                    alternative.push_back(edges[read[at].edge].id);
                return Kind::replaceable;
            }
            const auto index = static_cast<std::uint32_t>(read.size());
            read.push_back(top);
            const std::size_t place = top.edge == end ? text.size() : edges[top.edge].start;
            if (place == 0) search.agenda.push({top.done, top.done, begin, index});
            for (const std::uint32_t i : search.ending[place])
                search.agenda.push({search.best[i] + top.done, scores_[edges[i].id] + top.done, i, index});
        }
        return Kind::alone;
    }

    // Takes away the pieces whose loss the likelihood of the words feels least: a piece's places then go to what its
    // text is cut into without it.
    void prune(std::size_t desired) {
        struct Own {
            Search search;
            std::vector<std::uint64_t> times;         // of the pieces in the best ways to cut the words
            std::vector<std::uint32_t> alternatives;  // one behind the other
        };
        struct Alternative {
            Kind kind = Kind::alone;
            std::uint32_t thread = 0, size = 0;
            std::size_t start = 0;
        };
        std::vector<Own> own(std::max<std::size_t>(1, threads_));
        std::vector<Alternative> alternatives(pieces_.size());
        in_runs(pieces_.size() - 1, [&](std::size_t i, std::size_t thread) {
            Own& mine = own[thread];
            Alternative& here = alternatives[i + 1];
            here.thread = static_cast<std::uint32_t>(thread);
            here.start = mine.alternatives.size();
            here.kind = find_alternative(pieces_[i + 1].text, mine.search, mine.alternatives);
            here.size = static_cast<std::uint32_t>(mine.alternatives.size() - here.start);
        });
        in_runs(words_.size(), [&](std::size_t i, std::size_t thread) {
            Own& mine = own[thread];
            if (mine.times.empty()) mine.times.assign(pieces_.size(), 0);
            const auto word = words_[i];
            find_best(word, mine.search);
            for (std::size_t at = word.size(); at > 0;) {
                const Edge& edge = mine.search.edges[mine.search.best_at[at]];
                mine.times[edge.id] += words_.times[i];
                at = edge.start;
            }
        });
        std::vector<double> times(pieces_.size(), 0);
        std::uint64_t all = 0, all_words = 0;
        for (std::size_t id = 0; id < pieces_.size(); ++id) {
            std::uint64_t here = 0;
            for (const Own& one : own) here += one.times.empty() ? 0 : one.times[id];
            times[id] = static_cast<double>(here);
            all += here;
        }
        for (const std::uint64_t here : words_.times) all_words += here;
        const double sum = static_cast<double>(all), log_sum = std::log(sum);

        std::vector<Piece> kept{pieces_[0]};
        std::vector<std::pair<double, std::uint32_t>> candidates;  // loss, piece
        for (std::uint32_t id = 1; id < pieces_.size(); ++id) {
            const Alternative& alternative = alternatives[id];
            if (alternative.size == 0) {
                if (times[id] > 0 || alternative.kind != Kind::cut_anyway) kept.push_back(pieces_[id]);
                continue;
            }
            if (times[id] == 0) continue;
            // Its places are added to those of each piece that takes its place. The sum should then grow by one less
            // than there are such pieces; the reference takes the number of all pieces, and what it keeps follows from
            // that.
            const double log_sum_without = std::log(sum + times[id] * static_cast<double>(pieces_.size() - 1));
            double without = 0;
            for (std::size_t i = 0; i < alternative.size; ++i) {
                const std::uint32_t other = own[alternative.thread].alternatives[alternative.start + i];
                without += std::log(times[other] + times[id]) - log_sum_without;
            }
            const double share = times[id] / static_cast<double>(all_words);
            candidates.emplace_back(share * (std::log(times[id]) - log_sum - without), id);
        }
        std::stable_sort(candidates.begin(), candidates.end(),
                         [](const auto& a, const auto& b) { return a.first > b.first; });
        const std::size_t size = std::max(
            desired, static_cast<std::size_t>(static_cast<double>(pieces_.size()) * settings_.shrinking_factor));
        for (const auto& [loss, id] : candidates) {
            if (kept.size() == size) break;
            kept.push_back(pieces_[id]);
        }
        pieces_ = std::move(kept);
        build();
    }

    // The characters first, then the other pieces as far as there is room; the most likely first.
    std::vector<std::pair<std::string, double>> finish(const std::vector<char32_t>& required) const {
        std::unordered_map<std::string_view, double> score_of;
        for (std::size_t id = 1; id < pieces_.size(); ++id) score_of[pieces_[id].text] = pieces_[id].score;
        std::vector<std::pair<std::string, double>> out;
        double penalty = 0;
        const double least = std::isinf(least_score_) ? 0 : least_score_;
        for (const char32_t point : required) {
            std::string text = unicode::utf8(point);
            if (const auto known = score_of.find(text); known != score_of.end()) {
                out.emplace_back(std::move(text), known->second);
                score_of.erase(known);
            } else {
                out.emplace_back(std::move(text), least + penalty);
                penalty += 0.0001;
            }
        }
        for (std::size_t id = 1; id < pieces_.size(); ++id) {
            if (!score_of.contains(pieces_[id].text)) continue;
            out.emplace_back(pieces_[id].text, pieces_[id].score);
            if (out.size() + settings_.reserved == settings_.vocab_size) break;
        }
        std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
        return out;
    }

    const UnigramTraining& settings_;
    Teller teller_;
    WordCounts& counts_;
    Words words_;
    std::vector<Piece> pieces_;
    std::vector<double> scores_, chances_;  // of the pieces; that of the unknown character is 0's
    double least_score_ = 0;
    DoubleArray trie_;
    std::size_t threads_ = 1, step_ = 0, steps_ = 0;
};

}  // namespace

std::vector<std::pair<std::string, double>> train_unigram(WordCounts& counts, const UnigramTraining& settings,
                                                          const Watch& watch) {
    return UnigramTrainer(counts, settings, watch).train();
}

}  // namespace bearhug
