#include "added.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace bearhug {

void AddedVocabulary::Patterns::build(const std::vector<std::pair<std::string_view, std::uint32_t>>& texts) {
    starts.fill(false);
    start.reset();
    pairs.reset();
    std::size_t size = 0;
    for (const auto& [text, id] : texts) size += text.size();
    empty = size == 0;
    trie = Trie();
    if (empty) return;
    trie.reserve(std::min<std::size_t>(size, 1 << 12));  // it grows: texts that begin alike share their paths
    for (const auto& [text, id] : texts)
        if (!text.empty()) add(text, id);
}

void AddedVocabulary::Patterns::add(std::string_view text, std::uint32_t id) {
    trie.add(0, text, id);
    const auto first = static_cast<unsigned char>(text[0]);
    for (std::size_t second = 0; second < 256; ++second)
        if (text.size() == 1 || second == static_cast<unsigned char>(text[1]))
            pairs.set(static_cast<std::size_t>(first) << 8 | second);
    if (std::exchange(starts[first], true)) return;
    start.reset();
    if (std::count(starts.begin(), starts.end(), true) == 1) start = static_cast<char>(first);
}

void AddedVocabulary::put(const AddedToken& token, std::uint32_t id) {
    ids_.own()[token.content] = id;
    auto& tokens = tokens_.own();
    tokens.insert_or_assign(tokens.empty() || id > tokens.rbegin()->first ? tokens.end() : tokens.lower_bound(id), id,
                            token);
}

std::size_t AddedVocabulary::add(const std::vector<AddedToken>& tokens, const Model& model,
                                 const Normalizer* normalizer) {
    std::size_t added = 0;
    std::uint32_t next = model.vocabulary.id_limit();
    if (!tokens_->empty()) next = std::max(next, tokens_->rbegin()->first + 1);
    for (const auto& token : tokens) {
        if (token.content.empty()) continue;
        std::uint32_t id = find(token.content);
        if (id != no_id && tokens_->at(id) == token) continue;
        if (id == no_id) id = model.vocabulary.find(token.content);
        if (id == no_id) id = next++;
        put(token, id);
        ++added;
    }
    refresh(normalizer);
    return added;
}

std::vector<std::string> AddedVocabulary::normalized(const std::vector<AddedToken>& tokens,
                                                     const Normalizer* normalizer) {
    std::vector<std::string> texts;
    texts.reserve(tokens.size());
    Draft draft;
    for (const auto& token : tokens) {
        draft.start(token.content, 0, false);
        if (token.normalized && normalizer) normalizer->apply(draft);
        texts.emplace_back(draft.text());
    }
    return texts;
}

std::optional<std::size_t> AddedVocabulary::add_new(const std::vector<AddedToken>& tokens,
                                                    const std::vector<std::string>& texts, const Model& model) {
    std::unordered_set<std::string_view> seen;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const auto& patterns = tokens[i].normalized ? *normalized_ : *raw_;
        if (tokens[i].content.empty() || texts[i].empty() || find(tokens[i].content) != no_id ||
            patterns.empty || patterns.has(texts[i]))
            return std::nullopt;
        if (!seen.insert(texts[i]).second || (texts[i] != tokens[i].content && !seen.insert(tokens[i].content).second))
            return std::nullopt;
    }
    std::uint32_t next = model.vocabulary.id_limit();
    if (!tokens_->empty()) next = std::max(next, tokens_->rbegin()->first + 1);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        std::uint32_t id = model.vocabulary.find(tokens[i].content);
        if (id == no_id) id = next++;
        put(tokens[i], id);
        if (texts[i] != tokens[i].content) shown_.own().emplace(id, texts[i]);
        (tokens[i].normalized ? normalized_ : raw_).own().add(texts[i], id);
    }
    return tokens.size();
}

void AddedVocabulary::load(const std::vector<std::pair<std::uint32_t, AddedToken>>& tokens, const Model& model,
                           const Normalizer* normalizer) {
    for (const auto& [given, token] : tokens) {
        if (token.content.empty()) continue;
        const std::uint32_t known = model.vocabulary.find(token.content);
        const std::uint32_t id = known != no_id ? known : given;
        std::string_view owner;
        if (const auto* other = this->token(id); other && other->content != token.content) owner = other->content;
        if (known == no_id && model.vocabulary.has(id)) owner = model.vocabulary.token(id);
        if (!owner.empty())
            throw std::invalid_argument("the added token '" + token.content + "' wants the id " + std::to_string(id) +
                                        ", which belongs to '" + std::string(owner) + "'; give it a free id, from " +
                                        std::to_string(model.vocabulary.id_limit()) + " on.");
        put(token, id);
    }
    refresh(normalizer);
}

