// Tokens and their ids.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pages.hpp"
#include "shared.hpp"

namespace bearhug {

constexpr std::uint32_t no_id = 0xFFFFFFFF;

inline std::uint64_t hash_bytes(std::string_view text) {
    std::uint64_t hash = 0x9E3779B97F4A7C15u ^ text.size();
    auto mix = [&](std::uint64_t word) {
        const auto product = static_cast<unsigned __int128>(hash ^ word) * 0xD6E8FEB86659FD93u;
        hash = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    const char* p = text.data();
    std::size_t left = text.size();
    std::uint64_t word = 0;
    for (; left >= 8; p += 8, left -= 8) {
        __builtin_memcpy(&word, p, 8);
        mix(word);
    }
    if (left > 0) {  // the last bytes, read as a word or two: a copy of so many bytes is slow
        if (text.size() >= 8) {
            __builtin_memcpy(&word, p + left - 8, 8);
            word >>= 8 * (8 - left);
        } else if (left >= 4) {
            std::uint32_t low, high;
            __builtin_memcpy(&low, p, 4);
            __builtin_memcpy(&high, p + left - 4, 4);
            word = low | std::uint64_t{high} << (8 * (left - 4));
        } else {
            auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(p[at])} << (8 * at); };
            word = byte(0) | byte(left / 2) | byte(left - 1);
        }
        mix(word);
    }
    return hash ^ hash >> 32;
}

// Whether so many bytes are equal. Of fewer than eight, eight may be read.
inline bool same_in_room(const char* a, const char* b, std::size_t size) {
    auto word = [](const char* p) {
        std::uint64_t value;
        __builtin_memcpy(&value, p, 8);
        return value;
    };
    if (size < 8) return size == 0 || (word(a) ^ word(b)) << (64 - 8 * size) == 0;
    if (word(a) != word(b) || word(a + size - 8) != word(b + size - 8)) return false;
    return size <= 16 || __builtin_memcmp(a + 8, b + 8, size - 16) == 0;
}

// Texts -> ids, in one block of memory and an open-addressing table. Ids may have holes; two texts may share an id
// (then the last one added is the id's text). Copies share their tables until one of them is changed.
class Vocabulary {
 public:
    // Bytes that may be read behind a token's text, whatever they are.
    static constexpr std::size_t slack = 16;

    void reserve(std::size_t tokens, std::size_t bytes);
    void make_room(std::size_t tokens, std::size_t bytes);  // that is not memory until it is written to
    void add(std::string_view token, std::uint32_t id);  // replaces the id of a token that it has
    // Filling one that is empty: tokens are put, and found when all of them are there. False where one came twice.
    void put(std::string_view token, std::uint32_t id) { put(tables_.own(), token, id); }
    bool finish();
    std::uint32_t find(std::string_view token) const { return Search(token).finish(*this); }  // no_id: it has none

    // The same in steps, for many tokens at once: what each step reads has been fetched since the one before.
    class Search {
     public:
        Search() = default;
        explicit Search(std::string_view token) : token_(token) {
            if (token.size() > shortest) {
                hash_ = hash_bytes(token);
                key_ = hash_ | std::uint64_t{0xFF} << 56;
            } else {
                set_short(bytes(token));
            }
        }
        // So many bytes as `slack` may be read where the token starts.
        static Search in_room(std::string_view token) {
            if (token.size() > shortest) return Search(token);
            Search out;
            out.token_ = token;
            std::uint64_t word;
            __builtin_memcpy(&word, token.data(), 8);
            out.set_short(token.empty() ? 0 : word << (64 - 8 * token.size()) >> (64 - 8 * token.size()));
            return out;
        }
        void fetch_slot(const Vocabulary& in) const { __builtin_prefetch(&in.tables_->slot(hash_)); }
        void fetch_entry(const Vocabulary& in) const {
            if (token_.size() <= shortest) return;
            const Slot& slot = in.tables_->slot(hash_);
            if (slot.key == key_) __builtin_prefetch(&in.tables_->entries[slot.entry]);
        }
        void fetch_text(const Vocabulary& in) const {
            if (token_.size() <= shortest) return;
            const auto& tables = *in.tables_;
            const Slot& slot = tables.slot(hash_);
            if (slot.key == key_) __builtin_prefetch(tables.block.data() + tables.entries[slot.entry].start);
        }
        std::uint32_t finish(const Vocabulary& in) const {
            if (in.tables_->slots.empty()) return no_id;
            const Slot& slot = in.tables_->slots[in.tables_->find(token_, key_, hash_)];
            return slot.key == 0 ? no_id : slot.id;
        }

