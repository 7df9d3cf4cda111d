// Unigram language model (Kudo 2018, arXiv:1804.10959): the cut of a piece whose tokens' scores add up to most.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>

#include "double_array.hpp"
#include "model.hpp"
#include "noted.hpp"
#include "unicode.hpp"

namespace bearhug {
namespace {

constexpr double unknown_penalty = 10;

// The best way to the end of a prefix of the piece.
struct Step {
    double score;
    std::uint32_t start;  // where its last token starts; no_id: no way is known yet
    std::uint32_t node;   // of that token in the trie; no_id: an unknown character
};

struct UnigramWorkspace : Workspace {
    PieceCache cache;
    Tokens found;
    std::vector<Step> steps;
    std::vector<std::uint32_t> ends;  // of the tokens, last first
    std::minstd_rand random{std::random_device{}()};
};

class Unigram : public Model {
 public:
    Unigram(Vocabulary given, std::vector<double> scores, std::optional<std::uint32_t> unk_id, bool byte_fallback,
            Sampling sampling)
        : scores_(std::move(scores)), unk_id_(unk_id.value_or(no_id)), sampling_(sampling) {
        vocabulary = std::move(given);
        std::vector<DoubleArray::Text> texts;
        texts.reserve(vocabulary.size());
        vocabulary.each([&](std::string_view text, std::uint32_t id) { texts.push_back({text, scores_[id], id}); });
        std::sort(texts.begin(), texts.end());
        trie_.build(texts);
        double least = std::numeric_limits<double>::infinity();
        for (const double score : scores_) least = std::min(least, score);
        unknown_score_ = least - unknown_penalty;
        for (unsigned byte = 0; byte < 256; ++byte) {
            char code[8];
            std::snprintf(code, sizeof code, "<0x%02X>", byte);
            fallback_[byte] = byte_fallback ? vocabulary.find(code) : no_id;
        }
    }

    std::string_view kind() const override { return "Unigram"; }
    bool draws() const override { return sampling_.alpha != 0 && sampling_.most != 1; }
    std::uint32_t unk_id() const override { return unk_id_; }
    std::size_t size() const override { return scores_.size(); }
    const std::vector<double>* scores() const override { return &scores_; }
    std::unique_ptr<Workspace> workspace() const override { return std::make_unique<UnigramWorkspace>(); }
    Size size_of(std::uint32_t id, bool) const override {
        if (draws() || id == unk_id_ || std::ranges::find(fallback_, id) != fallback_.end()) return {};
        const std::size_t size = vocabulary.token(id).size();
        return {size, size};
    }

    void tokenize(std::string_view piece, bool, Tokens& out, Workspace& base) const override {
        auto& work = static_cast<UnigramWorkspace&>(base);
        const bool remembers = piece.size() <= PieceCache::longest && !draws();
        PieceCache::Key key{};
        if (remembers) {
            key = PieceCache::key(piece);
            if (const auto known = work.cache.find(key); known.data()) return put_remembered(known, out);
        }
        find(piece, work);
        const std::size_t first = out.ids.size();
        const bool known = put(piece, work, out);
        const std::size_t count = out.ids.size() - first;
        if (remembers && known) work.cache.add(key, std::span(out.ids).subspan(first));
    }

    void tokenize(std::string_view text, std::span<const Span> pieces, bool, Tokens& out,
                  Workspace& base) const override {
        auto& work = static_cast<UnigramWorkspace&>(base);
        if (draws()) return Model::tokenize(text, pieces, false, out, base);
        look_up(text, pieces, work.cache, out.ids, work.found, [&](std::string_view piece, Tokens& found) {
            search(piece, work);
            return put(piece, work, found);
        });
    }

 private:
    void find(std::string_view piece, UnigramWorkspace& work) const {
        if (!draws()) return search(piece, work);
        if (sampling_.most == 0) return sample_all(piece, work);
        sample_likeliest(piece, work);
    }

    // Calls visit(end, score, node) for each token that may start there.
    template <class Visit>
    void each_token(std::string_view piece, std::uint32_t start, Visit visit) const {
        const auto character = static_cast<std::uint32_t>(unicode::length(static_cast<unsigned char>(piece[start])));
        bool has_character = false;
        std::uint32_t node = DoubleArray::root;
        for (std::uint32_t end = start; end < piece.size();) {
            node = trie_.step(node, static_cast<unsigned char>(piece[end++]));
            if (node == no_id) break;
            if (!trie_.ends(node)) continue;
            visit(end, trie_.score(node), node);
            has_character |= end - start == character;
        }
        if (!has_character) visit(start + character, unknown_score_, no_id);
    }

