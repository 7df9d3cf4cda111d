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
    if (found->merges)
        merges = nb::cast(PyMerges{file, std::move(*found->merges), found->vocabulary.value_or(Vocabulary())});
    if (found->vocabulary) vocab = nb::cast(std::move(*found->vocabulary));
    if (found->added) added = nb::cast(std::move(*found->added));
    return nb::make_tuple(nb::bytes(found->rest.data(), found->rest.size()), vocab, merges, added);
}

Merges texts_of(Items& given) {
    Merges out;
    out.reserve(given.size());
    auto problem = [&](std::size_t i) {
        return std::invalid_argument("merge " + std::to_string(i) + " is " + nb::cast<std::string>(nb::repr(given[i])) +
                                     "; a merge is a pair of tokens, ['a', 'b'] or 'a b'.");
    };
    for (std::size_t i = 0; i < given.size(); ++i) {
        const nb::handle merge = given[i];
        if (PyUnicode_Check(merge.ptr())) {
            const auto text = utf8(merge);
            const auto space = text.find(' ');
            if (space == text.npos || text.find(' ', space + 1) != text.npos) throw problem(i);
            out.emplace_back(text.substr(0, space), text.substr(space + 1));
            continue;
        }
        const nb::handle pair = given.tuple(i, 2);
        if (!pair.is_valid()) throw problem(i);
        auto part = [&](Py_ssize_t at) {
            const nb::handle item = PyTuple_GET_ITEM(pair.ptr(), at);
            if (!PyUnicode_Check(item.ptr())) throw problem(i);
            return utf8(item);
        };
        out.emplace_back(part(0), part(1));
    }
    return out;
}

}  // namespace

Merges PyMerges::texts() const {
    if (!merges.made) return merges.texts;
    Merges out;
    out.reserve(merges.size());
    for (const auto& [left, right, whole] : **merges.made)
        out.emplace_back(vocabulary.token(left), vocabulary.token(right));
    return out;
}

Shared<MadeMerges> merges_of(const Vocabulary& vocabulary, nb::handle given, std::string_view prefix) {
    if (nb::isinstance<PyMerges>(given)) {
        const auto& read = nb::cast<const PyMerges&>(given);
        if (read.merges.made && prefix.empty() && read.vocabulary.is_copy_of(vocabulary)) return *read.merges.made;
        return find_merges(vocabulary, read.texts(), prefix);
    }
    Items items(given, "merges");
    return find_merges(vocabulary, texts_of(items), prefix);
}

void bind_tokenizer_file(nb::module_& m) {
    nb::class_<Vocabulary>(m, "Words", "token -> id, as a file holds them.")
        .def("__len__", &Vocabulary::size)
        .def("to_dict", [](const Vocabulary& self) {
            nb::dict out;
            self.each([&](std::string_view token, std::uint32_t id) { out[to_str(token)] = nb::steal(to_int(id)); });
            return out;
        });
    nb::class_<PyMerges>(m, "Merges", "Pairs of tokens, the first rank first, as a file holds them.")
        .def("__len__", [](const PyMerges& self) { return self.merges.size(); })
        .def("to_list", [](const PyMerges& self) {
            const NoCollection quiet;
            nb::list out;
            for (const auto& [left, right] : self.texts()) out.append(nb::make_tuple(to_str(left), to_str(right)));
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
            return found ? nb::cast(PyMerges{file, std::move(*found), {}}) : nb::none();
        },
        "file"_a);
}

}  // namespace bearhug::python
