// Tokens and their ids.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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
    if (left > 0) {
        word = 0;
        __builtin_memcpy(&word, p, left);
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
    std::uint32_t find(std::string_view token) const;    // no_id: it has no such token
    bool has(std::uint32_t id) const { return entry_of(id) != no_id; }
    std::string_view token(std::uint32_t id) const;  // empty where has(id) is false
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
    std::uint32_t entry_of(std::uint32_t id) const;
    std::size_t slot_of(std::string_view token) const;
    void grow(std::size_t slots);

    std::string block_;
    std::vector<Entry> entries_;
    std::vector<std::uint32_t> slots_;                            // index of an entry, no_id: free
    std::vector<std::uint32_t> by_id_;                            // entry of an id, as long as ids are not far apart
    std::unordered_map<std::uint32_t, std::uint32_t> by_far_id_;  // the ids beyond
    std::uint32_t id_limit_ = 0;
};

}  // namespace bearhug
