// As much JSON as it takes to read a vocabulary and its merges at the speed of memory. Whoever meets something that is
// not plain here (an error, a lone surrogate, a name said twice) leaves the text to a reader that can explain it.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "unicode.hpp"

namespace bearhug {

class JsonReader {
 public:
    // `own` keeps the strings that are not spelled as they are.
    JsonReader(std::string_view text, std::deque<std::string>& own)
        : p_(text.data()), end_(p_ + text.size()), own_(own) {}

    const char* at() {  // of the next value
        skip_space();
        return p_;
    }
    const char* here() const { return p_; }  // behind the last one
    bool is_at_end() { return at() == end_; }
    char peek() { return at() == end_ ? '\0' : *p_; }
    bool take(char wanted) {  // the next character, if it is that one
        if (peek() != wanted) return false;
        ++p_;
        return true;
    }
    // A string that is UTF-8; a view of the text, where it is spelled as it is.
    bool string(std::string_view& out) { return string_as_it_is(out) && unicode::is_valid(out); }
    bool string_as_it_is(std::string_view& out);  // UTF-8 or not
    void back_to(const JsonReader& before) { p_ = before.p_; }
    std::size_t left() const { return static_cast<std::size_t>(end_ - p_); }
    // A whole number below 2147483648.
    bool number(std::uint32_t& out);
    bool boolean(bool& out);
    // Any value; only its strings and brackets are looked at.
    bool skip();
    // The members of an object: `member` reads the value of a name.
    template <class Member>
    bool object(Member member) {
        if (!take('{')) return false;
        if (take('}')) return true;
        do {
            std::string_view name;
            if (!string(name) || !take(':') || !member(name)) return false;
        } while (take(','));
        return take('}');
    }
    template <class Item>
    bool array(Item item) {
        if (!take('[')) return false;
        if (take(']')) return true;
        do {
            if (!item()) return false;
        } while (take(','));
        return take(']');
    }

 private:
    void skip_space() {
        if (p_ == end_ || static_cast<unsigned char>(*p_) > ' ') return;
        if (*p_ == ' ' && p_ + 1 < end_ && static_cast<unsigned char>(p_[1]) > ' ') {
            ++p_;
        } else {
            skip_long_space();
        }
    }
    void skip_long_space();
    const char* find_special(const char* p) const;  // a quote, a backslash or a control character
    bool unescape(const char* start, std::string_view& out);

    const char *p_, *end_;
    std::deque<std::string>& own_;
};

}  // namespace bearhug
