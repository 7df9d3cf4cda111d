// Tokenizer: parts and added tokens, encode, decode.
#include "tokenizer.hpp"
#include "../threads.hpp"
#include "encoded.hpp"
#include "ints.hpp"

namespace bearhug::python {

namespace {

AddedToken added_token(nb::handle token, bool special) {
    AddedToken out;
    if (PyUnicode_Check(token.ptr())) {
        out.content = std::string(utf8(token));
        out.special = special;
        out.normalized = !special;
    } else {
        if (!nb::isinstance<AddedToken>(token))
            type_error("a token to add is of the type " + class_name(token) + "; expected str or AddedToken.");
        const nb::ft_object_guard lock(token);
        auto& given = nb::cast<AddedToken&>(token);
        if (special) given.make_special(true);  // the caller's object too, as in the reference
        out = given;
    }
    return out;
}

template <class T>
std::optional<T> setting(nb::handle given, const char* name) {
    if (given.is_none()) return std::nullopt;
    if (!nb::isinstance<T>(given))
        type_error("a setting is of the type " + class_name(given) + "; expected " + name + " or None.");
    const nb::ft_object_guard lock(given);
    return nb::cast<const T&>(given);
}

// One text as encode_batch would encode it: without a batch's costs.
PyEncoded encode(const PyTokenizer& self, nb::str text, bool add_special_tokens, bool split_special_tokens) {
    PyEncoded out;
    const auto bytes = utf8(text);
    out.parts = self.parts();
    out.text = std::move(text);
    out.options.add_special_tokens = add_special_tokens;
    out.options.split_special_tokens = split_special_tokens;
    std::optional<nb::gil_scoped_release> unlocked;
    if (bytes.size() >= worth_unlocking) unlocked.emplace();
    out.data = out.parts->encode_one(bytes, out.options);
    return out;
}

nb::list encode_ids(const PyTokenizer& self, nb::str text, bool add_special_tokens, bool split_special_tokens) {
    const auto parts = self.parts();
    const auto bytes = utf8(text);
    Options options;
    options.add_special_tokens = add_special_tokens;
    options.split_special_tokens = split_special_tokens;
    nb::list out;
    std::optional<nb::gil_scoped_release> unlocked;
    if (bytes.size() >= worth_unlocking) unlocked.emplace();
    parts->encode_ids(bytes, options, [&](const std::uint32_t* ids, std::size_t count) {
        unlocked.reset();
        out = int_list(ids, count);
    });
    return out;
}

PyEncoded encode_batch(const PyTokenizer& self, nb::object texts, nb::object pairs, bool is_split_into_words,
                       bool add_special_tokens, bool split_special_tokens, nb::handle truncation,
                       nb::handle padding, bool offsets, bool overflow, std::size_t threads,
                       bool with_byte_offsets) {
    PyEncoded out;
    offsets = offsets || with_byte_offsets;
    out.parts = self.parts();
    out.texts = std::make_shared<Texts>(texts, pairs, is_split_into_words);
    out.options = {add_special_tokens,    split_special_tokens, offsets, overflow,
                   setting<Truncation>(truncation, "Truncation"), setting<Padding>(padding, "Padding"), threads};
    {
        const nb::gil_scoped_release unlocked;
        out.data = out.parts->encode(out.texts->batch, out.options);
        if (with_byte_offsets) out.data.byte_offsets = byte_offsets(out.data, out.texts->batch);
    }
    out.has_byte_offsets = with_byte_offsets;
    if (offsets) out.texts.reset();
    return out;
}

nb::str decoded(std::string_view text, bool is_ascii, bool clean_up_spaces) {
    if (clean_up_spaces) {
        std::string cleaned(text);
        clean_up(cleaned);
        return is_ascii ? ascii_to_str(cleaned) : to_str_lossy(cleaned);
    }
    return is_ascii ? ascii_to_str(text) : to_str_lossy(text);
}

nb::list decode_batch(const PyTokenizer& self, nb::handle given, bool skip_special_tokens, bool clean_up_spaces,
                      std::size_t threads) {
    const IdRows rows = to_id_rows(given);
    const std::size_t count = rows.starts.size() - 1;
    const auto parts = self.parts();
    threads = threads > 0 ? threads : threads_for(rows.ids.size() * 4);
    // One thread decodes some rows and makes their texts while they are in the processor's cache.
    const std::size_t at_once = threads > 1 ? rows.ids.size() : std::size_t{1} << 15;
    struct Place {
        std::size_t thread, start, end;
        bool is_ascii;
    };
    std::vector<Place> places;
    std::vector<TextBuffer> texts(std::max<std::size_t>(threads, 1));
    nb::list out;
    for (std::size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count && rows.starts[last + 1] - rows.starts[first] <= at_once;) ++last;
        places.resize(last - first);
        for (auto& text : texts) text.cut(0);
        {
            const nb::gil_scoped_release unlocked;
            in_threads(last - first, threads, [&](std::size_t i, std::size_t thread) {
                const std::size_t from = rows.starts[first + i], size = rows.starts[first + i + 1] - from;
                auto& text = texts[thread];
                const std::size_t start = text.size();
                const bool is_ascii = parts->decode(rows.ids.data() + from, size, skip_special_tokens, text);
                places[i] = {thread, start, text.size(), is_ascii};
            });
        }
        for (const auto& [thread, start, end, is_ascii] : places)
            out.append(decoded(texts[thread].text(start, end), is_ascii, clean_up_spaces));
    }
    return out;
}

}  // namespace

