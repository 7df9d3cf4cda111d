#include "vocabulary.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bearhug {

void Vocabulary::make_room(std::size_t tokens, std::size_t bytes) {
    auto& tables = tables_.own();
    tables.block.reserve(bytes + slack);
    tables.entries.reserve(tokens);
}

void Vocabulary::reserve(std::size_t tokens, std::size_t bytes) {
    make_room(tokens, bytes);
    tables_.own().by_id.reserve(tokens);
    index(tables_.own(), std::bit_ceil(tokens * 3 / 2 + 16));
}

// Finds places for all tokens in a table of so many. False where one of them comes twice.
bool Vocabulary::index(Tables& tables, std::size_t slots) {
    if (slots <= tables.slots.size()) return true;
    tables.slots = ZeroedTable<Slot>(slots);
    constexpr std::size_t ahead = 16;
    Search searches[ahead];
    const std::size_t count = tables.entries.size();
    for (std::size_t i = 0; i < count + ahead; ++i) {
        Search& search = searches[i % ahead];
        if (i >= ahead && i - ahead < count) {
            const Entry& entry = tables.entries[i - ahead];
            Slot& slot = tables.slots[tables.find(search.token_, search.key_, search.hash_)];
            if (slot.key != 0) return false;
            slot = {search.key_, entry.id, static_cast<std::uint32_t>(i - ahead)};
        }
        if (i < count) {
            search = Search::in_room(tables.text(tables.entries[i]));
            __builtin_prefetch(&tables.slot(search.hash_));
        }
    }
    return true;
}

void Vocabulary::put(Tables& tables, std::string_view token, std::uint32_t id) {
    auto& block = tables.block;
    const std::size_t start = block.empty() ? 0 : block.size() - slack;
    const auto entry = static_cast<std::uint32_t>(tables.entries.size());
    block.resize(start + token.size() + slack);
    if (!token.empty()) std::memcpy(block.data() + start, token.data(), token.size());
    tables.entries.push_back({start, static_cast<std::uint32_t>(token.size()), id});
    tables.set_entry_of(id, entry);
}

bool Vocabulary::finish() { return index(tables_.own(), std::bit_ceil(size() * 3 / 2 + 16)); }

void Vocabulary::add(std::string_view token, std::uint32_t id) {
    auto& tables = tables_.own();
    if ((tables.entries.size() + 1) * 3 / 2 > tables.slots.size())
        index(tables, std::max<std::size_t>(64, tables.slots.size() * 2));
    const Search search(token);
    Slot& slot = tables.slots[tables.find(token, search.key_, search.hash_)];
    if (slot.key == 0) {
        slot = {search.key_, id, static_cast<std::uint32_t>(tables.entries.size())};
        put(tables, token, id);
    } else {
        slot.id = tables.entries[slot.entry].id = id;
        tables.set_entry_of(id, slot.entry);
    }
}

void Vocabulary::Tables::set_entry_of(std::uint32_t id, std::uint32_t entry) {
    id_limit = std::max(id_limit, id + 1);
    if (id >= by_id.size()) {
        if (id >= entries.size() * 4 + 65536) {
            by_far_id[id] = entry;
            return;
        }
        by_id.resize(id + 1, no_id);
    }
    by_id[id] = entry;
}

}  // namespace bearhug
