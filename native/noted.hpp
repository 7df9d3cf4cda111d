// A wrong input whose message is one that users of the reference compare word for word: what mends it is a note.
#pragma once
#include <stdexcept>
#include <string>

namespace bearhug {

struct NotedError : std::invalid_argument {
    NotedError(const char* message, std::string note) : std::invalid_argument(message), note(std::move(note)) {}
    std::string note;
};

}  // namespace bearhug
