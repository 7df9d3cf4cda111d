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
    slots_.assign(slots, no_id);
    for (std::uint32_t i = 0; i < entries_.size(); ++i) slots_[slot_of(text(entries_[i]))] = i;
}

std::size_t Vocabulary::slot_of(std::string_view token) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_bytes(token) & mask;
    while (slots_[slot] != no_id && text(entries_[slots_[slot]]) != token) slot = (slot + 1) & mask;
    return slot;
}

void Vocabulary::add(std::string_view token, std::uint32_t id) {
    if ((entries_.size() + 1) * 2 > slots_.size()) grow(std::max<std::size_t>(64, slots_.size() * 2));
    const std::size_t slot = slot_of(token);
    std::uint32_t index = slots_[slot];
    if (index == no_id) {
        index = static_cast<std::uint32_t>(entries_.size());
        slots_[slot] = index;
        entries_.push_back({block_.size(), static_cast<std::uint32_t>(token.size()), id});
        block_ += token;
    } else {
        entries_[index].id = id;
    }
    id_limit_ = std::max(id_limit_, id + 1);
    if (id < by_id_.size()) {
        by_id_[id] = index;
    } else if (id < entries_.size() * 4 + 65536) {
        by_id_.resize(id + 1, no_id);
        by_id_[id] = index;
    } else {
        by_far_id_[id] = index;
    }
}

std::uint32_t Vocabulary::find(std::string_view token) const {
    if (slots_.empty()) return no_id;
    const std::uint32_t index = slots_[slot_of(token)];
    return index == no_id ? no_id : entries_[index].id;
}

std::uint32_t Vocabulary::entry_of(std::uint32_t id) const {
    if (id < by_id_.size() && by_id_[id] != no_id) return by_id_[id];
    if (by_far_id_.empty()) return no_id;
    const auto found = by_far_id_.find(id);
    return found == by_far_id_.end() ? no_id : found->second;
}

std::string_view Vocabulary::token(std::uint32_t id) const {
    const auto index = entry_of(id);
    return index == no_id ? std::string_view{} : text(entries_[index]);
}

}  // namespace bearhug
