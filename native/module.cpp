// The only file that knows of Python: flat arrays cross here, once per batch, and the interpreter's lock is released
// meanwhile.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <functional>

#include "threads.hpp"
#include "tokenizer.hpp"
#include "train.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace bearhug;

namespace {

[[noreturn]] void type_error(const std::string& message) { throw nb::type_error(message.c_str()); }

std::string class_name(nb::handle value) { return nb::cast<std::string>(nb::str(value.type().attr("__name__"))); }

// The bytes of a str, which must be kept alive. Throws UnicodeEncodeError for a lone surrogate.
std::string_view utf8(nb::handle text) {
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (!data) throw nb::python_error();
    return {data, static_cast<std::size_t>(size)};
}

nb::str to_str(std::string_view text) { return nb::str(text.data(), text.size()); }

// A list or tuple whose items can be read while `owner` lives.
class Items {
 public:
    Items(nb::handle sequence, const char* what) {
        if (PyUnicode_Check(sequence.ptr())) type_error(std::string(what) + " is a str; expected a list: [text].");
        PyObject* fast = PySequence_Fast(sequence.ptr(), "");
        if (!fast) {
            PyErr_Clear();
            type_error(std::string(what) + " is of the type " + class_name(sequence) + "; expected a list.");
        }
        // A tuple of its own: the caller's list may change while the lock is released.
        owner = nb::steal(PySequence_Tuple(fast));
        Py_DECREF(fast);
    }
    std::size_t size() const { return static_cast<std::size_t>(PyTuple_Size(owner.ptr())); }
    nb::handle operator[](std::size_t i) const { return PyTuple_GetItem(owner.ptr(), static_cast<Py_ssize_t>(i)); }
    nb::object owner;
};

std::uint32_t to_id(nb::handle value) {
    const nb::object whole = nb::steal(PyNumber_Index(value.ptr()));
    if (!whole.is_valid()) {
        PyErr_Clear();
        type_error("an id is of the type " + class_name(value) + "; expected int.");
    }
    const unsigned long long id = PyLong_AsUnsignedLongLong(whole.ptr());
    if (PyErr_Occurred()) PyErr_Clear();
    if (id >= no_id)
        throw std::invalid_argument(nb::cast<std::string>(nb::str(whole)) +
                                    " is no token id; ids run from 0 to 4294967294.");
    return static_cast<std::uint32_t>(id);
}

std::vector<std::uint32_t> to_ids(nb::handle given) {
    nb::object ids = nb::borrow(given);
    if (!PyList_Check(ids.ptr()) && !PyTuple_Check(ids.ptr()) && nb::hasattr(ids, "tolist")) ids = ids.attr("tolist")();
    const Items items(ids, "ids");
    std::vector<std::uint32_t> out(items.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = to_id(items[i]);
    return out;
}

template <class T>
nb::object array(std::vector<T>&& values, std::vector<std::size_t> shape) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, T>(kept->data(), shape.size(), shape.data(), owner));
}

template <class T>
nb::object array(std::vector<T>&& values) {
    const std::size_t size = values.size();
    return array(std::move(values), {size});
}

// An array over memory that `owner` keeps alive; nobody may write to it.
template <class T>
nb::object view(const void* data, std::vector<std::size_t> shape, nb::handle owner) {
    return nb::cast(nb::ndarray<nb::numpy, const T>(data, shape.size(), shape.data(), owner));
}

// A Python callable text -> [start, end, start, end, ...] in code points, as spans of bytes.
Finder python_finder(nb::callable call) {
    return [call = std::move(call)](std::string_view text, std::vector<Span>& matches) {
        const nb::gil_scoped_acquire locked;
        const Items found(call(to_str(text)), "what a regular expression found");
        matches.clear();
        const char* p = text.data();
        const char* const end = p + text.size();
        std::uint32_t point = 0;
        auto byte_of = [&](nb::handle value) {
            const std::uint32_t wanted = to_id(value);
            if (wanted < point) throw std::invalid_argument("what a regular expression found is not in order.");
            for (; point < wanted; ++point) {
                if (p == end)
                    throw std::invalid_argument("a regular expression found something behind the end of the text.");
                p += unicode::length(static_cast<unsigned char>(*p));
            }
            return static_cast<std::uint32_t>(p - text.data());
        };
        for (std::size_t i = 0; i + 1 < found.size(); i += 2) {
            const auto start = byte_of(found[i]);
            matches.push_back({start, byte_of(found[i + 1])});
        }
    };
}

Finder finder(nb::handle pattern) {
    if (PyUnicode_Check(pattern.ptr())) return literal(std::string(utf8(pattern)));
    return python_finder(nb::cast<nb::callable>(pattern));
}

template <class T>
T choice(std::string_view given, std::initializer_list<std::pair<std::string_view, T>> known, const char* what) {
    std::string names;
    for (const auto& [name, value] : known) {
        if (name == given) return value;
        names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
    }
    throw std::invalid_argument(std::string(what) + " is '" + std::string(given) + "'; it is one of " + names + ".");
}

Behavior behavior(std::string_view name) {
    return choice<Behavior>(name,
                            {{"removed", Behavior::removed},
                             {"isolated", Behavior::isolated},
                             {"merged_with_previous", Behavior::merged_with_previous},
                             {"merged_with_next", Behavior::merged_with_next},
                             {"contiguous", Behavior::contiguous}},
                            "behavior");
}

pre_tokenizers::Prepend prepend_scheme(std::string_view name) {
    using pre_tokenizers::Prepend;
    return choice<Prepend>(name, {{"always", Prepend::always}, {"never", Prepend::never}, {"first", Prepend::first}},
                           "prepend_scheme");
}

Truncation::Strategy strategy_named(std::string_view name) {
    return choice<Truncation::Strategy>(name,
                                        {{"longest_first", Truncation::longest_first},
                                         {"only_first", Truncation::only_first},
                                         {"only_second", Truncation::only_second}},
                                        "strategy");
}

bool is_left(std::string_view name) { return choice<bool>(name, {{"left", true}, {"right", false}}, "direction"); }

Field field(std::string_view name) {
    return choice<Field>(name,
                         {{"ids", Field::ids},
                          {"type_ids", Field::type_ids},
                          {"attention_mask", Field::attention_mask},
                          {"special_tokens_mask", Field::special_tokens_mask},
                          {"offsets", Field::offsets},
                          {"word_ids", Field::word_ids},
                          {"sequence_ids", Field::sequence_ids}},
                         "field");
}

