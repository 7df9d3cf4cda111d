// Tokens and their ids.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pages.hpp"

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

// Texts -> ids, in one block of memory and an open-addressing table. Ids may have holes; two texts may share an id
// (then the last one added is the id's text).
class Vocabulary {
 public:
    void reserve(std::size_t tokens, std::size_t bytes);
    void add(std::string_view token, std::uint32_t id);  // replaces the id of a token that it has
    // Adds to an empty one. False where a token comes twice.
    bool add_all(const PagedVector<std::pair<std::string_view, std::uint32_t>>& tokens);
    std::uint32_t find(std::string_view token) const;  // no_id: it has no such token
    // The same in four steps, for many tokens at once: what each step reads has been fetched since the one before.
    struct Search {
        std::string_view token;
        std::uint64_t hash;
        std::uint32_t entry;  // that stands where the search begins
        void start(const Vocabulary& in, std::string_view wanted) {
            token = wanted;
            hash = hash_bytes(wanted);
            __builtin_prefetch(&in.slots_[hash & (in.slots_.size() - 1)]);
        }
        void fetch_entry(const Vocabulary& in) {
            entry = in.slots_[hash & (in.slots_.size() - 1)].entry;
            if (entry != no_id) __builtin_prefetch(&in.entries_[entry]);
        }
        void fetch_text(const Vocabulary& in) const {
            if (entry != no_id) __builtin_prefetch(in.block_.data() + in.entries_[entry].start);
        }
        std::uint32_t finish(const Vocabulary& in) const {
            const std::uint32_t entry = in.slots_[in.slot_of(token, hash)].entry;
            return entry == no_id ? no_id : in.entries_[entry].id;
        }
    };
    bool has(std::uint32_t id) const { return entry_of(id) != no_id; }
    std::string_view token(std::uint32_t id) const;  // empty where has(id) is false
    // Whether the id's token is the two texts together.
    bool is(std::uint32_t id, std::string_view left, std::string_view right) const {
        const std::uint32_t index = entry_of(id);
        if (index == no_id || entries_[index].id != id) return false;
        const auto token = text(entries_[index]);
        return token.size() == left.size() + right.size() && token.starts_with(left) && token.ends_with(right);
    }
    std::size_t size() const { return entries_.size(); }
    std::uint32_t id_limit() const { return id_limit_; }  // one more than the largest id

    template <class Visit>
    void each(Visit visit) const {  // in the order in which they were added
        for (const auto& entry : entries_) visit(text(entry), entry.id);
    }

 private:
    struct Entry {
        std::uint64_t start;
        std::uint32_t size, id;
    };
    std::string_view text(const Entry& entry) const { return {block_.data() + entry.start, entry.size}; }
    std::uint32_t entry_of(std::uint32_t id) const {
        if (id < by_id_.size() && by_id_[id] != no_id) return by_id_[id];
        if (by_far_id_.empty()) return no_id;
        const auto found = by_far_id_.find(id);
        return found == by_far_id_.end() ? no_id : found->second;
    }
    struct Slot {
        std::uint32_t entry = no_id;  // its index; no_id: free
        std::uint32_t mark = 0;       // of the token's hash: most other tokens are told apart by it
    };
    static std::uint32_t mark_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }
    std::size_t slot_of(std::string_view token, std::uint64_t hash) const {
        const std::size_t mask = slots_.size() - 1;
        std::size_t slot = hash & mask;
        while (slots_[slot].entry != no_id &&
               (slots_[slot].mark != mark_of(hash) || text(entries_[slots_[slot].entry]) != token))
            slot = (slot + 1) & mask;
        return slot;
    }
    void grow(std::size_t slots);
    void set_entry_of(std::uint32_t id, std::uint32_t entry);

    std::string block_;
    PagedVector<Entry> entries_;
    PagedVector<Slot> slots_;
    std::vector<std::uint32_t> by_id_;                            // entry of an id, as long as ids are not far apart
    std::unordered_map<std::uint32_t, std::uint32_t> by_far_id_;  // the ids beyond
    std::uint32_t id_limit_ = 0;
};

}  // namespace bearhug
