#include "draft.hpp"

namespace bearhug {

void Draft::start(std::string_view input, std::uint32_t base, bool tracking) {
    text_ = input_ = input;
    base_ = input_base_ = base;
    tracking_ = tracking;
    plain_ = true;
    next_.clear();
    next_origins_.clear();
}

void Draft::start(const Draft& whole, Span part) {
    start(whole.text_.substr(part.start, part.size()), whole.base_ + part.start, whole.tracking_);
    input_ = whole.input_;
    input_base_ = whole.input_base_;
    plain_ = whole.plain_;
    if (!plain_) origins_.assign(whole.origins_.begin() + part.start, whole.origins_.begin() + part.end);
}

void Draft::start(std::string_view input, std::uint32_t base, std::string_view text, std::vector<Span> origins) {
    start(input, base, true);
    text_ = text;
    plain_ = false;
    origins_ = std::move(origins);
}

Span Draft::origin(std::size_t byte) const {
    if (!plain_) return origins_[byte];
    std::size_t first = byte;
    while (first > 0 && unicode::continues(text_[first])) --first;
    const auto size = static_cast<std::uint32_t>(unicode::length(static_cast<unsigned char>(text_[first])));
    const auto start = base_ + static_cast<std::uint32_t>(first);
    return {start, start + size};
}

void Draft::put(char32_t point, std::size_t from) { put(point, tracking_ ? origin(from) : Span{}); }

void Draft::put(char32_t point, Span origin) {
    const std::size_t before = next_.size();
    unicode::append(next_, point);
    if (tracking_) next_origins_.insert(next_origins_.end(), next_.size() - before, origin);
}

void Draft::put_ascii(char byte, std::size_t from) {
    next_ += byte;
    if (tracking_) next_origins_.push_back(origin(from));
}

void Draft::put(std::string_view characters, std::size_t from) { put(characters, tracking_ ? origin(from) : Span{}); }

void Draft::put(std::string_view characters, Span origin) {
    next_ += characters;
    if (tracking_) next_origins_.insert(next_origins_.end(), characters.size(), origin);
}

void Draft::keep(std::size_t start, std::size_t end) {
    next_ += text_.substr(start, end - start);
    if (!tracking_) return;
    if (!plain_) {
        next_origins_.insert(next_origins_.end(), origins_.begin() + static_cast<std::ptrdiff_t>(start),
                             origins_.begin() + static_cast<std::ptrdiff_t>(end));
        return;
    }
    const std::size_t before = next_origins_.size();
    next_origins_.resize(before + end - start);
    Span* const out = next_origins_.data() + before - start;
    for (std::size_t at = start; at < end;) {
        if (static_cast<unsigned char>(text_[at]) < 0x80) {
            const auto place = base_ + static_cast<std::uint32_t>(at);
            out[at++] = {place, place + 1};
            continue;
        }
        const Span character = origin(at);
        do out[at++] = character;
        while (at < end && unicode::continues(text_[at]));
    }
}

void Draft::drop() {
    next_.clear();
    next_origins_.clear();
}

void Draft::commit() {
    now_.swap(next_);
    next_.clear();
    if (tracking_) {
        origins_.swap(next_origins_);
        next_origins_.clear();
        plain_ = false;
    }
    text_ = now_;
}

void Draft::rewrite(std::string&& text, std::vector<Span>&& origins) {
    next_ = std::move(text);
    next_origins_ = std::move(origins);
    commit();
}

void Draft::commit_in_place() {
    now_.swap(next_);
    next_.clear();
    text_ = now_;
}

void Draft::transform(const std::vector<unicode::Changed>& changes, std::size_t skipped) {
    const char* const first = text_.data();
    const char* const last = first + text_.size();
    const char* at = first;
    auto pass = [&](std::size_t points) {
        for (; points > 0 && at < last; --points) at += unicode::length(static_cast<unsigned char>(*at));
    };
    pass(skipped);
    for (const auto& [point, change] : changes) {
        const std::size_t offset = static_cast<std::size_t>(at - first);
        put(point, change > 0 && offset > 0 ? offset - 1 : offset);
        if (change <= 0) pass(static_cast<std::size_t>(1 - change));
    }
    commit();
}

}  // namespace bearhug
