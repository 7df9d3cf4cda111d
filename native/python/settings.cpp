// AddedToken, Truncation, Padding.
#include "convert.hpp"

namespace bearhug::python {

namespace {

Truncation::Strategy strategy_named(std::string_view name) {
    return choice<Truncation::Strategy>(name,
                                        {{"longest_first", Truncation::longest_first},
                                         {"only_first", Truncation::only_first},
                                         {"only_second", Truncation::only_second}},
                                        "strategy");
}

}  // namespace

void bind_settings(nb::module_& m) {
    const nb::lock_self alone;  // threads may share a setting and change it
    nb::class_<AddedToken>(m, "AddedToken", "A token that is found in the text before anything else happens to it.")
        .def(
            "__init__",
            [](AddedToken* self, std::string content, bool single_word, bool lstrip, bool rstrip,
               std::optional<bool> normalized, bool special) {
                new (self)
                    AddedToken{std::move(content), single_word, lstrip, rstrip, normalized.value_or(!special), special};
                self->unsaid.normalized = !normalized;
            },
            "content"_a = "", "single_word"_a = false, "lstrip"_a = false, "rstrip"_a = false, "normalized"_a = nb::none(),
            "special"_a = false)
        .def_rw("content", &AddedToken::content, alone)
        .def_rw("single_word", &AddedToken::single_word, alone)
        .def_rw("lstrip", &AddedToken::lstrip, alone)
        .def_rw("rstrip", &AddedToken::rstrip, alone)
        .def_prop_rw(
            "normalized", [](const AddedToken& self) { return self.normalized; },
            [](AddedToken& self, bool value) {
                self.normalized = value;
                self.unsaid.normalized = false;
            },
            alone)
        .def_prop_rw(
            "special", [](const AddedToken& self) { return self.special; },
            [](AddedToken& self, bool value) { self.make_special(value); }, alone)
        .def("__str__", [](const AddedToken& self) { return self.content; }, alone)
        .def("__repr__",
             [](const AddedToken& self) {
                 auto flag = [](bool value) { return value ? "True" : "False"; };
                 return "AddedToken(\"" + self.content + "\", rstrip=" + flag(self.rstrip) +
                        ", lstrip=" + flag(self.lstrip) + ", single_word=" + flag(self.single_word) +
                        ", normalized=" + flag(self.normalized) + ", special=" + flag(self.special) + ")";
             },
             alone)
        .def("__eq__",
             [](const AddedToken& self, nb::handle other) {
                 return nb::isinstance<AddedToken>(other) && self == nb::cast<const AddedToken&>(other);
             },
             alone, "other"_a.lock())
        .def("__copy__", [](const AddedToken& self) { return self; }, alone)
        .def(
            "__deepcopy__", [](const AddedToken& self, nb::handle) { return self; }, "memo"_a, alone)
        .def("__hash__", [](const AddedToken& self) { return std::hash<std::string>()(self.content); }, alone)
        .def("__getstate__",
             [](const AddedToken& self) {
                 return nb::make_tuple(self.content, self.single_word, self.lstrip, self.rstrip, self.normalized,
                                       self.special, self.unsaid.normalized);
             },
             alone)
        .def("__setstate__", [](AddedToken& self, const nb::tuple& state) {
            new (&self) AddedToken{nb::cast<std::string>(state[0]), nb::cast<bool>(state[1]), nb::cast<bool>(state[2]),
                                   nb::cast<bool>(state[3]),        nb::cast<bool>(state[4]), nb::cast<bool>(state[5])};
            self.unsaid.normalized = nb::cast<bool>(state[6]);
        });

    nb::class_<Truncation>(
        m, "Truncation",
        "max_length counts the special tokens; stride tokens are repeated in the next overflowing row.")
        .def(
            "__init__",
            [](Truncation* self, std::size_t max_length, std::size_t stride, std::string_view strategy,
               std::string_view direction) {
                new (self) Truncation{max_length, stride, strategy_named(strategy), is_left(direction)};
            },
            "max_length"_a, "stride"_a = 0, "strategy"_a = "longest_first", "direction"_a = "right")
        .def(
            "share",
            [](const Truncation& self, std::size_t first, std::optional<std::size_t> second, std::size_t limit) {
                return share(first, second.value_or(0), second.has_value(), limit, self);
            },
            "first"_a, "second"_a.none(), "limit"_a)
        .def_rw("max_length", &Truncation::max_length, alone)
        .def_rw("stride", &Truncation::stride, alone)
        .def_prop_rw(
            "strategy",
            [](const Truncation& self) {
                return self.strategy == Truncation::longest_first ? "longest_first"
                       : self.strategy == Truncation::only_first  ? "only_first"
                                                                  : "only_second";
            },
            [](Truncation& self, std::string_view name) { self.strategy = strategy_named(name); }, alone)
        .def_prop_rw(
            "direction", [](const Truncation& self) { return self.left ? "left" : "right"; },
            [](Truncation& self, std::string_view name) { self.left = is_left(name); }, alone);

    nb::class_<Padding>(m, "Padding", "length None: the longest row of the batch.")
        .def(
            "__init__",
            [](Padding* self, std::optional<std::size_t> length, std::optional<std::size_t> pad_to_multiple_of,
               std::string_view direction, std::uint32_t pad_id, std::uint32_t pad_type_id, std::string pad_token) {
                new (self)
                    Padding{length, pad_to_multiple_of, is_left(direction), pad_id, pad_type_id, std::move(pad_token)};
            },
            "length"_a = nb::none(), "pad_to_multiple_of"_a = nb::none(), "direction"_a = "right", "pad_id"_a = 0,
            "pad_type_id"_a = 0, "pad_token"_a = "[PAD]")
        .def_rw("length", &Padding::length, nb::arg().none(), alone)
        .def_rw("pad_to_multiple_of", &Padding::multiple, nb::arg().none(), alone)
        .def_rw("pad_id", &Padding::id, alone)
        .def_rw("pad_type_id", &Padding::type, alone)
        .def_rw("pad_token", &Padding::token, alone)
        .def_prop_rw(
            "direction", [](const Padding& self) { return self.left ? "left" : "right"; },
            [](Padding& self, std::string_view name) { self.left = is_left(name); }, alone);
}

}  // namespace bearhug::python