Vocabulary vocabulary(nb::dict given) {
    constexpr std::uint32_t limit = 1u << 31;
    std::size_t bytes = 0;
    PyObject *token = nullptr, *id = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(given.ptr(), &at, &token, &id);) {
        if (!PyUnicode_Check(token))
            type_error("a token of the vocabulary is of the type " + class_name(token) + "; expected str.");
        bytes += utf8(token).size();
    }
    Vocabulary out;
    out.reserve(given.size(), bytes);
    for (Py_ssize_t at = 0; PyDict_Next(given.ptr(), &at, &token, &id);) {
        const auto text = utf8(token);
        const long long value = PyLong_Check(id) ? PyLong_AsLongLong(id) : -1;
        if (PyErr_Occurred()) PyErr_Clear();
        if (value < 0 || value >= limit)
            throw std::invalid_argument("the token '" + std::string(text) + "' has the id " +
                                        nb::cast<std::string>(nb::repr(nb::handle(id))) +
                                        "; an id is a whole number from 0 to 2147483647.");
        out.add(text, static_cast<std::uint32_t>(value));
    }
    return out;
}

Merges merges(const Items& given) {
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
        const bool is_list = PyList_Check(merge.ptr());
        if ((!is_list && !PyTuple_Check(merge.ptr())) || PySequence_Size(merge.ptr()) != 2) throw problem(i);
        auto part = [&](Py_ssize_t at) {
            const nb::handle item = is_list ? PyList_GetItem(merge.ptr(), at) : PyTuple_GetItem(merge.ptr(), at);
            if (!PyUnicode_Check(item.ptr())) throw problem(i);
            return utf8(item);
        };
        out.emplace_back(part(0), part(1));
    }
    return out;
}

template <class T, class Component>
std::shared_ptr<T> described(std::string json, std::shared_ptr<Component> component) {
    component->json = std::move(json);
    return component;
}

template <class T>
std::vector<std::shared_ptr<const T>> shared(const std::vector<std::shared_ptr<T>>& parts) {
    return {parts.begin(), parts.end()};
}

// The texts of a call, kept alive with the Python strings that they are views of.
struct Texts {
    Batch batch;
    std::vector<nb::object> owners;

    Texts(nb::handle texts, nb::handle pairs, bool split_into_words) {
        batch.split_into_words = split_into_words;
        Items first(texts, "texts");
        std::optional<Items> second;
        if (!pairs.is_none()) {
            second.emplace(pairs, "pairs");
            if (second->size() != first.size())
                throw std::invalid_argument(std::to_string(first.size()) + " texts and " +
                                            std::to_string(second->size()) +
                                            " second texts; each text needs the second one of its pair.");
        }
        batch.samples.reserve(first.size());
        batch.words.reserve(first.size() * (second ? 2 : 1));
        for (std::size_t i = 0; i < first.size(); ++i) {
            Batch::Sample sample{};
            sample.first_begin = batch.words.size();
            add(first[i], i, "text ");
            sample.first_end = sample.second_begin = batch.words.size();
            if (second && !(*second)[i].is_none()) {
                add((*second)[i], i, "second text ");
                sample.is_pair = true;
            }
            sample.second_end = batch.words.size();
            batch.samples.push_back(sample);
        }
        owners.push_back(std::move(first.owner));
        if (second) owners.push_back(std::move(second->owner));
    }

 private:
    void add(nb::handle text, std::size_t i, const char* what) {
        if (!batch.split_into_words) return add_text(text, i, what);
        Items words(text, "a pre-split text");
        for (std::size_t word = 0; word < words.size(); ++word) add_text(words[word], i, "a word of text ");
        owners.push_back(std::move(words.owner));
    }
    void add_text(nb::handle text, std::size_t i, const char* what) {
        if (!PyUnicode_Check(text.ptr()))
            type_error(what + std::to_string(i) + " is of the type " + class_name(text) + "; expected str." +
                       (PyList_Check(text.ptr()) ? " For lists of words, pass is_split_into_words=True." : ""));
        batch.words.push_back(utf8(text));
    }
};

struct PyEncoded {
    Encoded data;
    // Until offsets are asked for:
    std::shared_ptr<const Parts> parts;
    std::shared_ptr<Texts> texts;
    Options options;
    std::map<std::uint32_t, std::string> names;  // of its ids, where it was unpickled and has no parts

    void track() {
        if (data.tracked) return;
        Encoded again;
        options.tracking = true;
        {
            const nb::gil_scoped_release unlocked;
            again = parts->encode(texts->batch, options);
        }
        if (again.ids != data.ids)
            throw std::runtime_error(
                "offsets cannot be worked out afterwards with BPE dropout; encode with offsets=True.");
        data.offsets = std::move(again.offsets);  // what arrays already look at stays where it is
        data.words = std::move(again.words);
        data.texts = std::move(again.texts);
        data.tracked = true;
        texts.reset();
    }
    std::size_t row(Py_ssize_t row) const {
        const auto rows = static_cast<Py_ssize_t>(data.rows());
        if (row < -rows || row >= rows)
            throw nb::index_error(
                ("row " + std::to_string(row) + " of a batch of " + std::to_string(rows) + " rows.").c_str());
        return static_cast<std::size_t>(row < 0 ? row + rows : row);
    }
};

nb::list int_list(const std::uint32_t* values, std::size_t count) {
    nb::list out = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(count)));
    for (std::size_t i = 0; i < count; ++i)
        PyList_SetItem(out.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromUnsignedLong(values[i]));
    return out;
}

// -1 stands for None where the field has that.
nb::list int_list(const std::int32_t* values, std::size_t count, bool none) {
    nb::list out = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(count)));
    for (std::size_t i = 0; i < count; ++i)
        PyList_SetItem(out.ptr(), static_cast<Py_ssize_t>(i),
                       none && values[i] < 0 ? nb::none().release().ptr() : PyLong_FromLong(values[i]));
    return out;
}

nb::list row_list(PyEncoded& encoded, std::size_t row, Field field) {
    const Encoded& data = encoded.data;
    if (field == Field::offsets || field == Field::word_ids) encoded.track();
    const auto start = static_cast<std::size_t>(data.starts[row]);
    const std::size_t count = static_cast<std::size_t>(data.starts[row + 1]) - start;
    switch (field) {
        case Field::ids:
            return int_list(data.ids.data() + start, count);
        case Field::word_ids:
            return int_list(data.words.data() + start, count, true);
        case Field::offsets: {
            nb::list out = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(count)));
            for (std::size_t i = 0; i < count; ++i) {
                const Span span = data.offsets[start + i];
                PyList_SetItem(out.ptr(), static_cast<Py_ssize_t>(i),
                               nb::make_tuple(span.start, span.end).release().ptr());
            }
            return out;
        }
        default: {
            const auto column = data.column(field, row, row + 1);
            return int_list(column.data(), count, field == Field::sequence_ids);
        }
    }
}

