#include "decoding.hpp"

#include <cstring>

#include "bytes.hpp"
#include "unicode.hpp"

namespace bearhug {
namespace {

// Room that is there before it is written to.
class Out {
 public:
    Out(std::string& text, std::size_t expected) : text_(text) {
        text_.resize(expected);
        at_ = text_.data(), end_ = at_ + text_.size();
    }
    char* room(std::size_t size) {
        if (static_cast<std::size_t>(end_ - at_) < size) {
            const auto used = static_cast<std::size_t>(at_ - text_.data());
            text_.resize((used + size) * 2);
            at_ = text_.data() + used, end_ = text_.data() + text_.size();
        }
        return at_;
    }
    void wrote(std::size_t size) { at_ += size; }
    std::size_t size() const { return static_cast<std::size_t>(at_ - text_.data()); }
    void cut(std::size_t size) { at_ = text_.data() + size; }
    void append(std::string_view piece) {
        if (!piece.empty()) std::memcpy(room(piece.size()), piece.data(), piece.size());
        wrote(piece.size());
    }
    void finish() { text_.resize(size()); }

 private:
    std::string& text_;
    char *at_, *end_;
};

}  // namespace

std::unique_ptr<const DecodingTable> DecodingTable::make(
    const DecoderPointer& decoder, std::uint32_t limit, std::size_t tokens,
    const std::function<std::optional<Known>(std::uint32_t)>& token) {
    auto plan = decoding_plan(decoder);
    if (!plan || limit > tokens * 4 + 65536) return nullptr;
    auto made = std::make_unique<DecodingTable>();
    made->plan_ = std::move(*plan);
    made->entries_.resize(limit);
    const bool by_place = made->plan_.heeds_first || made->plan_.heeds_last;
    constexpr std::size_t at_once = 4096;  // the decoders see so many, between two others that stand for neighbours
    std::vector<std::string> texts;
    std::vector<std::uint32_t> ids;
    std::string raw;
    auto put = [&](std::uint32_t id, std::string_view form) {
        Entry& entry = made->entries_[id];
        if (made->plan_.join == DecodingPlan::bytes) {
            raw.clear();
            bytes::append_raw(form, raw);
            form = raw;
        } else if (made->plan_.join == DecodingPlan::fallback) {
            if (const int byte = fallback_byte(form); byte >= 0) {
                raw.assign(1, static_cast<char>(byte));
                form = raw;
                entry.byte = true;
            }
        }
        if (form.size() >= 1u << 24) return false;
        entry.start = static_cast<std::uint32_t>(made->forms_.size());
        entry.size = static_cast<std::uint32_t>(form.size());
        made->forms_ += form;
        return made->forms_.size() < 0xFFFFFFFF;
    };
    auto flush = [&] {
        if (ids.empty()) return true;
        texts.emplace_back("x");
        for (const auto& part : made->plan_.each) part->apply(texts);
        for (std::size_t i = 0; i < ids.size(); ++i)
            if (!put(ids[i], texts[i + 1])) return false;
        texts.clear(), ids.clear();
        return true;
    };
    for (std::uint32_t id = 0; id < limit; ++id) {
        const auto known = token(id);
        if (by_place) made->starts_.push_back(static_cast<std::uint32_t>(made->texts_.size()));
        if (!known) continue;
        made->entries_[id].known = true;
        made->entries_[id].special = known->special;
        if (by_place) made->texts_ += known->text;
        if (made->plan_.each.empty()) {
            if (!put(id, known->text)) return nullptr;
            continue;
        }
        if (texts.empty()) texts.emplace_back("x");
        texts.emplace_back(known->text);
        ids.push_back(id);
        if (ids.size() == at_once && !flush()) return nullptr;
    }
    if (!flush() || made->texts_.size() >= 0xFFFFFFFF) return nullptr;
    if (by_place) made->starts_.push_back(static_cast<std::uint32_t>(made->texts_.size()));
    made->forms_.append(slack, '\0');
    return made;
}

std::string DecodingTable::form(std::uint32_t id, bool is_first, bool is_last) const {
    std::vector<std::string> tokens;
    if (!is_first) tokens.emplace_back("x");
    tokens.emplace_back(texts_.data() + starts_[id], starts_[id + 1] - starts_[id]);
    if (!is_last) tokens.emplace_back("x");
    for (const auto& part : plan_.each) part->apply(tokens);
    return std::move(tokens[is_first ? 0 : 1]);
}

bool DecodingTable::decode(const std::uint32_t* ids, std::size_t count, bool skip_special, std::string& text,
                           std::uint32_t& unknown) const {
    constexpr std::size_t none = std::string::npos;
    std::size_t first = none, last = none;  // of the tokens that count, where that matters
    auto counts = [&](std::size_t i) {
        return !(skip_special && ids[i] < entries_.size() && entries_[ids[i]].special);
    };
    if (plan_.heeds_first)
        for (first = 0; first < count && !counts(first);) ++first;  // beyond the end: none
    if (plan_.heeds_last) {
        for (last = count; last > 0 && !counts(last - 1);) --last;
        last = last == 0 ? none : last - 1;
    }
    Out out(text, count * 8 + 64);
    std::size_t run = none;  // where a run of bytes has begun
    auto end_run = [&] {
        const std::string_view bytes(text.data() + run, out.size() - run);
        if (!unicode::is_valid(bytes)) {
            const std::size_t size = bytes.size();
            out.cut(run);
            for (std::size_t i = 0; i < size; ++i) out.append("\xEF\xBF\xBD");
        }
        run = none;
    };
    const char* const forms = forms_.data();
    for (std::size_t i = 0; i < count; ++i) {
        if (ids[i] >= entries_.size() || !entries_[ids[i]].known) {
            unknown = ids[i];
            return false;
        }
        const Entry entry = entries_[ids[i]];
        if (entry.special && skip_special) continue;
        if (entry.byte) {
            if (run == none) run = out.size();
        } else if (run != none) {
            end_run();
        }
        if (i == first || i == last) {
            out.append(form(ids[i], i == first, i == last));
            continue;
        }
        char* to = out.room(entry.size + slack);
        std::memcpy(to, forms + entry.start, slack);
        if (entry.size > slack) std::memcpy(to + slack, forms + entry.start + slack, entry.size - slack);
        out.wrote(entry.size);
    }
    if (run != none) end_run();
    out.finish();
    if (!plan_.after.empty()) {
        std::vector<std::string> whole(1, plan_.join == DecodingPlan::bytes ? unicode::lossy(text) : std::move(text));
        for (const auto& part : plan_.after) part->apply(whole);
        text.clear();
        for (const auto& piece : whole) text += piece;
    }
    return true;
}

}  // namespace bearhug
