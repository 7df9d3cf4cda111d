// A bounded memory of short pieces and their ids: 16 bytes of text and length as the key, up to four ids beside it.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "draft.hpp"
#include "tokens.hpp"
#include "vocabulary.hpp"

namespace bearhug {

class PieceCache {
 public:
    static constexpr std::size_t longest = 15;  // bytes of a piece
    static constexpr std::size_t most = 4;      // ids
    static constexpr std::size_t reads = 16;    // bytes that wide_key looks at, whatever the length of the piece

    struct Key {
        std::uint64_t low, high;
        bool operator==(const Key& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
    };

    // The bytes of a piece of 1 to 15 bytes, and its length in the last one. Reads nothing beyond the piece.
    static Key key(std::string_view piece) {
        const char* p = piece.data();
        const std::size_t size = piece.size();
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

    // The same without a branch; `reads` bytes from `p` on can be read.
    static Key wide_key(const char* p, std::size_t size) {
        return {load8(p) & masks[size].low, (load8(p + 8) & masks[size].high) | std::uint64_t{size} << 56};
    }

    static std::size_t slot(Key key) {
        const std::uint64_t hash = (key.low ^ (key.high * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
        return (hash >> (64 - bits)) & ~std::size_t{1};
    }

    // Before the first use of a slot.
    void open() {
        if (!table_) table_.reset(static_cast<Entry*>(std::calloc(std::size_t{1} << bits, sizeof(Entry))));
        if (!table_) throw std::bad_alloc();
    }
    void prefetch(std::size_t slot) const { __builtin_prefetch(table_.get() + slot); }

    // The ids of a piece, no_id behind the last where there are fewer than four; null: not remembered.
    const std::uint32_t* find(Key key, std::size_t slot) const {
        const Entry* pair = table_.get() + slot;
        const bool second = pair[1].key == key;
        return second || pair[0].key == key ? pair[second].ids : nullptr;
    }
    const std::uint32_t* find(Key key) {
        open();
        return find(key, slot(key));
    }

    void add(Key key, const std::uint32_t* ids, std::size_t count) {
        Entry* pair = table_.get() + slot(key);
        pair[1] = pair[0];  // the newest stands first, the older one is forgotten
        pair[0].key = key;
        for (std::size_t i = 0; i < most; ++i) pair[0].ids[i] = i < count ? ids[i] : no_id;
    }

 private:
    static constexpr int bits = 16;  // 2 MiB, of which only what is used is ever touched
    struct Entry {
        Key key;
        std::uint32_t ids[most];
    };
    struct Free {
        void operator()(Entry* table) const { std::free(table); }
    };
    static constexpr auto masks = [] {
        std::array<Key, longest + 1> made{};
        for (std::size_t size = 0; size <= longest; ++size)
            for (std::size_t i = 0; i < size; ++i)
                (i < 8 ? made[size].low : made[size].high) |= std::uint64_t{0xFF} << (8 * (i % 8));
        return made;
    }();
    static std::uint64_t load8(const char* from) {
        std::uint64_t word;
        std::memcpy(&word, from, 8);
        return word;
    }
    std::unique_ptr<Entry[], Free> table_;
};

// Adds the ids of pieces of a text. miss(piece, found) puts those of a piece that is not remembered; false: not to be
// remembered.
template <class Miss>
void look_up(std::string_view text, std::span<const Span> pieces, PieceCache& cache, std::vector<std::uint32_t>& ids,
             Tokens& found, Miss miss) {
    constexpr std::size_t group = 32;
    constexpr std::uint32_t too_long = ~std::uint32_t{0};
    cache.open();
    PieceCache::Key keys[group];
    std::uint32_t slots[group];
    std::size_t written = ids.size();
    ids.resize(written + pieces.size() * PieceCache::most);
    for (std::size_t done = 0; done < pieces.size(); done += group) {
        const std::size_t count = std::min(group, pieces.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            const Span piece = pieces[done + i];
            slots[i] = too_long;
            if (piece.size() > PieceCache::longest) continue;
            keys[i] = piece.start + PieceCache::reads <= text.size()
                          ? PieceCache::wide_key(text.data() + piece.start, piece.size())
                          : PieceCache::key(text.substr(piece.start, piece.size()));
            slots[i] = static_cast<std::uint32_t>(PieceCache::slot(keys[i]));
            cache.prefetch(slots[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            const bool remembers = slots[i] != too_long;
            if (const auto* known = remembers ? cache.find(keys[i], slots[i]) : nullptr) {
                std::memcpy(ids.data() + written, known, sizeof(std::uint32_t) * PieceCache::most);
                written += 1 + (known[1] != no_id) + (known[2] != no_id) + (known[3] != no_id);
                continue;
            }
            const Span piece = pieces[done + i];
            found.ids.clear();
            const bool plain = miss(text.substr(piece.start, piece.size()), found);
            const auto& made = found.ids;
            if (remembers && plain && made.size() <= PieceCache::most) cache.add(keys[i], made.data(), made.size());
            const std::size_t room = written + made.size() + (pieces.size() - done - i) * PieceCache::most;
            if (room > ids.size()) ids.resize(room);
            std::copy(made.begin(), made.end(), ids.begin() + static_cast<std::ptrdiff_t>(written));
            written += made.size();
        }
    }
    ids.resize(written);
}

}  // namespace bearhug