     private:
        friend class Vocabulary;
        static constexpr std::size_t shortest = 7;
        // A short token is its own key, below its size.
        void set_short(std::uint64_t bytes) {
            key_ = bytes | std::uint64_t{token_.size() + 1} << 56;
            const auto product = static_cast<unsigned __int128>(key_ ^ 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
            hash_ = static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
        }
        static std::uint64_t bytes(std::string_view text) {  // up to seven
            const char* const p = text.data();
            if (text.size() >= 4) {
                std::uint32_t low, high;
                __builtin_memcpy(&low, p, 4);
                __builtin_memcpy(&high, p + text.size() - 4, 4);
                return low | std::uint64_t{high} << (8 * (text.size() - 4));
            }
            if (text.empty()) return 0;
            auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(p[at])} << (8 * at); };
            return byte(0) | byte(text.size() / 2) | byte(text.size() - 1);
        }
        std::string_view token_;
        std::uint64_t key_ = 0, hash_ = 0;
    };
    bool has(std::uint32_t id) const { return tables_->entry_of(id) != no_id; }
    std::string_view token(std::uint32_t id) const {  // empty where has(id) is false
        const auto index = tables_->entry_of(id);
        return index == no_id ? std::string_view{} : tables_->text(tables_->entries[index]);
    }
    // Whether the id's token is the two texts together; in_room: `slack` bytes may be read where each starts.
    bool is(std::uint32_t id, std::string_view left, std::string_view right, bool in_room) const {
        const auto token = this->token(id);
        if (token.size() != left.size() + right.size() || !has(id)) return false;
        if (!in_room) return token.starts_with(left) && token.ends_with(right);
        return same_in_room(token.data(), left.data(), left.size()) &&
               same_in_room(token.data() + left.size(), right.data(), right.size());
    }
    std::size_t size() const { return tables_->entries.size(); }
    std::uint32_t id_limit() const { return tables_->id_limit; }  // one more than the largest id
    bool is_copy_of(const Vocabulary& other) const { return &*tables_ == &*other.tables_; }

    template <class Visit>
    void each(Visit visit) const {  // in the order in which they were added
        for (const auto& entry : tables_->entries) visit(tables_->text(entry), entry.id);
    }

 private:
    struct Entry {
        std::uint64_t start;
        std::uint32_t size, id;
    };
    struct Slot {
        std::uint64_t key;  // the bytes of a short token and its size, or the hash of another one; 0: free
        std::uint32_t id, entry;
    };
    struct Tables {
        PagedVector<char> block;  // with slack behind the last text
        PagedVector<Entry> entries;
        ZeroedTable<Slot> slots;
        std::vector<std::uint32_t> by_id;                            // entry of an id, while ids are not far apart
        std::unordered_map<std::uint32_t, std::uint32_t> by_far_id;  // the ids beyond
        std::uint32_t id_limit = 0;

        std::string_view text(const Entry& entry) const { return {block.data() + entry.start, entry.size}; }
        bool is_text(const Entry& entry, std::string_view long_token) const {
            return entry.size == long_token.size() &&
                   same_in_room(block.data() + entry.start, long_token.data(), long_token.size());
        }
        const Slot& slot(std::uint64_t hash) const { return slots[hash & (slots.size() - 1)]; }
        std::size_t find(std::string_view token, std::uint64_t key, std::uint64_t hash) const {
            const std::size_t mask = slots.size() - 1;
            std::size_t at = hash & mask;
            while (slots[at].key != 0 && (slots[at].key != key || (token.size() > Search::shortest &&
                                                                   !is_text(entries[slots[at].entry], token))))
                at = (at + 1) & mask;
            return at;
        }
        std::uint32_t entry_of(std::uint32_t id) const {
            if (id < by_id.size() && by_id[id] != no_id) return by_id[id];
            if (by_far_id.empty()) return no_id;
            const auto found = by_far_id.find(id);
            return found == by_far_id.end() ? no_id : found->second;
        }
        void set_entry_of(std::uint32_t id, std::uint32_t entry);
    };
    static void put(Tables& tables, std::string_view token, std::uint32_t id);
    static bool index(Tables& tables, std::size_t slots);

    Shared<Tables> tables_;
};

}  // namespace bearhug
