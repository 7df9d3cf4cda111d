#include "decoding.hpp"

#include <algorithm>
#include <cstring>

#include "bytes.hpp"
#include "unicode.hpp"

namespace bearhug {

void TextBuffer::append(std::string_view text) {
    if (!text.empty()) std::memcpy(room(text.size()), text.data(), text.size());
    wrote(text.size());
}

void TextBuffer::grow(std::size_t more) {
    room_ = (size_ + more) * 2;
    std::unique_ptr<char[]> bytes(new char[room_]);  // not written to
    if (size_ > 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
}

bool DecodingTable::put(std::uint32_t id, std::string_view form, bool special) {
    std::string raw;
    bool byte = false;
    if (plan_.join == DecodingPlan::bytes) {
        bytes::append_raw(form, raw);
        form = raw;
    } else if (plan_.join == DecodingPlan::fallback) {
        if (const int value = fallback_byte(form); value >= 0) {
            raw.assign(1, static_cast<char>(value));
            form = raw;
            byte = true;
        }
    }
    Entry& entry = entries_[id];
    if (form.size() <= inside && !special && !byte) {
        if (!form.empty()) std::memcpy(entry.text, form.data(), form.size());
        entry.size = static_cast<std::uint8_t>(form.size());
        return true;
    }
    if (forms_.size() + form.size() > 0xFFFFFFFF) return false;
    const Unusual unusual{static_cast<std::uint32_t>(forms_.size()), static_cast<std::uint32_t>(form.size()), true,
                          special, byte};
    std::memcpy(entry.text, &unusual, sizeof unusual);
    forms_ += form;
    return true;
}

DecodingTable::Unusual DecodingTable::as_unusual(std::uint32_t id) const {
    Unusual out{};
    if (id < entries_.size()) std::memcpy(static_cast<void*>(&out), entries_[id].text, sizeof out);
    return out;
}

std::unique_ptr<const DecodingTable> DecodingTable::make(
    const DecoderPointer& decoder, std::uint32_t limit, std::size_t tokens,
    const std::function<std::optional<Known>(std::uint32_t)>& token) {
    auto plan = decoding_plan(decoder);
    if (!plan || limit > tokens * 4 + 65536) return nullptr;
    auto made = std::make_unique<DecodingTable>();
    made->plan_ = std::move(*plan);
    made->entries_.resize(limit);
    const bool by_place = made->plan_.heeds_first || made->plan_.heeds_last;
    std::string text;
    for (std::uint32_t id = 0; id < limit; ++id) {
        const auto known = token(id);
        if (by_place) made->starts_.push_back(static_cast<std::uint32_t>(made->texts_.size()));
        if (!known) continue;
        if (by_place) made->texts_ += known->text;
        text = known->text;
        for (const auto& part : made->plan_.each) part->change(text, false, false);
        if (!made->put(id, text, known->special)) return nullptr;
    }
    if (made->texts_.size() >= 0xFFFFFFFF) return nullptr;
    if (by_place) made->starts_.push_back(static_cast<std::uint32_t>(made->texts_.size()));
    return made;
}

std::string DecodingTable::form(std::uint32_t id, bool is_first, bool is_last) const {
    std::string token(texts_.data() + starts_[id], starts_[id + 1] - starts_[id]);
    for (const auto& part : plan_.each) part->change(token, is_first, is_last);
    return token;
}

bool DecodingTable::decode(const std::uint32_t* ids, std::size_t count, bool skip_special, TextBuffer& out,
                           bool& is_ascii, std::uint32_t& unknown) const {
    constexpr std::size_t none = std::string::npos;
    const std::size_t start = out.size();
    std::size_t first = none, last = none;  // of the tokens that count, where that matters
    auto skips = [&](std::uint32_t id) {
        return skip_special && id < entries_.size() && entries_[id].size == unusual && as_unusual(id).special;
    };
    if (plan_.heeds_first)
        for (first = 0; first < count && skips(ids[first]);) ++first;  // beyond the end: none
    if (plan_.heeds_last) {
        for (last = count; last > 0 && skips(ids[last - 1]);) --last;
        last = last == 0 ? none : last - 1;
    }
    std::size_t run = none;  // where a run of bytes has begun
    auto end_run = [&] {
        const auto bytes = out.from(run);
        if (!unicode::is_valid(bytes)) {
            const std::size_t size = bytes.size();
            out.cut(run);
            for (std::size_t i = 0; i < size; ++i) out.append("\xEF\xBF\xBD");
        }
        run = none;
    };
    std::uint64_t low = 0, high = 0;  // all bits of the usual tokens
    bool all_usual = true;
    constexpr std::size_t group = 64, ahead = 16;
    const Entry* const entries = entries_.data();
    const std::size_t limit = entries_.size();
    for (std::size_t i = 0; i < count;) {
        char* const begin = out.room(group * sizeof(Entry));
        char* to = begin;
        const std::size_t stop = std::min(count, i + group);
        for (; i < stop; ++i) {
            if (i + ahead < count && ids[i + ahead] < limit) __builtin_prefetch(entries + ids[i + ahead]);
            if (ids[i] >= limit || i == first || i == last) break;
            const Entry& entry = entries[ids[i]];
            if (entry.size == unusual || run != none) break;
            std::uint64_t words[2];
            std::memcpy(words, &entry, sizeof words);
            std::memcpy(to, words, sizeof words);
            low |= words[0], high |= words[1];
            to += entry.size;
        }
        out.wrote(static_cast<std::size_t>(to - begin));
        if (i == stop) continue;
        // One that is not like most.
        const std::uint32_t id = ids[i++];
        all_usual = false;
        Unusual token = as_unusual(id);
        std::string_view text;
        if (id < limit && entries[id].size != unusual) {
            token = {0, 0, true, false, false};
            text = {entries[id].text, entries[id].size};
        } else {
            text = std::string_view(forms_).substr(token.start, token.size);
        }
        if (!token.known) {
            unknown = id;
            return false;
        }
        if (token.special && skip_special) continue;
        if (token.byte) {
            if (run == none) run = out.size();
        } else if (run != none) {
            end_run();
        }
        if (i - 1 == first || i - 1 == last) {
            out.append(form(id, i - 1 == first, i - 1 == last));
        } else {
            out.append(text);
        }
    }
    if (run != none) end_run();
    is_ascii = ((low | high) & 0x8080808080808080u) == 0 && (all_usual || unicode::is_ascii(out.from(start)));
    if (!plan_.after.empty()) {
        const auto text = out.from(start);
        std::vector<std::string> whole(1, plan_.join == DecodingPlan::bytes ? unicode::lossy(text) : std::string(text));
        for (const auto& part : plan_.after) part->apply(whole);
        out.cut(start);
        for (const auto& piece : whole) out.append(piece);
        is_ascii = unicode::is_ascii(out.from(start));
    }
    return true;
}

}  // namespace bearhug