nb::object rectangle(PyEncoded& encoded, Field field) {
    const Encoded& data = encoded.data;
    const std::size_t rows = data.rows();
    const std::size_t width = rows == 0 ? 0 : static_cast<std::size_t>(data.starts[1]);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto here = static_cast<std::size_t>(data.starts[row + 1] - data.starts[row]);
        if (here != width)
            throw std::invalid_argument("the rows have different lengths (row 0 has " + std::to_string(width) +
                                        " tokens, row " + std::to_string(row) + " has " + std::to_string(here) +
                                        "), and an array needs one length.\nUse padding=True, and truncation=True "
                                        "where there is a max_length.");
    }
    if (field == Field::offsets || field == Field::word_ids) encoded.track();
    std::vector<std::int64_t> out;
    switch (field) {
        case Field::ids:
            out.assign(data.ids.begin(), data.ids.end());
            break;
        case Field::word_ids:
            out.assign(data.words.begin(), data.words.end());
            break;
        case Field::offsets:
            out.reserve(data.offsets.size() * 2);
            for (const Span span : data.offsets) out.push_back(span.start), out.push_back(span.end);
            return array(std::move(out), {rows, width, 2});
        default: {
            const auto column = data.column(field, 0, rows);
            out.assign(column.begin(), column.end());
        }
    }
    return array(std::move(out), {rows, width});
}

nb::object column_array(PyEncoded& encoded, Field field) {
    auto column = encoded.data.column(field, 0, encoded.data.rows());
    if (field == Field::sequence_ids) return array(std::move(column));
    return array(std::vector<std::uint32_t>(column.begin(), column.end()));
}

template <class T>
nb::bytes raw(const std::vector<T>& values) {
    return nb::bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <class T>
std::vector<T> unraw(nb::handle state) {
    const auto bytes = nb::cast<nb::bytes>(state);
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.c_str(), out.size() * sizeof(T));
    return out;
}

nb::tuple encoded_state(PyEncoded& self) {
    self.track();
    nb::dict texts, names;
    for (const auto& [at, text] : self.data.texts) texts[nb::int_(at)] = to_str(text);
    for (const auto id : self.data.ids) {
        const nb::int_ key(id);
        if (names.contains(key)) continue;
        const auto known = self.names.find(id);
        names[key] = to_str(known != self.names.end() ? known->second
                            : self.parts              ? self.parts->token(id).value_or("")
                                                      : "");
    }
    const Encoded& data = self.data;
    return nb::make_tuple(raw(data.ids), raw(data.starts), raw(data.samples), raw(data.runs), raw(data.run_starts),
                          raw(data.offsets), raw(data.words), texts, names);
}

void set_encoded_state(PyEncoded& self, nb::tuple state) {
    new (&self) PyEncoded();
    Encoded& data = self.data;
    data.ids = unraw<std::uint32_t>(state[0]);
    data.starts = unraw<std::int64_t>(state[1]);
    data.samples = unraw<std::int64_t>(state[2]);
    data.runs = unraw<Run>(state[3]);
    data.run_starts = unraw<std::int64_t>(state[4]);
    data.offsets = unraw<Span>(state[5]);
    data.words = unraw<std::int32_t>(state[6]);
    for (auto [at, text] : nb::cast<nb::dict>(state[7]))
        data.texts[nb::cast<std::size_t>(at)] = nb::cast<std::string>(text);
    for (auto [id, text] : nb::cast<nb::dict>(state[8]))
        self.names[nb::cast<std::uint32_t>(id)] = nb::cast<std::string>(text);
    data.tracked = true;
}

nb::list token_list(PyEncoded& self, Py_ssize_t which) {
    const std::size_t row = self.row(which);
    self.track();
    nb::list out;
    for (auto i = static_cast<std::size_t>(self.data.starts[row]);
         i < static_cast<std::size_t>(self.data.starts[row + 1]); ++i) {
        const std::uint32_t id = self.data.ids[i];
        if (const auto own = self.data.texts.find(i); own != self.data.texts.end()) {
            out.append(to_str(own->second));
        } else if (const auto name = self.names.find(id); name != self.names.end()) {
            out.append(to_str(name->second));
        } else {
            out.append(to_str(self.parts ? self.parts->token(id).value_or("") : ""));
        }
    }
    return out;
}

// A change makes new parts, so that encodings that are under way in other threads are not disturbed.
struct PyTokenizer {
    std::shared_ptr<const Parts> parts;

    template <class Change>
    auto change(Change change) {
        auto changed = std::make_shared<Parts>(*parts);
        if constexpr (std::is_void_v<decltype(change(*changed))>) {
            change(*changed);
            parts = std::move(changed);
        } else {
            auto result = change(*changed);
            parts = std::move(changed);
            return result;
        }
    }
};

AddedToken added_token(nb::handle token, bool special) {
    AddedToken out;
    if (PyUnicode_Check(token.ptr())) {
        out.content = std::string(utf8(token));
        out.special = special;
        out.normalized = !special;
    } else {
        out = nb::cast<AddedToken>(token);
        out.special = out.special || special;
    }
    return out;
}

PyEncoded encode_batch(const PyTokenizer& self, nb::object texts, nb::object pairs, bool is_split_into_words,
                       bool add_special_tokens, bool split_special_tokens, std::optional<Truncation> truncation,
                       std::optional<Padding> padding, bool offsets, bool overflow, std::size_t threads) {
    PyEncoded out;
    out.parts = self.parts;
    out.texts = std::make_shared<Texts>(texts, pairs, is_split_into_words);
    out.options = {add_special_tokens,    split_special_tokens, offsets, overflow,
                   std::move(truncation), std::move(padding),   threads};
    {
        const nb::gil_scoped_release unlocked;
        out.data = out.parts->encode(out.texts->batch, out.options);
    }
    if (offsets) out.texts.reset();
    return out;
}