void bind_tokenizer(nb::module_& m) {
    nb::class_<PyTokenizer>(m, "Tokenizer", "Text -> rows of tokens, and back.")
        .def(
            "__init__",
            [](PyTokenizer* self, std::shared_ptr<Model> model, std::shared_ptr<Normalizer> normalizer,
               std::shared_ptr<PreTokenizer> pre_tokenizer, std::shared_ptr<PostProcessor> post_processor,
               std::shared_ptr<Decoder> decoder) {
                auto parts = std::make_shared<PyParts>();
                parts->model = std::move(model);
                parts->normalizer = std::move(normalizer);
                parts->pre_tokenizer = std::move(pre_tokenizer);
                parts->post_processor = std::move(post_processor);
                parts->decoder = std::move(decoder);
                new (self) PyTokenizer(std::move(parts));
            },
            "model"_a, nb::kw_only(), "normalizer"_a = nb::none(), "pre_tokenizer"_a = nb::none(),
            "post_processor"_a = nb::none(), "decoder"_a = nb::none())
        .def_prop_rw(
            "model", [](const PyTokenizer& self) { return std::const_pointer_cast<Model>(self.parts()->model); },
            [](PyTokenizer& self, std::shared_ptr<Model> part) {
                self.change([&](Parts& parts) { parts.model = part; });
            })
        .def_prop_rw(
            "normalizer",
            [](const PyTokenizer& self) { return std::const_pointer_cast<Normalizer>(self.parts()->normalizer); },
            [](PyTokenizer& self, std::shared_ptr<Normalizer> part) {
                self.change([&](Parts& parts) {
                    parts.normalizer = part;
                    parts.added.refresh(part.get());
                });
            },
            nb::arg().none())
        .def_prop_rw(
            "pre_tokenizer",
            [](const PyTokenizer& self) { return std::const_pointer_cast<PreTokenizer>(self.parts()->pre_tokenizer); },
            [](PyTokenizer& self, std::shared_ptr<PreTokenizer> part) {
                self.change([&](Parts& parts) { parts.pre_tokenizer = part; });
            },
            nb::arg().none())
        .def_prop_rw(
            "post_processor",
            [](const PyTokenizer& self) { return std::const_pointer_cast<PostProcessor>(self.parts()->post_processor); },
            [](PyTokenizer& self, std::shared_ptr<PostProcessor> part) {
                self.change([&](Parts& parts) { parts.post_processor = part; });
            },
            nb::arg().none())
        .def_prop_rw(
            "decoder", [](const PyTokenizer& self) { return std::const_pointer_cast<Decoder>(self.parts()->decoder); },
            [](PyTokenizer& self, std::shared_ptr<Decoder> part) {
                self.change([&](Parts& parts) { parts.decoder = part; });
            },
            nb::arg().none())
        .def("copy", [](const PyTokenizer& self) { return self; })
        .def("__copy__", [](const PyTokenizer& self) { return self; })
        .def("__deepcopy__", [](const PyTokenizer& self, nb::handle) { return self; }, "memo"_a)
        .def("__reduce__",
             [](nb::object self) {
                 const auto file = nb::module_::import_("bearhug.tokenizers.file");
                 return nb::make_tuple(file.attr("loads"), nb::make_tuple(file.attr("encoded")(self)));
             })
        .def(
            "add_tokens",
            [](PyTokenizer& self, nb::object tokens, bool special) {
                const Items items(tokens, "tokens");
                std::vector<AddedToken> added;
                for (std::size_t i = 0; i < items.size(); ++i) added.push_back(added_token(items[i], special));
                const auto normalizer = self.parts()->normalizer;
                const auto texts = AddedVocabulary::normalized(added, normalizer.get());
                const auto count = self.change_alone([&](PyParts& parts) {
                    return parts.normalizer == normalizer ? parts.added.add_new(added, texts, *parts.model)
                                                          : std::nullopt;
                });
                return count ? *count : self.change([&](Parts& parts) {
                    return parts.added.add(added, *parts.model, parts.normalizer.get());
                });
            },
            "tokens"_a, "special"_a = false)
        .def(
            "load_added_tokens",
            [](PyTokenizer& self, nb::object given) {
                Items items(given, "tokens");
                std::vector<std::pair<std::uint32_t, AddedToken>> tokens;
                tokens.reserve(items.size());
                for (std::size_t i = 0; i < items.size(); ++i) {
                    const nb::handle pair = items.tuple(i, 2);
                    if (!pair.is_valid()) type_error("a token to load is a pair of its id and its AddedToken.");
                    tokens.emplace_back(to_id(PyTuple_GET_ITEM(pair.ptr(), 0)),
                                        added_token(PyTuple_GET_ITEM(pair.ptr(), 1), false));
                }
                self.change([&](Parts& parts) { parts.added.load(tokens, *parts.model, parts.normalizer.get()); });
            },
            "tokens"_a)
        .def(
            "remove_added_tokens",
            [](PyTokenizer& self, const std::vector<std::string>& contents) {
                self.change([&](Parts& parts) { parts.added.remove(contents, *parts.model, parts.normalizer.get()); });
            },
            "contents"_a)
        .def("added_tokens",
             [](const PyTokenizer& self) {
                 nb::dict out;
                 const auto parts = self.parts();
                 for (const auto& [id, token] : parts->added.tokens()) out[nb::int_(id)] = nb::cast(token);
                 return out;
             })
        .def(
            "vocab",
            [](const PyTokenizer& self, bool with_added_tokens) {
                nb::dict out;
                const auto parts = self.parts();
                parts->model->vocabulary.each(
                    [&](std::string_view token, std::uint32_t id) { out[to_str(token)] = nb::int_(id); });
                if (with_added_tokens)
                    for (const auto& [id, token] : parts->added.tokens())
                        out[to_str(token.content)] = nb::int_(id);
                return out;
            },
            "with_added_tokens"_a = true)
        .def(
            "vocab_size",
            [](const PyTokenizer& self, bool with_added_tokens) { return self.parts()->size(with_added_tokens); },
            "with_added_tokens"_a = true)
        .def(
            "token_to_id",
            [](const PyTokenizer& self, nb::str token) -> std::optional<std::uint32_t> {
                const std::uint32_t id = self.parts()->find(utf8(token));
                return id == no_id ? std::nullopt : std::optional(id);
            },
            "token"_a)
        .def(
            "id_to_token",
            [](const PyTokenizer& self, nb::int_ id) -> nb::object {
                const auto parts = self.parts();
                const auto token = parts->token(to_id(id));
                return token ? nb::object(to_str(*token)) : nb::object(nb::none());
            },
            "id"_a)
        .def(
            "tokens_to_ids",
            [](const PyTokenizer& self, nb::object tokens) {
                const Items items(tokens, "tokens");
                nb::list out;
                for (std::size_t i = 0; i < items.size(); ++i) {
                    if (!PyUnicode_Check(items[i].ptr()))
                        type_error("token " + std::to_string(i) + " is of the type " + class_name(items[i]) +
                                   "; expected str.");
                    const std::uint32_t id = self.parts()->find(utf8(items[i]));
                    out.append(id == no_id ? nb::object(nb::none()) : nb::object(nb::int_(id)));
                }
                return out;
            },
            "tokens"_a)
        .def(
            "ids_to_tokens",
            [](const PyTokenizer& self, nb::object ids) {
                nb::list out;
                const auto parts = self.parts();
                for (const auto id : to_ids(ids))
                    out.append(parts->token(id) ? nb::steal<nb::object>(parts->names.of(id, *parts)) : nb::none());
                return out;
            },
            "ids"_a)
        .def_prop_ro("unk_id",
                     [](const PyTokenizer& self) -> std::optional<std::uint32_t> {
                         const std::uint32_t id = self.parts()->model->unk_id();
                         return id == no_id ? std::nullopt : std::optional(id);
                     })
        .def(
            "num_special_tokens_to_add",
            [](const PyTokenizer& self, bool is_pair) {
                const auto parts = self.parts();
                return parts->post_processor ? parts->post_processor->added[is_pair] : 0;
            },
            "is_pair"_a = false)
        .def("encode_batch", &encode_batch, "texts"_a, "pairs"_a = nb::none(), nb::kw_only(),
             "is_split_into_words"_a = false, "add_special_tokens"_a = true, "split_special_tokens"_a = false,
             "truncation"_a = nb::none(), "padding"_a = nb::none(), "offsets"_a = false, "overflow"_a = true,
             "threads"_a = 0, "byte_offsets"_a = false)
        .def("encode", &encode, "text"_a, "add_special_tokens"_a = true, "split_special_tokens"_a = false)
        .def("encode_ids", &encode_ids, "text"_a, "add_special_tokens"_a = true, "split_special_tokens"_a = false)
        .def(
            "decode",
            [](const PyTokenizer& self, nb::handle given, bool skip_special_tokens, bool clean_up_spaces) {
                const auto ids = to_ids(given);
                TextBuffer text;
                const bool is_ascii = self.parts()->decode(ids.data(), ids.size(), skip_special_tokens, text);
                return decoded(text.from(0), is_ascii, clean_up_spaces);
            },
            "ids"_a, "skip_special_tokens"_a = true, "clean_up_spaces"_a = false)
        .def("decode_batch", &decode_batch, "ids"_a, "skip_special_tokens"_a = true, "clean_up_spaces"_a = false,
             "threads"_a = 0);
}

}  // namespace bearhug::python
