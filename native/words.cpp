// The models that look whole words up: WordPiece and WordLevel.
#include <algorithm>
#include <stdexcept>

#include "double_array.hpp"
#include "model.hpp"
#include "unicode.hpp"

namespace bearhug {
namespace {

struct WordPieceWorkspace : Workspace {
    PieceCache cache;
    Tokens found;
    std::vector<std::uint32_t> ids;
    std::vector<std::uint32_t> ends;
};

class WordPiece : public Model {
 public:
    WordPiece(Vocabulary given, std::string unk_token, std::string prefix, std::size_t max_chars)
        : unk_token_(std::move(unk_token)), prefix_(std::move(prefix)), max_chars_(max_chars) {
        vocabulary = std::move(given);
        unk_id_ = vocabulary.find(unk_token_);
        std::vector<DoubleArray::Text> texts;
        texts.reserve(vocabulary.size());
        vocabulary.each([&](std::string_view token, std::uint32_t id) { texts.push_back({token, 0, id}); });
        std::sort(texts.begin(), texts.end());
        trie_.build(texts);
        behind_ = DoubleArray::root;
        for (const char byte : prefix_)
            if (behind_ != no_id) behind_ = trie_.step(behind_, static_cast<unsigned char>(byte));
    }

    std::string_view kind() const override { return "WordPiece"; }
    std::uint32_t unk_id() const override { return unk_id_; }
    std::unique_ptr<Workspace> workspace() const override { return std::make_unique<WordPieceWorkspace>(); }
    Size size_of(std::uint32_t id, bool) const override {
        if (id == unk_id_) return {};
        const auto token = vocabulary.token(id);
        return {token.size(), token.starts_with(prefix_) ? token.size() - prefix_.size() : 0};
    }
    using Model::tokenize;

    void tokenize(std::string_view piece, bool, Tokens& out, Workspace& base) const override {
        auto& work = static_cast<WordPieceWorkspace&>(base);
        const bool remembers = piece.size() <= PieceCache::longest;
        PieceCache::Key key{};
        if (remembers) {
            key = PieceCache::key(piece);
            if (const auto known = work.cache.find(key); known.data()) return put_remembered(known, piece, out);
        }
        if (!cut(piece, work)) put_unknown(piece, work);
        out.ids.insert(out.ids.end(), work.ids.begin(), work.ids.end());
        if (out.tracking) out.ends.insert(out.ends.end(), work.ends.begin(), work.ends.end());
        if (remembers) work.cache.add(key, work.ids);
    }

    void tokenize(std::string_view text, std::span<const Span> pieces, bool, Tokens& out,
                  Workspace& base) const override {
        auto& work = static_cast<WordPieceWorkspace&>(base);
        look_up(text, pieces, work.cache, out.ids, work.found, [&](std::string_view piece, Tokens& found) {
            if (!cut(piece, work)) put_unknown(piece, work);
            found.ids.assign(work.ids.begin(), work.ids.end());
            return true;
        });
    }

 private:
    // The longest token that the rest starts with, again and again. False: some of the piece is none.
    bool cut(std::string_view piece, WordPieceWorkspace& work) const {
        work.ids.clear(), work.ends.clear();
        if (piece.size() > max_chars_ && unicode::count(piece) > max_chars_) return false;
        for (std::size_t done = 0; done < piece.size();) {
            std::uint32_t node = done == 0 ? DoubleArray::root : behind_, last = no_id;
            std::size_t end = done;
            for (std::size_t at = done; at < piece.size() && node != no_id;) {
                node = trie_.step(node, static_cast<unsigned char>(piece[at++]));
                if (node != no_id && trie_.ends(node)) last = node, end = at;
            }
            if (last == no_id) return false;
            done = end;
            work.ids.push_back(trie_.id(last));
            work.ends.push_back(static_cast<std::uint32_t>(done));
        }
        return true;
    }

    void put_unknown(std::string_view piece, WordPieceWorkspace& work) const {
        if (unk_id_ == no_id)
            throw std::invalid_argument("'" + std::string(piece) +
                                        "' is not in the vocabulary, and neither is the WordPiece model's unk_token '" +
                                        unk_token_ +
                                        "'; add that token to the vocabulary or set unk_token to one that it has.");
        work.ids.assign(1, unk_id_);
        work.ends.assign(1, static_cast<std::uint32_t>(piece.size()));
    }

    void put_remembered(std::span<const std::uint32_t> ids, std::string_view piece, Tokens& out) const {
        std::size_t end = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
            out.ids.push_back(ids[i]);
            if (!out.tracking) continue;
            end += vocabulary.token(ids[i]).size() - (i > 0 ? prefix_.size() : 0);
            const bool last = i + 1 == ids.size();
            out.ends.push_back(static_cast<std::uint32_t>(last ? piece.size() : std::min(end, piece.size())));
        }
    }

    std::string unk_token_, prefix_;
    std::size_t max_chars_;
    std::uint32_t unk_id_;
    DoubleArray trie_;
    std::uint32_t behind_;  // where the tokens that start with the prefix go on; no_id: there are none
};

class WordLevel : public Model {
 public:
    WordLevel(Vocabulary given, std::string unk_token) : unk_token_(std::move(unk_token)) {
        vocabulary = std::move(given);
        unk_id_ = vocabulary.find(unk_token_);
    }
    std::string_view kind() const override { return "WordLevel"; }
    std::uint32_t unk_id() const override { return unk_id_; }
    Size size_of(std::uint32_t id, bool) const override {
        return {id == unk_id_ ? 0 : vocabulary.token(id).size(), 0};
    }
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