std::vector<Item> template_items(
    const std::vector<nb::tuple>& given,
    const std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>>& special) {
    std::vector<Item> out;
    for (const auto& piece : given) {
        const auto kind = nb::cast<std::string>(piece[0]);
        const auto value = nb::cast<std::string>(piece[1]);
        const auto type = nb::cast<std::uint32_t>(piece[2]);
        if (kind == "token") {
            const auto found = special.find(value);
            if (found == special.end())
                throw std::invalid_argument("the template uses the special token '" + value +
                                            "', which special_tokens does not name; add its id there.");
            out.push_back({Item::special, type, type, found->second.first, found->second.second});
        } else {
            const bool second = choice<bool>(value, {{"A", false}, {"B", true}}, "a sequence of the template");
            out.push_back({second ? Item::second : Item::first, type, second ? 1u : 0u});
        }
    }
    return out;
}

std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>> template_tokens(nb::dict given) {
    std::map<std::string, std::pair<std::vector<std::uint32_t>, std::vector<std::string>>> out;
    for (auto [name, value] : given) {
        auto pair = nb::cast<std::pair<std::vector<std::uint32_t>, std::vector<std::string>>>(value);
        if (pair.first.size() != pair.second.size())
            throw std::invalid_argument("the special token '" + nb::cast<std::string>(name) + "' of the template has " +
                                        std::to_string(pair.first.size()) + " ids and " +
                                        std::to_string(pair.second.size()) + " tokens; it needs as many of both.");
        out[nb::cast<std::string>(name)] = std::move(pair);
    }
    return out;
}

void bind_settings(nb::module_& m) {
    nb::class_<AddedToken>(m, "AddedToken", "A token that is found in the text before anything else happens to it.")
        .def(
            "__init__",
            [](AddedToken* self, std::string content, bool single_word, bool lstrip, bool rstrip,
               std::optional<bool> normalized, bool special) {
                new (self)
                    AddedToken{std::move(content), single_word, lstrip, rstrip, normalized.value_or(!special), special};
            },
            "content"_a, "single_word"_a = false, "lstrip"_a = false, "rstrip"_a = false, "normalized"_a = nb::none(),
            "special"_a = false)
        .def_rw("content", &AddedToken::content)
        .def_rw("single_word", &AddedToken::single_word)
        .def_rw("lstrip", &AddedToken::lstrip)
        .def_rw("rstrip", &AddedToken::rstrip)
        .def_rw("normalized", &AddedToken::normalized)
        .def_rw("special", &AddedToken::special)
        .def("__str__", [](const AddedToken& self) { return self.content; })
        .def("__repr__",
             [](const AddedToken& self) {
                 auto flag = [](bool value) { return value ? "True" : "False"; };
                 return "AddedToken(" + nb::cast<std::string>(nb::repr(nb::cast(self.content))) +
                        ", single_word=" + flag(self.single_word) + ", lstrip=" + flag(self.lstrip) +
                        ", rstrip=" + flag(self.rstrip) + ", normalized=" + flag(self.normalized) +
                        ", special=" + flag(self.special) + ")";
             })
        .def("__eq__",
             [](const AddedToken& self, nb::handle other) {
                 return nb::isinstance<AddedToken>(other) && self == nb::cast<AddedToken>(other);
             })
        .def("__hash__", [](const AddedToken& self) { return std::hash<std::string>()(self.content); })
        .def("__getstate__",
             [](const AddedToken& self) {
                 return nb::make_tuple(self.content, self.single_word, self.lstrip, self.rstrip, self.normalized,
                                       self.special);
             })
        .def("__setstate__", [](AddedToken& self, const nb::tuple& state) {
            new (&self) AddedToken{nb::cast<std::string>(state[0]), nb::cast<bool>(state[1]), nb::cast<bool>(state[2]),
                                   nb::cast<bool>(state[3]),        nb::cast<bool>(state[4]), nb::cast<bool>(state[5])};
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
        .def_rw("max_length", &Truncation::max_length)
        .def_rw("stride", &Truncation::stride)
        .def_prop_rw(
            "strategy",
            [](const Truncation& self) {
                return self.strategy == Truncation::longest_first ? "longest_first"
                       : self.strategy == Truncation::only_first  ? "only_first"
                                                                  : "only_second";
            },
            [](Truncation& self, std::string_view name) { self.strategy = strategy_named(name); })
        .def_prop_rw(
            "direction", [](const Truncation& self) { return self.left ? "left" : "right"; },
            [](Truncation& self, std::string_view name) { self.left = is_left(name); });

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
        .def_rw("length", &Padding::length, nb::arg().none())
        .def_rw("pad_to_multiple_of", &Padding::multiple, nb::arg().none())
        .def_rw("pad_id", &Padding::id)
        .def_rw("pad_type_id", &Padding::type)
        .def_rw("pad_token", &Padding::token)
        .def_prop_rw(
            "direction", [](const Padding& self) { return self.left ? "left" : "right"; },
            [](Padding& self, std::string_view name) { self.left = is_left(name); });
}

void bind_encoded(nb::module_& m) {
    nb::class_<PyEncoded>(m, "Encoded", "A batch of encoded texts: rows of tokens, one after another.")
        .def_prop_ro("starts",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::int64_t>(data.starts.data(), {data.starts.size()}, self);
                     })
        .def_prop_ro("ids",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::uint32_t>(data.ids.data(), {data.ids.size()}, self);
                     })
        .def_prop_ro("sample_mapping",
                     [](nb::object self) {
                         const auto& data = nb::cast<PyEncoded&>(self).data;
                         return view<std::int64_t>(data.samples.data(), {data.samples.size()}, self);
                     })
        .def_prop_ro("offsets",
                     [](nb::object self) {
                         auto& encoded = nb::cast<PyEncoded&>(self);
                         encoded.track();
                         return view<std::uint32_t>(encoded.data.offsets.data(), {encoded.data.offsets.size(), 2},
                                                    self);
                     })
        .def_prop_ro("word_ids",
                     [](nb::object self) {
                         auto& encoded = nb::cast<PyEncoded&>(self);
                         encoded.track();
                         return view<std::int32_t>(encoded.data.words.data(), {encoded.data.words.size()}, self);
                     })
        .def_prop_ro("type_ids", [](PyEncoded& self) { return column_array(self, Field::type_ids); })
        .def_prop_ro("attention_mask", [](PyEncoded& self) { return column_array(self, Field::attention_mask); })
        .def_prop_ro("special_tokens_mask",
                     [](PyEncoded& self) { return column_array(self, Field::special_tokens_mask); })
        .def_prop_ro("sequence_ids", [](PyEncoded& self) { return column_array(self, Field::sequence_ids); })
        .def("__len__", [](const PyEncoded& self) { return self.data.rows(); })
        .def(
            "length",
            [](const PyEncoded& self, Py_ssize_t row) {
                const std::size_t at = self.row(row);
                return self.data.starts[at + 1] - self.data.starts[at];
            },
            "row"_a)
        .def(
            "row",
            [](PyEncoded& self, Py_ssize_t row, std::string_view name) {
                return row_list(self, self.row(row), field(name));
            },
            "row"_a, "field"_a)
        .def(
            "lists",
            [](PyEncoded& self, std::string_view name) {
                const Field which = field(name);
                const std::size_t rows = self.data.rows();
                nb::list out = nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(rows)));
                for (std::size_t row = 0; row < rows; ++row)
                    PyList_SetItem(out.ptr(), static_cast<Py_ssize_t>(row), row_list(self, row, which).release().ptr());
                return out;
            },
            "field"_a)
        .def("tokens", &token_list, "row"_a)
        .def(
            "rectangle", [](PyEncoded& self, std::string_view name) { return rectangle(self, field(name)); }, "field"_a)
        .def(
            "select",
            [](PyEncoded& self, const std::vector<Py_ssize_t>& rows) {
                self.track();
                std::vector<std::size_t> wanted;
                for (const auto row : rows) wanted.push_back(self.row(row));
                PyEncoded out;
                out.data = self.data.select(wanted);
                out.parts = self.parts;
                out.names = self.names;
                return out;
            },
            "rows"_a)
        .def("__getstate__", &encoded_state)
        .def("__setstate__", &set_encoded_state);
}

