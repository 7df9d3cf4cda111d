// Added tokens: found in the text before anything else happens to it, around the model's vocabulary.
#pragma once
#include <array>
#include <bitset>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model.hpp"
#include "normalizer.hpp"
#include "shared.hpp"
#include "trie.hpp"

namespace bearhug {

struct AddedToken {
    std::string content;
    bool single_word = false;  // not beside a letter, digit, mark or underscore
    bool lstrip = false;       // takes the white space before it along
    bool rstrip = false;       // and behind it
    bool normalized = true;    // is looked for, normalized, in the normalized text
    bool special = false;      // is left out when decoding skips special tokens
    // Nobody has said `normalized`: it is the opposite of `special`, also when that changes. Not a part of what it is.
    struct Unsaid {
        bool normalized = false;
        bool operator==(const Unsaid&) const { return true; }
    } unsaid = {};
    void make_special(bool value) {
        special = value;
        if (unsaid.normalized) normalized = !special;
    }
    bool operator==(const AddedToken&) const = default;
};

class AddedVocabulary {
 public:
    // Adds tokens behind the vocabulary, or marks those that it has. Returns how many were not there, equal in all
    // flags.
    std::size_t add(const std::vector<AddedToken>& tokens, const Model& model, const Normalizer* normalizer);
    // How tokens look in normalized text, for add_new.
    static std::vector<std::string> normalized(const std::vector<AddedToken>& tokens, const Normalizer* normalizer);
    // As add, at a cost that does not depend on how many are there. texts: the tokens', as `normalized` gives them. None,
    // and nothing done, where a token or its text is there already.
    std::optional<std::size_t> add_new(const std::vector<AddedToken>& tokens, const std::vector<std::string>& texts,
                                       const Model& model);
    // Adds tokens at given ids. Throws std::invalid_argument where an id belongs to another token.
    void load(const std::vector<std::pair<std::uint32_t, AddedToken>>& tokens, const Model& model,
              const Normalizer* normalizer);
    void remove(const std::vector<std::string>& contents, const Model& model, const Normalizer* normalizer);
    // The normalizer has changed: the normalized tokens look different in the text.
    void refresh(const Normalizer* normalizer);

    const AddedToken* token(std::uint32_t id) const;
    // What a token looks like among others, and decoded: normalized, where it is looked for in normalized text.
    std::string_view shown(const AddedToken& token, std::uint32_t id) const;
    bool shows_otherwise(std::uint32_t id) const { return !shown_->empty() && shown_->contains(id); }
    std::uint32_t find(std::string_view content) const;
    const std::map<std::uint32_t, AddedToken>& tokens() const { return *tokens_; }
    std::size_t outside(const Model& model) const;  // how many the model does not have

    struct Part {
        Span span;
        std::uint32_t id;  // no_id: text between tokens
    };
    // The text, part by part. normalized: looks for the tokens that are matched in normalized text. skip_special:
    // special tokens are ordinary text. False, and no parts, where nothing is found.
    bool cut(std::string_view text, bool normalized, bool skip_special, std::vector<Part>& parts) const;

 private:
    struct Patterns {
        Trie trie;
        std::array<bool, 256> starts{};  // bytes that some pattern starts with
        std::optional<char> start;       // the only one
        std::bitset<1 << 16> pairs;      // and the first two bytes, whatever the second one of a pattern of one
        bool empty = true;
        void build(const std::vector<std::pair<std::string_view, std::uint32_t>>& texts);
        void add(std::string_view text, std::uint32_t id);
        bool has(std::string_view text) const { return !empty && trie.longest(0, text).size == text.size(); }
    };
    void put(const AddedToken& token, std::uint32_t id);

    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return hash_bytes(text); }
    };
    Shared<std::map<std::uint32_t, AddedToken>> tokens_;
    Shared<std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>>> ids_;
    Shared<std::unordered_map<std::uint32_t, std::string>> shown_;  // of those that normalizing changes
    Shared<Patterns> raw_, normalized_;
};

}  // namespace bearhug
