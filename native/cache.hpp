// Bounded memories of pieces and their ids.
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
#include "pages.hpp"
#include "tokens.hpp"
#include "vocabulary.hpp"

namespace bearhug {

// Zeros. They cost nothing until they are touched where they are few, and come in large pages where they are many.
template <class T>
class Zeros {
 public:
    explicit operator bool() const { return data() != nullptr; }
    void make(std::size_t count) {
        if (count * sizeof(T) >= LargePages<T>::page) {
            many_ = PagedVector<T>(count);
            std::memset(static_cast<void*>(many_.data()), 0, count * sizeof(T));
            return;
        }
        few_.reset(static_cast<T*>(std::calloc(count, sizeof(T))));
        if (!few_) throw std::bad_alloc();
    }
    T* data() const { return few_ ? few_.get() : const_cast<T*>(many_.data()); }

 private:
    struct Free {
        void operator()(T* items) const { std::free(items); }
    };
    std::unique_ptr<T[], Free> few_;
    PagedVector<T> many_;
};

inline std::uint64_t load8(const char* from) {
    std::uint64_t word;
    std::memcpy(&word, from, 8);
    return word;
}

// Short pieces: 16 bytes of text and length as the key, up to three ids beside it.
class PieceCache {
 public:
    static constexpr std::size_t longest = 15;  // bytes of a piece
    static constexpr std::size_t most = 3;      // ids
    static constexpr std::size_t reads = 16;    // bytes that wide_key looks at, whatever the length of the piece

    struct Key {
        std::uint64_t low, high;
        bool operator==(const Key& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
    };
    struct Entry {
        Key key;
        std::uint32_t ids[most], count;
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