void bind_components(nb::module_& m) {
    using N = std::shared_ptr<Normalizer>;
    nb::class_<Normalizer>(m, "Normalizer", "Text -> text.")
        .def_ro("json", &Normalizer::json)
        .def(
            "normalize_str",
            [](const Normalizer& self, nb::str text) { return nb::cast(self).attr("normalize")(text); }, "text"_a)
        .def(
            "normalize",
            [](const Normalizer& self, nb::str text) {
                Draft draft;
                draft.start(utf8(text), 0, false);
                self.apply(draft);
                return to_str(draft.text());
            },
            "text"_a)
        .def_static(
            "bert",
            [](std::string json, bool clean_text, bool handle_chinese_chars, std::optional<bool> strip_accents,
               bool lowercase) -> N {
                return described<Normalizer>(
                    std::move(json), normalizers::bert({clean_text, handle_chinese_chars, strip_accents, lowercase}));
            },
            "json"_a, "clean_text"_a, "handle_chinese_chars"_a, "strip_accents"_a.none(), "lowercase"_a)
        .def_static(
            "unicode",
            [](std::string json, std::string_view form) -> N {
                using unicode::Form;
                const Form which = choice<Form>(
                    form, {{"NFC", Form::nfc}, {"NFD", Form::nfd}, {"NFKC", Form::nfkc}, {"NFKD", Form::nfkd}}, "form");
                return described<Normalizer>(std::move(json), normalizers::normal_form(which));
            },
            "json"_a, "form"_a)
        .def_static(
            "lowercase",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::lowercase()); },
            "json"_a)
        .def_static(
            "strip_accents",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::strip_accents()); },
            "json"_a)
        .def_static(
            "strip",
            [](std::string json, bool left, bool right) -> N {
                return described<Normalizer>(std::move(json), normalizers::strip(left, right));
            },
            "json"_a, "left"_a, "right"_a)
        .def_static(
            "replace",
            [](std::string json, nb::object pattern, std::string content) -> N {
                return described<Normalizer>(std::move(json),
                                             normalizers::replace(finder(pattern), std::move(content)));
            },
            "json"_a, "pattern"_a, "content"_a)
        .def_static(
            "prepend",
            [](std::string json, std::string text) -> N {
                return described<Normalizer>(std::move(json), normalizers::prepend(std::move(text)));
            },
            "json"_a, "text"_a)
        .def_static(
            "byte_level",
            [](std::string json) -> N { return described<Normalizer>(std::move(json), normalizers::byte_level()); },
            "json"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<N>& parts) -> N {
                return described<Normalizer>(std::move(json), normalizers::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using P = std::shared_ptr<PreTokenizer>;
    nb::class_<PreTokenizer>(m, "PreTokenizer", "Text -> pre-tokens, the pieces that the model sees one at a time.")
        .def_ro("json", &PreTokenizer::json)
        .def(
            "split",
            [](const PreTokenizer& self, nb::str given) {
                const auto text = utf8(given);
                nb::list out;
                if (text.empty()) return out;
                Draft draft;
                draft.start(text, 0, true);
                Pieces pieces;
                pieces.spans.push_back({0, static_cast<std::uint32_t>(text.size())});
                self.split(draft, pieces);
                spell_bytes(draft, pieces);
                unicode::CodePoints points(text);
                for (const auto& span : pieces.spans) {
                    const Span origin = draft.origin(span);
                    const auto start = points.at(origin.start);
                    out.append(nb::make_tuple(to_str(draft.text().substr(span.start, span.size())),
                                              nb::make_tuple(start, points.at(origin.end))));
                }
                return out;
            },
            "text"_a)
        .def_static(
            "byte_level",
            [](std::string json, bool add_prefix_space, bool, bool use_regex) -> P {
                return described<PreTokenizer>(std::move(json),
                                               pre_tokenizers::byte_level(add_prefix_space, use_regex));
            },
            "json"_a, "add_prefix_space"_a, "trim_offsets"_a, "use_regex"_a)
        .def_static(
            "bert",
            [](std::string json) -> P { return described<PreTokenizer>(std::move(json), pre_tokenizers::bert()); },
            "json"_a)
        .def_static(
            "whitespace",
            [](std::string json) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::whitespace());
            },
            "json"_a)
        .def_static(
            "whitespace_split",
            [](std::string json) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::whitespace_split());
            },
            "json"_a)
        .def_static(
            "punctuation",
            [](std::string json, std::string_view how) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::punctuation(behavior(how)));
            },
            "json"_a, "behavior"_a)
        .def_static(
            "digits",
            [](std::string json, bool individual) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::digits(individual));
            },
            "json"_a, "individual_digits"_a)
        .def_static(
            "metaspace",
            [](std::string json, std::string replacement, std::string_view scheme, bool split) -> P {
                if (unicode::count(replacement) != 1)
                    throw std::invalid_argument("Metaspace's replacement is '" + replacement +
                                                "'; it is one character.");
                return described<PreTokenizer>(
                    std::move(json), pre_tokenizers::metaspace(std::move(replacement), prepend_scheme(scheme), split));
            },
            "json"_a, "replacement"_a, "prepend_scheme"_a, "split"_a)
        .def_static(
            "split_literal",
            [](std::string json, std::string pattern, std::string_view how, bool invert) -> P {
                return described<PreTokenizer>(
                    std::move(json), pre_tokenizers::split(literal(std::move(pattern)), behavior(how), invert));
            },
            "json"_a, "pattern"_a, "behavior"_a, "invert"_a)
        .def_static(
            "split_known",
            [](std::string json, std::string_view scanner, std::string_view how, bool invert) -> P {
                return described<PreTokenizer>(std::move(json),
                                               pre_tokenizers::split(scan::by_name(scanner), behavior(how), invert));
            },
            "json"_a, "scanner"_a, "behavior"_a, "invert"_a)
        .def_static(
            "split_finder",
            [](std::string json, nb::callable find, std::string_view how, bool invert) -> P {
                return described<PreTokenizer>(
                    std::move(json), pre_tokenizers::split(python_finder(std::move(find)), behavior(how), invert));
            },
            "json"_a, "find"_a, "behavior"_a, "invert"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<P>& parts) -> P {
                return described<PreTokenizer>(std::move(json), pre_tokenizers::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using M = std::shared_ptr<Model>;
    nb::class_<Model>(m, "Model", "Pre-token -> tokens.")
        .def_ro("json", &Model::json)
        .def_prop_ro("kind", &Model::kind)
        .def("merges", &Model::merges)
        .def_static(
            "bpe",
            [](std::string json, nb::dict vocab, nb::object given, std::optional<double> dropout,
               std::optional<std::string> unk_token, std::optional<std::string> prefix,
               std::optional<std::string> suffix, bool fuse_unk, bool byte_fallback, bool ignore_merges) -> M {
                const Items items(given, "merges");
                BpeSettings settings{std::nullopt, std::move(unk_token), std::move(prefix), std::move(suffix),
                                     fuse_unk,     byte_fallback,        ignore_merges};
                if (dropout) settings.dropout = static_cast<float>(*dropout);
                return described<Model>(std::move(json),
                                        make_bpe(vocabulary(vocab), merges(items), std::move(settings)));
            },
            "json"_a, "vocab"_a, "merges"_a, "dropout"_a.none(), "unk_token"_a.none(),
            "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(), "fuse_unk"_a, "byte_fallback"_a,
            "ignore_merges"_a)
        .def_static(
            "wordpiece",
            [](std::string json, nb::dict vocab, std::string unk_token, std::string prefix,
               std::size_t max_chars) -> M {
                return described<Model>(std::move(json), make_wordpiece(vocabulary(vocab), std::move(unk_token),
                                                                        std::move(prefix), max_chars));
            },
            "json"_a, "vocab"_a, "unk_token"_a, "continuing_subword_prefix"_a, "max_input_chars_per_word"_a)
        .def_static(
            "wordlevel",
            [](std::string json, nb::dict vocab, std::string unk_token) -> M {
                return described<Model>(std::move(json), make_wordlevel(vocabulary(vocab), std::move(unk_token)));
            },
            "json"_a, "vocab"_a, "unk_token"_a);

    using T = std::shared_ptr<PostProcessor>;
    using post_processors::Special;
    nb::class_<PostProcessor>(m, "PostProcessor", "Adds special tokens around one or two encoded sequences.")
        .def_ro("json", &PostProcessor::json)
        .def(
            "added_tokens", [](const PostProcessor& self, bool is_pair) { return self.added[is_pair]; }, "is_pair"_a)
        .def_static(
            "template",
            [](std::string json, const std::vector<nb::tuple>& single, const std::vector<nb::tuple>& pair,
               nb::dict special_tokens) -> T {
                const auto special = template_tokens(special_tokens);
                return described<PostProcessor>(
                    std::move(json),
                    post_processors::from_template(template_items(single, special), template_items(pair, special)));
            },
            "json"_a, "single"_a, "pair"_a, "special_tokens"_a)
        .def_static(
            "bert",
            [](std::string json, const Special& sep, const Special& cls) -> T {
                return described<PostProcessor>(std::move(json), post_processors::bert(sep, cls));
            },
            "json"_a, "sep"_a, "cls"_a)
        .def_static(
            "roberta",
            [](std::string json, const Special& sep, const Special& cls, bool trim_offsets,
               bool add_prefix_space) -> T {
                return described<PostProcessor>(std::move(json),
                                                post_processors::roberta(sep, cls, trim_offsets, add_prefix_space));
            },
            "json"_a, "sep"_a, "cls"_a, "trim_offsets"_a, "add_prefix_space"_a)
        .def_static(
            "byte_level",
            [](std::string json, bool add_prefix_space, bool trim_offsets) -> T {
                return described<PostProcessor>(std::move(json),
                                                post_processors::byte_level(trim_offsets, add_prefix_space));
            },
            "json"_a, "add_prefix_space"_a, "trim_offsets"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<T>& parts) -> T {
                return described<PostProcessor>(std::move(json), post_processors::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);

    using D = std::shared_ptr<Decoder>;
    nb::class_<Decoder>(m, "Decoder", "Tokens' texts -> text.")
        .def_ro("json", &Decoder::json)
        .def(
            "decode",
            [](const Decoder& self, std::vector<std::string> tokens) {
                self.apply(tokens);
                std::string text;
                for (const auto& token : tokens) text += token;
                return to_str(unicode::lossy(text));
            },
            "tokens"_a)
        .def_static(
            "byte_level",
            [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::byte_level()); }, "json"_a)
        .def_static(
            "wordpiece",
            [](std::string json, std::string prefix, bool cleanup) -> D {
                return described<Decoder>(std::move(json), decoders::wordpiece(std::move(prefix), cleanup));
            },
            "json"_a, "prefix"_a, "cleanup"_a)
        .def_static(
            "bpe",
            [](std::string json, std::string suffix) -> D {
                return described<Decoder>(std::move(json), decoders::bpe(std::move(suffix)));
            },
            "json"_a, "suffix"_a)
        .def_static(
            "byte_fallback",
            [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::byte_fallback()); },
            "json"_a)
        .def_static(
            "fuse", [](std::string json) -> D { return described<Decoder>(std::move(json), decoders::fuse()); },
            "json"_a)
        .def_static(
            "replace",
            [](std::string json, nb::object pattern, std::string content) -> D {
                return described<Decoder>(std::move(json), decoders::replace(finder(pattern), std::move(content)));
            },
            "json"_a, "pattern"_a, "content"_a)
        .def_static(
            "strip",
            [](std::string json, std::string content, std::size_t start, std::size_t stop) -> D {
                if (unicode::count(content) != 1)
                    throw std::invalid_argument("the Strip decoder's content is '" + content +
                                                "'; it is one character.");
                const char* p = content.data();
                return described<Decoder>(std::move(json), decoders::strip(unicode::next(p), start, stop));
            },
            "json"_a, "content"_a, "start"_a, "stop"_a)
        .def_static(
            "metaspace",
            [](std::string json, std::string replacement, std::string_view scheme) -> D {
                return described<Decoder>(
                    std::move(json), decoders::metaspace(std::move(replacement),
                                                         prepend_scheme(scheme) != pre_tokenizers::Prepend::never));
            },
            "json"_a, "replacement"_a, "prepend_scheme"_a)
        .def_static(
            "ctc",
            [](std::string json, std::string pad_token, std::string delimiter, bool cleanup) -> D {
                return described<Decoder>(std::move(json),
                                          decoders::ctc(std::move(pad_token), std::move(delimiter), cleanup));
            },
            "json"_a, "pad_token"_a, "word_delimiter_token"_a, "cleanup"_a)
        .def_static(
            "sequence",
            [](std::string json, const std::vector<D>& parts) -> D {
                return described<Decoder>(std::move(json), decoders::sequence(shared(parts)));
            },
            "json"_a, "parts"_a);
}

