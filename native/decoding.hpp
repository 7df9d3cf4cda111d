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

    // The text, which may hold bytes that are no UTF-8: they stand for U+FFFD. False, and the id, where one is unknown.
    bool decode(const std::uint32_t* ids, std::size_t count, bool skip_special, std::string& text,
                std::uint32_t& unknown) const;

 private:
    struct Entry {
        std::uint32_t start = 0;
        std::uint32_t size : 24 = 0;
        bool known : 1 = false, special : 1 = false;
        bool byte : 1 = false;  // one byte of a run that is UTF-8 as a whole or not at all
    };
    static constexpr std::size_t slack = 16;  // bytes that may be copied beyond a token

    std::string form(std::uint32_t id, bool is_first, bool is_last) const;

    DecodingPlan plan_;
    std::vector<Entry> entries_;
    std::string forms_;                  // what tokens become between others
    std::vector<std::uint32_t> starts_;  // and as they stand, where the first or last one differs
    std::string texts_;
};

}  // namespace bearhug
