// Models: a piece of text -> tokens.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cache.hpp"
#include "draft.hpp"
#include "merges.hpp"
#include "tokens.hpp"
#include "vocabulary.hpp"

namespace bearhug {

// What one thread needs while it encodes; kept from call to call.
struct Workspace {
    virtual ~Workspace() = default;
};

class Model {
 public:
    virtual ~Model() = default;
    // Adds the tokens of a piece that is not empty. bytes: each byte of the piece stands for one of the characters of
    // bytes.hpp; only where reads_bytes(). Throws std::invalid_argument where the model cannot say what an unknown
    // piece is.
    virtual void tokenize(std::string_view piece, bool bytes, Tokens& out, Workspace& work) const = 0;
    // Adds the tokens of pieces that follow one another, the first from `start` on, to the given ends; not for
    // tracking. counts: how many tokens there are in `out` after each piece.
    virtual void tokenize(std::string_view text, std::uint32_t start, std::span<const std::uint32_t> ends, bool bytes,
                          Tokens& out, Workspace& work, std::uint32_t* counts) const {
        for (const auto end : ends) {
            tokenize(text.substr(start, end - start), bytes, out, work);
            *counts++ = static_cast<std::uint32_t>(out.ids.size());
            start = end;
        }
    }
    // Adds the tokens of pieces of a text; not for tracking.
    virtual void tokenize(std::string_view text, std::span<const Span> pieces, bool bytes, Tokens& out,
                          Workspace& work) const {
        for (const auto& piece : pieces) tokenize(text.substr(piece.start, piece.size()), bytes, out, work);
    }
    // How many bytes of a piece a token takes, as its first token and behind others; 0: its text alone does not say.
    struct Size {
        std::size_t first = 0, later = 0;
    };
    virtual Size size_of(std::uint32_t, [[maybe_unused]] bool bytes) const { return {}; }
    virtual bool reads_bytes() const { return false; }
    virtual bool draws() const { return false; }  // tokens by chance: the next time others
    virtual std::unique_ptr<Workspace> workspace() const { return std::make_unique<Workspace>(); }
    virtual std::string_view kind() const = 0;
    // BPE's merges, the first rank first, as texts of the vocabulary.
    virtual void each_merge(const std::function<void(std::string_view left, std::string_view right)>&) const {}
    virtual std::uint32_t unk_id() const { return no_id; }
    // Whether there may be pieces, or parts of them, that become no token.
    bool may_drop(bool bytes) const { return unk_id() == no_id && !(bytes && reads_bytes()); }
    virtual std::size_t size() const { return vocabulary.size(); }
    virtual const std::vector<double>* scores() const { return nullptr; }  // of a Unigram model's ids

    Vocabulary vocabulary;
    std::string json;  // how tokenizer.json describes it, without vocabulary and merges
};

struct BpeSettings {
    std::optional<float> dropout;
    std::optional<std::string> unk_token, continuing_subword_prefix, end_of_word_suffix;
    bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
};

// Byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909), of merges by rank.
std::shared_ptr<Model> make_bpe(Vocabulary vocabulary, Shared<MadeMerges> merges, BpeSettings settings);

// Longest match first (Schuster and Nakajima 2012; Devlin et al. 2019).
std::shared_ptr<Model> make_wordpiece(Vocabulary vocabulary, std::string unk_token, std::string prefix,
                                      std::size_t max_chars);

// A piece is a token, or unknown.
std::shared_ptr<Model> make_wordlevel(Vocabulary vocabulary, std::string unk_token);

// The likeliest tokens (Kudo 2018, arXiv:1804.10959); a token's id is its place. Throws std::invalid_argument where
// unk_id is the id of none. sampling: a way is drawn by chance, in proportion to its probability to the power of alpha;
// of all ways, or of the `most` likeliest where that is not 0.
struct Sampling {
    double alpha = 0;  // 0: the likeliest way
    std::size_t most = 0;
};
std::shared_ptr<Model> make_unigram(const std::vector<std::pair<std::string_view, double>>& pieces,
                                    std::optional<std::uint32_t> unk_id, bool byte_fallback, Sampling sampling);

}  // namespace bearhug