void bind_tokenizer(nb::module_& m) {
    nb::class_<PyTokenizer>(m, "Tokenizer", "Text -> rows of tokens, and back.")
        .def(
            "__init__",
            [](PyTokenizer* self, std::shared_ptr<Model> model, std::shared_ptr<Normalizer> normalizer,
               std::shared_ptr<PreTokenizer> pre_tokenizer, std::shared_ptr<PostProcessor> post_processor,
               std::shared_ptr<Decoder> decoder) {
                auto parts = std::make_shared<Parts>();
                parts->model = std::move(model);
                parts->normalizer = std::move(normalizer);
                parts->pre_tokenizer = std::move(pre_tokenizer);
                parts->post_processor = std::move(post_processor);
                parts->decoder = std::move(decoder);
                new (self) PyTokenizer{std::move(parts)};
            },
            "model"_a, nb::kw_only(), "normalizer"_a = nb::none(), "pre_tokenizer"_a = nb::none(),
            "post_processor"_a = nb::none(), "decoder"_a = nb::none())
        .def_prop_rw(
            "model", [](const PyTokenizer& self) { return std::const_pointer_cast<Model>(self.parts->model); },
            [](PyTokenizer& self, std::shared_ptr<Model> part) {
                self.change([&](Parts& parts) { parts.model = part; });
            })
        .def_prop_rw(
            "normalizer",
            [](const PyTokenizer& self) { return std::const_pointer_cast<Normalizer>(self.parts->normalizer); },
            [](PyTokenizer& self, std::shared_ptr<Normalizer> part) {
                self.change([&](Parts& parts) {
                    parts.normalizer = part;
                    parts.added.refresh(part.get());
                });
            },
            nb::arg().none())
        .def_prop_rw(
            "pre_tokenizer",
            [](const PyTokenizer& self) { return std::const_pointer_cast<PreTokenizer>(self.parts->pre_tokenizer); },
            [](PyTokenizer& self, std::shared_ptr<PreTokenizer> part) {
                self.change([&](Parts& parts) { parts.pre_tokenizer = part; });
            },
            nb::arg().none())
        .def_prop_rw(
            "post_processor",
            [](const PyTokenizer& self) { return std::const_pointer_cast<PostProcessor>(self.parts->post_processor); },
            [](PyTokenizer& self, std::shared_ptr<PostProcessor> part) {
                self.change([&](Parts& parts) { parts.post_processor = part; });
            },
            nb::arg().none())
        .def_prop_rw(
            "decoder", [](const PyTokenizer& self) { return std::const_pointer_cast<Decoder>(self.parts->decoder); },
            [](PyTokenizer& self, std::shared_ptr<Decoder> part) {
                self.change([&](Parts& parts) { parts.decoder = part; });
            },
            nb::arg().none())
        .def("copy", [](const PyTokenizer& self) { return self; })
        .def("__reduce__",
             [](nb::object self) {
                 const auto file = nb::module_::import_("bearhug.tokenizers.file");
                 return nb::make_tuple(file.attr("loads"), nb::make_tuple(file.attr("dumps")(self)));
             })
        .def(
            "add_tokens",
            [](PyTokenizer& self, nb::object tokens, bool special) {
                const Items items(tokens, "tokens");
                std::vector<AddedToken> added;
                for (std::size_t i = 0; i < items.size(); ++i) added.push_back(added_token(items[i], special));
                return self.change(
                    [&](Parts& parts) { return parts.added.add(added, *parts.model, parts.normalizer.get()); });
            },
            "tokens"_a, "special"_a = false)
        .def(
            "load_added_tokens",
            [](PyTokenizer& self, const std::vector<std::pair<std::uint32_t, AddedToken>>& tokens) {
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
                 for (const auto& [id, token] : self.parts->added.tokens()) out[nb::int_(id)] = nb::cast(token);
                 return out;
             })
        .def(
            "vocab",
            [](const PyTokenizer& self, bool with_added_tokens) {
                nb::dict out;
                self.parts->model->vocabulary.each(
                    [&](std::string_view token, std::uint32_t id) { out[to_str(token)] = nb::int_(id); });
                if (with_added_tokens)
                    for (const auto& [id, token] : self.parts->added.tokens())
                        out[to_str(token.content)] = nb::int_(id);
                return out;
            },
            "with_added_tokens"_a = true)
        .def(
            "vocab_size",
            [](const PyTokenizer& self, bool with_added_tokens) { return self.parts->size(with_added_tokens); },
            "with_added_tokens"_a = true)
        .def(
            "token_to_id",
            [](const PyTokenizer& self, nb::str token) -> std::optional<std::uint32_t> {
                const std::uint32_t id = self.parts->find(utf8(token));
                return id == no_id ? std::nullopt : std::optional(id);
            },
            "token"_a)
        .def(
            "id_to_token",
            [](const PyTokenizer& self, nb::int_ id) -> nb::object {
                const auto token = self.parts->token(to_id(id));
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
                    const std::uint32_t id = self.parts->find(utf8(items[i]));
                    out.append(id == no_id ? nb::object(nb::none()) : nb::object(nb::int_(id)));
                }
                return out;
            },
            "tokens"_a)
        .def(
            "ids_to_tokens",
            [](const PyTokenizer& self, nb::object ids) {
                nb::list out;
                for (const auto id : to_ids(ids)) {
                    const auto token = self.parts->token(id);
                    out.append(token ? nb::object(to_str(*token)) : nb::object(nb::none()));
                }
                return out;
            },
            "ids"_a)
        .def_prop_ro("unk_id",
                     [](const PyTokenizer& self) -> std::optional<std::uint32_t> {
                         const std::uint32_t id = self.parts->model->unk_id();
                         return id == no_id ? std::nullopt : std::optional(id);
                     })
        .def(
            "num_special_tokens_to_add",
            [](const PyTokenizer& self, bool is_pair) {
                return self.parts->post_processor ? self.parts->post_processor->added[is_pair] : 0;
            },
            "is_pair"_a = false)
        .def("encode_batch", &encode_batch, "texts"_a, "pairs"_a = nb::none(), nb::kw_only(),
             "is_split_into_words"_a = false, "add_special_tokens"_a = true, "split_special_tokens"_a = false,
             "truncation"_a = nb::none(), "padding"_a = nb::none(), "offsets"_a = false, "overflow"_a = true,
             "threads"_a = 0)
        .def(
            "decode",
            [](const PyTokenizer& self, nb::object given, bool skip_special_tokens) {
                const auto ids = to_ids(given);
                return to_str(unicode::lossy(self.parts->decode(ids.data(), ids.size(), skip_special_tokens)));
            },
            "ids"_a, "skip_special_tokens"_a = true)
        .def(
            "decode_batch",
            [](const PyTokenizer& self, nb::object given, bool skip_special_tokens, std::size_t threads) {
                nb::object rows = nb::borrow(given);
                if (nb::hasattr(rows, "tolist")) rows = rows.attr("tolist")();
                const Items items(rows, "ids");
                std::vector<std::vector<std::uint32_t>> ids;
                std::size_t count = 0;
                for (std::size_t i = 0; i < items.size(); ++i) {
                    ids.push_back(to_ids(items[i]));
                    count += ids.back().size();
                }
                std::vector<std::string> texts(ids.size());
                {
                    const nb::gil_scoped_release unlocked;
                    in_threads(
                        ids.size(), threads > 0 ? threads : threads_for(count * 4), [&](std::size_t i, std::size_t) {
                            texts[i] =
                                unicode::lossy(self.parts->decode(ids[i].data(), ids[i].size(), skip_special_tokens));
                        });
                }
                nb::list out;
                for (const auto& text : texts) out.append(to_str(text));
                return out;
            },
            "ids"_a, "skip_special_tokens"_a = true, "threads"_a = 0);
}

