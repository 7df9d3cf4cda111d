#include "vocabulary.hpp"

#include <algorithm>
#include <bit>

namespace bearhug {

void Vocabulary::reserve(std::size_t tokens, std::size_t bytes) {
    block_.reserve(bytes);
    entries_.reserve(tokens);
    by_id_.reserve(tokens);
    grow(std::bit_ceil(tokens * 2 + 16));
}

void Vocabulary::grow(std::size_t slots) {
    if (slots <= slots_.size()) return;
    slots_.assign(slots, {});
    for (std::uint32_t i = 0; i < entries_.size(); ++i) {
        const auto hash = hash_bytes(text(entries_[i]));
        slots_[slot_of(text(entries_[i]), hash)] = {i, mark_of(hash)};
    }
}

void Vocabulary::add(std::string_view token, std::uint32_t id) {
    if ((entries_.size() + 1) * 2 > slots_.size()) grow(std::max<std::size_t>(64, slots_.size() * 2));
    const auto hash = hash_bytes(token);
    Slot& slot = slots_[slot_of(token, hash)];
    if (slot.entry == no_id) {
        slot = {static_cast<std::uint32_t>(entries_.size()), mark_of(hash)};
        entries_.push_back({block_.size(), static_cast<std::uint32_t>(token.size()), id});
        block_ += token;
    } else {
        entries_[slot.entry].id = id;
    }
    set_entry_of(id, slot.entry);
}

bool Vocabulary::add_all(const PagedVector<std::pair<std::string_view, std::uint32_t>>& tokens) {
    std::size_t bytes = 0;
    for (const auto& [token, id] : tokens) bytes += token.size();
    reserve(tokens.size(), bytes);
    constexpr std::size_t ahead = 16;
    Search searches[ahead];
    for (std::size_t i = 0; i < tokens.size() + ahead; ++i) {
        if (i >= ahead) {
            const auto& [token, id] = tokens[i - ahead];
            const auto hash = searches[i % ahead].hash;
            Slot& slot = slots_[slot_of(token, hash)];
            if (slot.entry != no_id) return false;
            slot = {static_cast<std::uint32_t>(entries_.size()), mark_of(hash)};
            entries_.push_back({block_.size(), static_cast<std::uint32_t>(token.size()), id});
            block_ += token;
            set_entry_of(id, slot.entry);
        }
        if (i < tokens.size()) searches[i % ahead].start(*this, tokens[i].first);
    }
    return true;
}

void Vocabulary::set_entry_of(std::uint32_t id, std::uint32_t entry) {
    id_limit_ = std::max(id_limit_, id + 1);
    if (id >= by_id_.size()) {
        if (id >= entries_.size() * 4 + 65536) {
            by_far_id_[id] = entry;
            return;
        }
        by_id_.resize(id + 1, no_id);
    }
    by_id_[id] = entry;
}

std::uint32_t Vocabulary::find(std::string_view token) const {
    if (slots_.empty()) return no_id;
    const std::uint32_t entry = slots_[slot_of(token, hash_bytes(token))].entry;
    return entry == no_id ? no_id : entries_[entry].id;
}

std::string_view Vocabulary::token(std::uint32_t id) const {
    const auto index = entry_of(id);
    return index == no_id ? std::string_view{} : text(entries_[index]);
}

}  // namespace bearhug
