// A bounded memory of short pieces and their ids: 16 bytes of text and length as the key, up to four ids beside it.
#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "vocabulary.hpp"

namespace bearhug {

class PieceCache {
 public:
    static constexpr std::size_t longest = 15;  // bytes of a piece
    static constexpr std::size_t most = 4;      // ids

    struct Key {
        std::uint64_t low, high;
        bool operator==(const Key&) const = default;
    };

    // The bytes of a piece of 1 to 15 bytes, and its length in the last one. Reads nothing beyond the piece.
    static Key key(std::string_view piece) {
        const char* p = piece.data();
        const std::size_t size = piece.size();
        auto load8 = [](const char* from) {
            std::uint64_t word;
            std::memcpy(&word, from, 8);
            return word;
        };
        auto load4 = [](const char* from) {
            std::uint32_t word;
            std::memcpy(&word, from, 4);
            return std::uint64_t{word};
        };
        auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(p[at])} << (8 * at); };
        Key key{0, std::uint64_t{size} << 56};
        if (size > 8) {
            key.low = load8(p);
            key.high |= load8(p + size - 8) >> (8 * (16 - size));
        } else if (size >= 4) {
            key.low = load4(p) | load4(p + size - 4) << (8 * (size - 4));
        } else {
            key.low = byte(0) | byte(size / 2) | byte(size - 1);
        }
        return key;
    }

    // The ids of a piece, no_id behind the last where there are fewer than four; null: not remembered.
    const std::uint32_t* find(Key key) {
        if (table_.empty()) table_.resize(std::size_t{1} << bits);
        Entry* pair = &table_[slot(key)];
        if (pair[0].key == key) return pair[0].ids;
        if (pair[1].key == key) return pair[1].ids;
        return nullptr;
    }

    void add(Key key, const std::uint32_t* ids, std::size_t count) {
        Entry* pair = &table_[slot(key)];
        pair[1] = pair[0];  // the newest stands first, the older one is forgotten
        pair[0].key = key;
        for (std::size_t i = 0; i < most; ++i) pair[0].ids[i] = i < count ? ids[i] : no_id;
    }

 private:
    static constexpr int bits = 15;
    struct alignas(32) Entry {
        Key key{0, 0};
        std::uint32_t ids[most]{};
    };
    static std::size_t slot(Key key) {
        const std::uint64_t hash = (key.low ^ (key.high * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
        return (hash >> (64 - bits)) & ~std::size_t{1};
    }
    std::vector<Entry> table_;
};

}  // namespace bearhug
