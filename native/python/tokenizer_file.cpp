// Files -> vocabulary, merges and added tokens, without a Python object a token.
#include "tokenizer_file.hpp"

#include "ints.hpp"

namespace bearhug::python {

namespace {

std::string_view view(const nb::bytes& file) { return {file.c_str(), file.size()}; }

nb::object read(nb::bytes file) {
    auto found = read_tokenizer_file(view(file));
    if (!found) return nb::none();
    nb::object vocab = nb::none(), merges = nb::none(), added = nb::none();
    if (found->vocabulary) vocab = nb::cast(std::move(*found->vocabulary));
    if (found->merges) merges = nb::cast(PyMerges{file, std::move(*found->merges)});
    if (found->added) added = nb::cast(std::move(*found->added));
    return nb::make_tuple(nb::bytes(found->rest.data(), found->rest.size()), vocab, merges, added);
}

}  // namespace

void bind_tokenizer_file(nb::module_& m) {
    nb::class_<Vocabulary>(m, "Words", "token -> id, as a file holds them.")
        .def("__len__", &Vocabulary::size)
        .def("to_dict", [](const Vocabulary& self) {
            nb::dict out;
            self.each([&](std::string_view token, std::uint32_t id) { out[to_str(token)] = nb::steal(to_int(id)); });
            return out;
        });
    nb::class_<PyMerges>(m, "Merges", "Pairs of tokens, the first rank first, as a file holds them.")
        .def("__len__", [](const PyMerges& self) { return self.texts.pairs.size(); })
        .def("to_list", [](const PyMerges& self) {
            const NoCollection quiet;
            nb::list out;
            for (const auto& [left, right] : self.texts.pairs) out.append(nb::make_tuple(to_str(left), to_str(right)));
            return out;
        });
    m.def("read_tokenizer_file", &read, "file"_a);
    m.def(
        "read_vocabulary",
        [](nb::bytes file) -> nb::object {
            auto found = read_vocabulary(view(file));
            return found ? nb::cast(std::move(*found)) : nb::none();
        },
        "file"_a);
    m.def(
        "read_merge_lines",
        [](nb::bytes file) -> nb::object {
            auto found = read_merges(view(file));
            return found ? nb::cast(PyMerges{file, std::move(*found)}) : nb::none();
        },
        "file"_a);
}

}  // namespace bearhug::python