    // One way of all: forwards the logarithms of the sums of all ways to a place, backwards a token by chance.
    void sample_all(std::string_view piece, UnigramWorkspace& work) const {
        struct Arc {
            std::uint32_t start, node;
            double weight;
        };
        std::vector<std::vector<Arc>> arcs(piece.size() + 1);  // that end at a place
        std::vector<double> sums(piece.size() + 1, -std::numeric_limits<double>::infinity());
        sums[0] = 0;
        for (std::uint32_t start = 0; start < piece.size(); ++start) {
            if (unicode::continues(piece[start])) continue;
            each_token(piece, start, [&](std::uint32_t end, double score, std::uint32_t node) {
                if (node == no_id && unk_id_ == no_id) return;
                const double weight = sums[start] + sampling_.alpha * score;
                arcs[end].push_back({start, node, weight});
                const double high = std::max(sums[end], weight), low = std::min(sums[end], weight);
                sums[end] = high + std::log1p(std::exp(low - high));
            });
        }
        if (arcs.back().empty()) throw_unknown(piece);
        work.steps.assign(piece.size() + 1, {0, no_id, no_id});
        std::uniform_real_distribution<double> chance(0, 1);
        for (std::size_t end = piece.size(); end > 0;) {
            double left = chance(work.random);
            const Arc* taken = &arcs[end].back();
            for (const Arc& arc : arcs[end]) {
                left -= std::exp(arc.weight - sums[end]);
                if (left >= 0) continue;
                taken = &arc;
                break;
            }
            work.steps[end] = {0, taken->start, taken->node};
            end = taken->start;
        }
    }

    // One way of the likeliest: the best ways to each place are carried on.
    void sample_likeliest(std::string_view piece, UnigramWorkspace& work) const {
        struct Way {
            double score;
            std::uint32_t start, node, before;  // which of the ways to `start` it goes on from
        };
        std::vector<std::vector<Way>> ways(piece.size() + 1);
        ways[0] = {{0, 0, no_id, 0}};
        for (std::uint32_t start = 0; start <= piece.size(); ++start) {
            auto& here = ways[start];
            if (here.empty()) continue;
            std::stable_sort(here.begin(), here.end(), [](const Way& a, const Way& b) { return a.score > b.score; });
            if (here.size() > sampling_.most) here.resize(sampling_.most);
            if (start == piece.size()) break;
            each_token(piece, start, [&](std::uint32_t end, double score, std::uint32_t node) {
                if (node == no_id && unk_id_ == no_id) return;
                for (std::uint32_t i = 0; i < here.size(); ++i)
                    ways[end].push_back({here[i].score + score, start, node, i});
            });
        }
        const auto& last = ways[piece.size()];
        if (last.empty()) throw_unknown(piece);
        std::vector<double> weights;
        for (const Way& way : last) weights.push_back(std::exp(sampling_.alpha * (way.score - last[0].score)));
        std::size_t at = std::discrete_distribution<std::size_t>(weights.begin(), weights.end())(work.random);
        work.steps.assign(piece.size() + 1, {0, no_id, no_id});
        for (std::size_t end = piece.size(); end > 0;) {
            const Way& way = ways[end][at];
            work.steps[end] = {0, way.start, way.node};
            end = way.start, at = way.before;
        }
    }

    // Viterbi's algorithm; of ways with the same score the one whose last token starts first.
    void search(std::string_view piece, UnigramWorkspace& work) const {
        auto& steps = work.steps;
        const auto size = static_cast<std::uint32_t>(piece.size());
        steps.assign(piece.size() + 1, {0, no_id, no_id});
        for (std::uint32_t start = 0; start < size;) {
            const double before = steps[start].score;
            each_token(piece, start, [&](std::uint32_t end, double own, std::uint32_t node) {
                const double score = own + before;
                Step& step = steps[end];
                if (step.start != no_id && score <= step.score) return;
                if (node == no_id && unk_id_ == no_id) throw_unknown(piece.substr(start, end - start));
                step = {score, start, node};
            });
            start += static_cast<std::uint32_t>(unicode::length(static_cast<unsigned char>(piece[start])));
        }
    }

