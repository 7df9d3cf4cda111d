// The models that look whole words up: WordPiece and WordLevel.
#include <algorithm>
#include <stdexcept>

#include "model.hpp"
#include "trie.hpp"
#include "unicode.hpp"

namespace bearhug {
namespace {

struct WordPieceWorkspace : Workspace {
    PieceCache cache;
    std::vector<std::uint32_t> ids;
    std::vector<std::uint32_t> ends;
};

class WordPiece : public Model {
 public:
    WordPiece(Vocabulary given, std::string unk_token, std::string prefix, std::size_t max_chars)
        : unk_token_(std::move(unk_token)), prefix_(std::move(prefix)), max_chars_(max_chars) {
        vocabulary = std::move(given);
        unk_id_ = vocabulary.find(unk_token_);
        std::size_t size = 0;
        vocabulary.each([&](std::string_view token, std::uint32_t) { size += 2 * token.size(); });
        trie_.reserve(size);
        vocabulary.each([&](std::string_view token, std::uint32_t id) {
            trie_.add(first, token, id);
            if (token.starts_with(prefix_)) trie_.add(behind, token.substr(prefix_.size()), id);
        });
    }

    std::string_view kind() const override { return "WordPiece"; }
    std::uint32_t unk_id() const override { return unk_id_; }
    std::unique_ptr<Workspace> workspace() const override { return std::make_unique<WordPieceWorkspace>(); }
    using Model::tokenize;

    void tokenize(std::string_view piece, bool, Tokens& out, Workspace& base) const override {
        auto& work = static_cast<WordPieceWorkspace&>(base);
        const bool remembers = piece.size() <= PieceCache::longest;
        PieceCache::Key key{};
        if (remembers) {
            key = PieceCache::key(piece);
            if (const std::uint32_t* ids = work.cache.find(key)) return put_remembered(ids, piece, out);
        }
        cut(piece, work);
        out.ids.insert(out.ids.end(), work.ids.begin(), work.ids.end());
        if (out.tracking) out.ends.insert(out.ends.end(), work.ends.begin(), work.ends.end());
        if (remembers && work.ids.size() <= PieceCache::most) work.cache.add(key, work.ids.data(), work.ids.size());
    }

 private:
    static constexpr std::uint32_t first = 0, behind = 1;

    void cut(std::string_view piece, WordPieceWorkspace& work) const {
        work.ids.clear(), work.ends.clear();
        bool known = piece.size() <= max_chars_ || unicode::count(piece) <= max_chars_;
        for (std::size_t done = 0; known && done < piece.size();) {
            const auto match = trie_.longest(done == 0 ? first : behind, piece.substr(done));
            known = match.size > 0;
            done += match.size;
            work.ids.push_back(match.id);
            work.ends.push_back(static_cast<std::uint32_t>(done));
        }
        if (known) return;
        if (unk_id_ == no_id)
            throw std::invalid_argument("'" + std::string(piece) +
                                        "' is not in the vocabulary, and neither is the WordPiece model's unk_token '" +
                                        unk_token_ +
                                        "'; add that token to the vocabulary or set unk_token to one that it has.");
        work.ids.assign(1, unk_id_);
        work.ends.assign(1, static_cast<std::uint32_t>(piece.size()));
    }

    void put_remembered(const std::uint32_t* ids, std::string_view piece, Tokens& out) const {
        std::size_t end = 0;
        for (std::size_t i = 0; i < PieceCache::most && ids[i] != no_id; ++i) {
            out.ids.push_back(ids[i]);
            if (!out.tracking) continue;
            end += vocabulary.token(ids[i]).size() - (i > 0 ? prefix_.size() : 0);
            const bool last = i + 1 == PieceCache::most || ids[i + 1] == no_id;
            out.ends.push_back(static_cast<std::uint32_t>(last ? piece.size() : std::min(end, piece.size())));
        }
    }

    std::string unk_token_, prefix_;
    std::size_t max_chars_;
    std::uint32_t unk_id_;
    Trie trie_;
};

class WordLevel : public Model {
 public:
    WordLevel(Vocabulary given, std::string unk_token) : unk_token_(std::move(unk_token)) {
        vocabulary = std::move(given);
        unk_id_ = vocabulary.find(unk_token_);
    }
    std::string_view kind() const override { return "WordLevel"; }
    std::uint32_t unk_id() const override { return unk_id_; }
    using Model::tokenize;
    void tokenize(std::string_view piece, bool, Tokens& out, Workspace&) const override {
        std::uint32_t id = vocabulary.find(piece);
        if (id == no_id) id = unk_id_;
        if (id == no_id)
            throw std::invalid_argument("'" + std::string(piece) +
                                        "' is not in the vocabulary, and neither is the WordLevel model's unk_token '" +
                                        unk_token_ +
                                        "'; add that token to the vocabulary or set unk_token to one that it has.");
        out.ids.push_back(id);
        if (out.tracking) out.ends.push_back(static_cast<std::uint32_t>(piece.size()));
    }

 private:
    std::string unk_token_;
    std::uint32_t unk_id_;
};

}  // namespace

std::shared_ptr<Model> make_wordpiece(Vocabulary vocabulary, std::string unk_token, std::string prefix,
                                      std::size_t max_chars) {
    return std::make_shared<WordPiece>(std::move(vocabulary), std::move(unk_token), std::move(prefix), max_chars);
}

std::shared_ptr<Model> make_wordlevel(Vocabulary vocabulary, std::string unk_token) {
    return std::make_shared<WordLevel>(std::move(vocabulary), std::move(unk_token));
}

}  // namespace bearhug