void AddedVocabulary::remove(const std::vector<std::string>& contents, const Model&, const Normalizer* normalizer) {
    for (const auto& content : contents) {
        const std::uint32_t id = find(content);
        if (id == no_id) continue;
        tokens_.own().erase(id);
        ids_.own().erase(content);
    }
    refresh(normalizer);
}

void AddedVocabulary::refresh(const Normalizer* normalizer) {
    std::vector<std::pair<std::string_view, std::uint32_t>> raw, normalized;
    auto& shown = shown_.own();
    shown.clear();
    Draft draft;
    for (const bool special : {true, false}) {  // of equal texts a special token is found first
        for (const auto& [id, token] : *tokens_) {
            if (token.special != special) continue;
            if (!token.normalized) {
                raw.emplace_back(token.content, id);
                continue;
            }
            draft.start(token.content, 0, false);
            if (normalizer) normalizer->apply(draft);
            const bool changed = draft.text() != token.content;
            normalized.emplace_back(changed ? shown.emplace(id, draft.text()).first->second : token.content, id);
        }
    }
    raw_.own().build(raw);
    normalized_.own().build(normalized);
}

const AddedToken* AddedVocabulary::token(std::uint32_t id) const {
    const auto found = tokens_->find(id);
    return found == tokens_->end() ? nullptr : &found->second;
}

std::string_view AddedVocabulary::shown(const AddedToken& token, std::uint32_t id) const {
    const auto found = shown_->find(id);
    return found == shown_->end() ? std::string_view(token.content) : std::string_view(found->second);
}

std::uint32_t AddedVocabulary::find(std::string_view content) const {
    const auto found = ids_->find(content);
    return found == ids_->end() ? no_id : found->second;
}

std::size_t AddedVocabulary::outside(const Model& model) const {
    return static_cast<std::size_t>(std::count_if(
        ids_->begin(), ids_->end(), [&](const auto& entry) { return model.vocabulary.find(entry.first) == no_id; }));
}

bool AddedVocabulary::cut(std::string_view text, bool normalized, bool skip_special, std::vector<Part>& parts) const {
    parts.clear();
    const Patterns& patterns = normalized ? *normalized_ : *raw_;
    if (patterns.empty) return false;
    const char* const first = text.data();
    const char* const last = first + text.size();
    std::uint32_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (patterns.start) {
            const void* found = std::memchr(first + at, *patterns.start, text.size() - at);
            if (!found) break;
            at = static_cast<std::size_t>(static_cast<const char*>(found) - first);
        } else if (!patterns.starts[static_cast<unsigned char>(text[at])]) {
            ++at;
            continue;
        }
        if (at + 1 < text.size() &&
            !patterns.pairs[static_cast<std::size_t>(static_cast<unsigned char>(text[at])) << 8 |
                            static_cast<unsigned char>(text[at + 1])]) {
            ++at;
            continue;
        }
        const auto match = patterns.trie.longest(0, text.substr(at));
        if (match.id == no_id) {
            ++at;
            continue;
        }
        const char* start = first + at;
        const char* end = start + match.size;
        at += match.size;  // the search goes on behind the match, whatever becomes of it
        const AddedToken& token = tokens_->at(match.id);
        if (skip_special && token.special) continue;
        if (token.single_word) {
            const char* before = start;
            const char* behind = end;
            if (before > first && unicode::is(unicode::previous(before), unicode::added_word)) continue;
            if (behind < last && unicode::is(unicode::next(behind), unicode::added_word)) continue;
        }
        if (token.lstrip) {
            for (const char* p = start; p > first && unicode::is(unicode::previous(p), unicode::space);) start = p;
            start = std::max(start, first + done);  // the token before may have taken that space
            if (start >= end) continue;             // or all of this token
        }
        if (token.rstrip)
            for (const char* p = end; p < last && unicode::is(unicode::next(p), unicode::space);) end = p;
        const Span span{static_cast<std::uint32_t>(start - first), static_cast<std::uint32_t>(end - first)};
        if (done < span.start) parts.push_back({{done, span.start}, no_id});
        parts.push_back({span, match.id});
        done = span.end;  // before the end of a token that took this one's space: the reference reads that space again
    }
    if (parts.empty()) return false;
    if (done < text.size()) parts.push_back({{done, static_cast<std::uint32_t>(text.size())}, no_id});
    return true;
}

}  // namespace bearhug
