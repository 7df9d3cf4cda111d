#include "aligned.hpp"

namespace bearhug {

namespace {

Span moved(Span span, std::int64_t by) {
    return {static_cast<std::uint32_t>(span.start + by), static_cast<std::uint32_t>(span.end + by)};
}

}  // namespace

AlignedText::AlignedText(std::string original) : original_(std::move(original)) {
    Draft draft;
    draft.start(original_, 0, true);
    take(draft);
}

AlignedText::AlignedText(const Draft& draft) : original_(draft.input()), shift_(draft.input_base()) { take(draft); }

std::vector<AlignedText> AlignedText::pieces_of(const Draft& draft, const std::vector<Span>& spans) {
    const AlignedText whole(draft);
    std::vector<AlignedText> out;
    for (const auto& span : spans) out.push_back(whole.slice(span));
    return out;
}

Draft AlignedText::draft() const {
    auto origins = origins_;
    for (auto& origin : origins) origin = moved(origin, shift_);
    Draft draft;
    draft.start(original_, shift_, text_, std::move(origins));
    return draft;
}

void AlignedText::take(const Draft& draft) {
    std::vector<Span> origins;
    origins.reserve(draft.text().size());
    for (std::size_t i = 0; i < draft.text().size(); ++i)
        origins.push_back(moved(draft.origin(i), -std::int64_t{shift_}));
    std::string text(draft.text());  // it may be a view of text_
    text_.swap(text);
    origins_.swap(origins);
}

void AlignedText::apply(const Normalizer& normalizer) {
    Draft changed = draft();
    normalizer.apply(changed);
    take(changed);
}

std::vector<AlignedText> AlignedText::split(const PreTokenizer& pre_tokenizer) const {
    if (text_.empty()) return {slice({0, 0})};
    Draft changed = draft();
    Pieces pieces;
    pieces.spans.push_back({0, static_cast<std::uint32_t>(text_.size())});
    pre_tokenizer.split(changed, pieces);
    spell_bytes(changed, pieces);
    return pieces_of(changed, pieces.spans);
}

void AlignedText::transform(const std::vector<unicode::Changed>& changes, std::size_t skipped) {
    Draft changed = draft();
    changed.transform(changes, skipped);
    take(changed);
}

void AlignedText::append(std::string_view text) {
    const Span last = origins_.empty() ? Span{0, 0} : origins_.back();
    text_ += text;
    origins_.resize(text_.size(), last);
}

void AlignedText::clear() {
    text_.clear();
    origins_.clear();
}

AlignedText AlignedText::slice(Span bytes) const {
    const Span from = origin(bytes).value_or(Span{0, 0});
    AlignedText out;
    out.shift_ = shift_ + from.start;
    out.original_ = original_.substr(from.start, from.size());
    out.text_ = text_.substr(bytes.start, bytes.size());
    for (auto i = bytes.start; i < bytes.end; ++i) out.origins_.push_back(moved(origins_[i], -std::int64_t{from.start}));
    return out;
}

std::optional<Span> AlignedText::origin(Span bytes) const {
    if (bytes.start > bytes.end || bytes.end > text_.size()) return std::nullopt;
    if (bytes.start == bytes.end) return bytes.start <= original_.size() ? bytes : Span{0, 0};
    return Span{origins_[bytes.start].start, origins_[bytes.end - 1].end};
}

std::vector<Span> AlignedText::put(const std::vector<const AlignedText*>& texts, Draft& draft) {
    std::string text;
    std::vector<Span> origins, out;
    for (const auto* one : texts) {
        const auto start = static_cast<std::uint32_t>(text.size());
        text += one->text_;
        for (const auto& origin : one->origins_) origins.push_back(moved(origin, one->shift_));
        if (!one->text_.empty()) out.push_back({start, static_cast<std::uint32_t>(text.size())});
    }
    draft.rewrite(std::move(text), std::move(origins));
    return out;
}

}  // namespace bearhug
