#include "tokenizer.hpp"

namespace bearhug {
namespace {

// Code points of a text -> bytes. Rows ask for places near one another, forward for the most part.
class Bytes {
 public:
    explicit Bytes(std::string_view text) : text_(text), p_(text.data()) {}
    std::uint32_t at(std::uint32_t point) {
        const char* const first = text_.data();
        const char* const last = first + text_.size();
        if (point < point_ / 2) p_ = first, point_ = 0;
        for (; point_ < point && p_ < last; ++point_) p_ += unicode::length(static_cast<unsigned char>(*p_));
        for (; point_ > point; --point_) unicode::previous(p_);
        return static_cast<std::uint32_t>(p_ - first);
    }

 private:
    std::string_view text_;
    const char* p_;
    std::uint32_t point_ = 0;
};

}  // namespace

std::vector<Span> byte_offsets(const Encoded& encoded, const Batch& batch) {
    std::vector<Span> out;
    out.reserve(encoded.offsets.size());
    constexpr std::size_t none = ~std::size_t{0};
    std::size_t current = none;  // the text that `bytes` stands in
    Bytes bytes({});
    for (std::size_t row = 0; row < encoded.rows(); ++row) {
        const auto& sample = batch.samples[static_cast<std::size_t>(encoded.samples[row])];
        for (auto i = encoded.run_starts[row]; i < encoded.run_starts[row + 1]; ++i) {
            const Run& run = encoded.runs[static_cast<std::size_t>(i)];
            if (run.source == 0) {
                out.insert(out.end(), run.count, {0, 0});
                continue;
            }
            const std::size_t begin = run.source == 1 ? sample.first_begin : sample.second_begin;
            for (std::uint32_t token = 0; token < run.count; ++token) {
                const std::size_t text =
                    begin + (batch.split_into_words ? static_cast<std::size_t>(encoded.words[out.size()]) : 0);
                if (text != current) bytes = Bytes(batch.words[current = text]);
                const Span span = encoded.offsets[out.size()];
                const auto start = bytes.at(span.start);
                out.push_back({start, bytes.at(span.end)});
            }
        }
    }
    return out;
}

}  // namespace bearhug