struct PyWordCounts {
    WordCounts counts;
};

// Called from training, without the lock: looks whether Ctrl-C was pressed, and tells who wants to know.
Watch python_watch(const std::optional<nb::callable>& call) {
    return [&call](std::string_view stage, std::size_t done, std::size_t total) {
        const nb::gil_scoped_acquire locked;
        if (PyErr_CheckSignals() != 0) throw nb::python_error();
        if (call) (*call)(to_str(stage), done, total);
    };
}

void bind_training(nb::module_& m) {
    nb::class_<PyWordCounts>(m, "WordCounts", "Pre-tokens and how often each was seen: what the trainers read.")
        .def(
            "__init__",
            [](PyWordCounts* self, std::optional<PyTokenizer> tokenizer) {
                new (self) PyWordCounts{WordCounts(tokenizer ? tokenizer->parts : nullptr)};
            },
            "tokenizer"_a = nb::none())
        .def(
            "feed",
            [](PyWordCounts& self, nb::object given, std::size_t threads) {
                const Items items(given, "texts");
                std::vector<std::string_view> texts;
                for (std::size_t i = 0; i < items.size(); ++i) {
                    if (!PyUnicode_Check(items[i].ptr()))
                        type_error("text " + std::to_string(i) + " is of the type " + class_name(items[i]) +
                                   "; expected str.");
                    texts.push_back(utf8(items[i]));
                }
                const nb::gil_scoped_release unlocked;
                self.counts.feed(texts, threads);
            },
            "texts"_a, "threads"_a = 0)
        .def(
            "add", [](PyWordCounts& self, nb::str word, std::uint64_t count) { self.counts.add(utf8(word), count); },
            "word"_a, "count"_a)
        .def("__len__", [](const PyWordCounts& self) { return self.counts.size(); })
        .def("items", [](const PyWordCounts& self) {
            nb::list out;
            for (const auto& [word, count] : self.counts.sorted()) out.append(nb::make_tuple(to_str(word), count));
            return out;
        });

    m.def(
        "train_bpe",
        [](const PyWordCounts& counts, std::size_t vocab_size, std::uint64_t min_frequency,
           std::vector<std::string> special_tokens, std::optional<std::size_t> limit_alphabet,
           const std::vector<std::string>& initial_alphabet, std::optional<std::string> prefix,
           std::optional<std::string> suffix, std::optional<std::size_t> max_token_length,
           std::optional<nb::callable> watch) {
            BpeTraining settings{vocab_size, min_frequency,     std::move(special_tokens), limit_alphabet,
                                 {},         std::move(prefix), std::move(suffix),         max_token_length};
            for (const auto& text : initial_alphabet) {
                const char* p = text.data();
                if (!text.empty()) settings.initial_alphabet.push_back(unicode::next(p));
            }
            const Watch tell = python_watch(watch);
            Trained trained;
            {
                const nb::gil_scoped_release unlocked;
                trained = train_bpe(counts.counts, settings, tell);
            }
            nb::list vocabulary, merges;
            for (const auto& token : trained.vocabulary) vocabulary.append(to_str(token));
            for (const auto& [left, right] : trained.merges)
                merges.append(nb::make_tuple(to_str(trained.vocabulary[left]), to_str(trained.vocabulary[right])));
            return nb::make_tuple(vocabulary, merges);
        },
        "counts"_a, nb::kw_only(), "vocab_size"_a, "min_frequency"_a, "special_tokens"_a, "limit_alphabet"_a.none(),
        "initial_alphabet"_a, "continuing_subword_prefix"_a.none(), "end_of_word_suffix"_a.none(),
        "max_token_length"_a.none(), "watch"_a = nb::none());
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The tokenizer's compiled core.";
    bind_settings(m);
    bind_encoded(m);
    bind_components(m);
    bind_tokenizer(m);
    bind_training(m);
    m.def(
        "clean_up_tokenization",
        [](std::string text) {
            clean_up(text);
            return to_str(text);
        },
        "text"_a, "Spaces before punctuation and contractions removed (`clean_up_tokenization_spaces`).");
}