    static std::uint64_t hash(Key key) {  // its highest bits are the best
        return (key.low ^ (key.high * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
    }
    // Where a piece is, if it is anywhere: one of two entries that follow one another.
    struct Table {
        Entry* entries;
        int shift;
        Entry* pair(Key key) const { return entries + (hash(key) >> shift << 1); }
    };
    // It is larger now if much has been added since the last time.
    Table table() {
        if (added_ >= std::size_t{1} << bits_ >> 1 && bits_ < most_bits) grow();
        return {table_.data(), 65 - bits_};
    }
    // Null: not remembered.
    static const Entry* find(const Entry* pair, Key key) {
        const bool first = pair[0].key == key, second = pair[1].key == key;
        return first | second ? pair + second : nullptr;  // which of the two is anybody's guess: no branch
    }
    const Entry* find(Key key) { return find(table().pair(key), key); }

    void add(Key key, std::span<const std::uint32_t> ids) {
        if (ids.size() > most) return;
        Entry entry{key, {}, static_cast<std::uint32_t>(ids.size())};
        for (std::size_t i = 0; i < ids.size(); ++i) entry.ids[i] = ids[i];
        put(entry, Table{table_.data(), 65 - bits_}.pair(key));
        ++added_;
    }

 private:
    static void put(const Entry& entry, Entry* pair) {
        pair[1] = pair[0];  // the newest stands first, the older one is forgotten
        pair[0] = entry;
    }
    void grow() {
        const Zeros<Entry> old = std::move(table_);
        const std::size_t size = std::size_t{1} << bits_;
        bits_ = bits_ == 0 ? first_bits : bits_ + 1;
        table_.make(std::size_t{1} << bits_);
        for (std::size_t i = 0; old && i < size; ++i)
            if (const Entry& entry = old.data()[i ^ 1]; entry.count > 0)
                put(entry, Table{table_.data(), 65 - bits_}.pair(entry.key));
    }
    static constexpr int first_bits = 12, most_bits = 18;  // 128 KiB, 8 MiB
    int bits_ = 0;
    std::size_t added_ = 0;
    static constexpr auto masks = [] {
        std::array<Key, longest + 1> made{};
        for (std::size_t size = 0; size <= longest; ++size)
            for (std::size_t i = 0; i < size; ++i)
                (i < 8 ? made[size].low : made[size].high) |= std::uint64_t{0xFF} << (8 * (i % 8));
        return made;
    }();
    Zeros<Entry> table_;
};

// Pieces that are too long for the other, or have too many ids (a run of blanks may have one for each).
class LongPieceCache {
 public:
    static constexpr std::size_t longest = 31, most = 23;
    struct Entry {
        char text[longest];
        std::uint8_t size;
        std::uint32_t ids[most], count;
    };

    void prefetch(std::string_view piece) const {
        if (!table_ || piece.size() > longest) return;
        const Entry* pair = table_.data() + slot(piece);
        __builtin_prefetch(pair);
        __builtin_prefetch(&pair->count);
        __builtin_prefetch(pair + 1);
    }

    // Null: not remembered.
    const Entry* find(std::string_view piece) const {
        if (!table_ || piece.size() > longest) return nullptr;
        const Entry* pair = table_.data() + slot(piece);
        auto is_it = [&](const Entry& entry) {
            return entry.size == piece.size() && std::memcmp(entry.text, piece.data(), piece.size()) == 0;
        };
        return is_it(pair[0]) ? pair : is_it(pair[1]) ? pair + 1 : nullptr;
    }

    void add(std::string_view piece, std::span<const std::uint32_t> ids) {
        if (piece.size() > longest || ids.size() > most) return;
        if (!table_) table_.make(std::size_t{1} << bits);
        Entry* pair = table_.data() + slot(piece);
        pair[1] = pair[0];
        std::memcpy(pair[0].text, piece.data(), piece.size());
        pair[0].size = static_cast<std::uint8_t>(piece.size());
        pair[0].count = static_cast<std::uint32_t>(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) pair[0].ids[i] = ids[i];
    }

 private:
    static constexpr int bits = 13;  // 1 MiB
    static std::size_t slot(std::string_view piece) {
        return (hash_bytes(piece) >> 20) & ((std::size_t{1} << bits) - 2);
    }
    Zeros<Entry> table_;
};

// Adds the ids of pieces of a text. miss(piece, found) puts those of a piece that is not remembered; false: not to be
// remembered.
template <class Miss>
void look_up(std::string_view text, std::span<const Span> pieces, PieceCache& cache, std::vector<std::uint32_t>& ids,
             Tokens& found, Miss miss) {
    constexpr std::size_t group = 32, room = PieceCache::most + 1;  // an entry is copied with its count
    const PieceCache::Table table = cache.table();
    PieceCache::Key keys[group];
    const PieceCache::Entry* pairs[group];  // where a piece may be; null: it is too long
    std::size_t written = ids.size();
    ids.resize(written + pieces.size() * room);
    for (std::size_t done = 0; done < pieces.size(); done += group) {
        const std::size_t count = std::min(group, pieces.size() - done);
        for (std::size_t i = 0; i < count; ++i) {
            const Span piece = pieces[done + i];
            pairs[i] = nullptr;
            if (piece.size() > PieceCache::longest) continue;
            keys[i] = piece.start + PieceCache::reads <= text.size()
                          ? PieceCache::wide_key(text.data() + piece.start, piece.size())
                          : PieceCache::key(text.substr(piece.start, piece.size()));
            pairs[i] = table.pair(keys[i]);
            __builtin_prefetch(pairs[i]);
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (const auto* known = pairs[i] ? PieceCache::find(pairs[i], keys[i]) : nullptr) {
                std::memcpy(ids.data() + written, known->ids, sizeof(std::uint32_t) * room);
                written += known->count;
                continue;
            }
            const Span piece = pieces[done + i];
            found.ids.clear();
            const bool plain = miss(text.substr(piece.start, piece.size()), found);
            const auto& made = found.ids;
            if (pairs[i] && plain) cache.add(keys[i], made);
            const std::size_t wanted = written + made.size() + (pieces.size() - done - i) * room;
            if (wanted > ids.size()) ids.resize(wanted);
            std::copy(made.begin(), made.end(), ids.begin() + static_cast<std::ptrdiff_t>(written));
            written += made.size();
        }
    }
    ids.resize(written);
}

}  // namespace bearhug
