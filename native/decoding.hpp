// What each token becomes in decoded text, worked out once: decoding is then a copy of bytes a token.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decoder.hpp"

namespace bearhug {

// Texts, one behind another, in memory that is not written to before.
class TextBuffer {
 public:
    std::size_t size() const { return size_; }
    std::string_view from(std::size_t start) const { return {bytes_.get() + start, size_ - start}; }
    std::string_view text(std::size_t start, std::size_t end) const { return {bytes_.get() + start, end - start}; }
    void cut(std::size_t size) { size_ = size; }
    char* room(std::size_t more) {
        if (room_ - size_ < more) grow(more);
        return bytes_.get() + size_;
    }
    void wrote(std::size_t size) { size_ += size; }
    void append(std::string_view text);

 private:
    void grow(std::size_t more);
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0, room_ = 0;
};

class DecodingTable {
 public:
    struct Known {
        std::string_view text;
        bool special;
    };
    // token: the token of an id below `limit`, if there is one. Null where the decoder looks at neighbours in a way
    // that no table holds, or the ids lie too far apart.
    static std::unique_ptr<const DecodingTable> make(const DecoderPointer& decoder, std::uint32_t limit,
                                                     std::size_t tokens,
                                                     const std::function<std::optional<Known>(std::uint32_t)>& token);

    // Appends the text, which may hold bytes that are no UTF-8: they stand for U+FFFD. is_ascii: all of it is. False,
    // and the id, where one is unknown.
    bool decode(const std::uint32_t* ids, std::size_t count, bool skip_special, TextBuffer& out, bool& is_ascii,
                std::uint32_t& unknown) const;

 private:
    // Most tokens are their bytes and how many these are, which is one look at memory and one copy.
    static constexpr std::size_t inside = 15;
    struct alignas(16) Entry {
        char text[inside] = {};
        std::uint8_t size = unusual;
    };
    static constexpr std::uint8_t unusual = 0xFF;
    struct Unusual {  // in the place of the text
        std::uint32_t start, size;
        bool known, special;
        bool byte;  // one byte of a run that is UTF-8 as a whole or not at all
    };
    static_assert(sizeof(Unusual) <= inside);
    Unusual as_unusual(std::uint32_t id) const;

    bool put(std::uint32_t id, std::string_view form, bool special);
    std::string form(std::uint32_t id, bool is_first, bool is_last) const;

    DecodingPlan plan_;
    std::vector<Entry> entries_;
    std::string forms_;                  // of unusual tokens
    std::vector<std::uint32_t> starts_;  // and all of them as they stand, where the first or last one differs
    std::string texts_;
};

}  // namespace bearhug