    // The tokens of the best way; unknown characters that stand together are one. False: some are not plain.
    bool put(std::string_view piece, UnigramWorkspace& work, Tokens& out) const {
        auto& ends = work.ends;
        ends.clear();
        for (auto end = static_cast<std::uint32_t>(piece.size()); end > 0; end = work.steps[end].start)
            ends.push_back(end);
        bool known = true;
        std::uint32_t start = 0;
        for (std::size_t left = ends.size(); left > 0;) {
            std::uint32_t end = ends[--left];
            const std::uint32_t id = id_of(work.steps[end]);
            if (id != unk_id_) {
                put_one(id, end, out);
            } else {
                while (left > 0 && id_of(work.steps[ends[left - 1]]) == unk_id_) end = ends[--left];
                known &= put_unknown(piece.substr(start, end - start), start, end, out);
            }
            start = end;
        }
        return known;
    }

    std::uint32_t id_of(const Step& step) const { return step.node == no_id ? unk_id_ : trie_.id(step.node); }

    static void put_one(std::uint32_t id, std::uint32_t end, Tokens& out) {
        out.ids.push_back(id);
        if (out.tracking) out.ends.push_back(end);
    }

    bool put_unknown(std::string_view text, std::uint32_t start, std::uint32_t end, Tokens& out) const {
        if (const std::uint32_t id = vocabulary.find(text); id != no_id) return put_one(id, end, out), true;
        auto known = [&](char byte) { return fallback_[static_cast<unsigned char>(byte)] != no_id; };
        if (std::all_of(text.begin(), text.end(), known)) {
            for (const char byte : text) {
                if (out.tracking) out.odd.push_back({out.ids.size(), start, end, false});
                put_one(fallback_[static_cast<unsigned char>(byte)], end, out);
            }
            return false;
        }
        if (out.tracking) out.odd.push_back({out.ids.size(), start, end, true});
        put_one(unk_id_, end, out);
        return false;
    }

    void put_remembered(std::span<const std::uint32_t> ids, Tokens& out) const {
        std::size_t end = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            end += vocabulary.token(ids[i]).size();
            put_one(ids[i], static_cast<std::uint32_t>(end), out);
        }
    }

    [[noreturn]] static void throw_unknown(std::string_view text) {
        throw NotedError("Encountered an unknown token but `unk_id` is missing",
                         "'" + std::string(text) +
                             "' is not in the vocabulary of the Unigram model, which has no unk_id; set unk_id to the "
                             "number of the unknown token in the vocabulary.");
    }

    std::vector<double> scores_;
    std::uint32_t unk_id_;
    Sampling sampling_;
    double unknown_score_ = 0;
    DoubleArray trie_;
    std::array<std::uint32_t, 256> fallback_{};
};

}  // namespace

std::shared_ptr<Model> make_unigram(const std::vector<std::pair<std::string_view, double>>& pieces,
                                    std::optional<std::uint32_t> unk_id, bool byte_fallback, Sampling sampling) {
    if (sampling.alpha != sampling.alpha || std::isinf(sampling.alpha))
        throw std::invalid_argument("alpha is no finite number.");
    if (unk_id && pieces.empty())
        throw std::invalid_argument(
            "the vocabulary of the Unigram model is empty; it needs at least the unknown token.");
    if (unk_id && *unk_id >= pieces.size())
        throw std::invalid_argument("unk_id is " + std::to_string(*unk_id) +
                                    ", but the vocabulary of the Unigram model has " + std::to_string(pieces.size()) +
                                    " tokens; unk_id is the number of one of them.");
    Vocabulary vocabulary;
    std::size_t bytes = 0;
    for (const auto& [text, score] : pieces) bytes += text.size();
    vocabulary.reserve(pieces.size(), bytes);
    std::vector<double> scores;
    scores.reserve(pieces.size());
    for (const auto& [text, score] : pieces) {
        if (score != score)
            throw std::invalid_argument("the score of '" + std::string(text) +
                                        "' is not a number; a score is the logarithm of a probability.");
        vocabulary.add(text, static_cast<std::uint32_t>(scores.size()));
        scores.push_back(score);
    }
    return std::make_shared<Unigram>(std::move(vocabulary), std::move(scores), unk_id, byte_fallback, sampling);
}

}  // namespace bearhug
