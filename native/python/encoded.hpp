// A call's texts on their way in, and its rows of tokens on their way out.
#pragma once
#include "names.hpp"

namespace bearhug::python {

// Less text than this is encoded sooner than another thread could take over.
constexpr std::size_t worth_unlocking = 2048;

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
            constexpr std::size_t ahead = 8;
            if (i + ahead < first.size()) __builtin_prefetch(first[i + ahead].ptr());
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
        Items words(text, "PreTokenizedInputSequence must be Union[List[str], Tuple[str]]: a pre-split text");
        for (std::size_t word = 0; word < words.size(); ++word) add_text(words[word], i, "a word of text ");
        owners.push_back(std::move(words.owner));
    }
    void add_text(nb::handle text, std::size_t i, const char* what) {
        if (!PyUnicode_Check(text.ptr()))
            type_error(what + std::to_string(i) + " is of the type " + class_name(text) + "; expected str (TextInputSequence must be str)." +
                       (PyList_Check(text.ptr()) ? " For lists of words, pass is_split_into_words=True." : ""));
        batch.words.push_back(utf8(text));
    }
};

struct PyEncoded {
    static inline nb::ft_mutex tracking;
    Encoded data;
    // Until offsets are asked for:
    std::shared_ptr<const PyParts> parts;
    std::shared_ptr<Texts> texts;
    nb::object text;  // where it is only one
    Options options;
    bool has_byte_offsets = false;
    std::map<std::uint32_t, std::string> names;  // of its ids, where it was unpickled and has no parts

    // Any number of threads may ask; the first one's answer stays, and arrays that look at it stay valid.
    void track() {
        std::shared_ptr<Texts> batch;
        nb::object alone;
        {
            const nb::ft_lock_guard lock(tracking);
            if (data.tracked) return;
            batch = texts;
            alone = text;
        }
        Encoded again;
        const std::string_view one = batch ? std::string_view{} : utf8(alone);
        {
            std::optional<nb::gil_scoped_release> unlocked;
            if (batch || one.size() >= worth_unlocking) unlocked.emplace();
            if (batch) {
                Options again_options = options;
                again_options.tracking = true;
                again = parts->encode(batch->batch, again_options, &data);
            } else {
                again = parts->track_one(one, options, data);
            }
        }
        nb::object no_longer_needed;
        const nb::ft_lock_guard lock(tracking);
        if (data.tracked) return;
        if (again.ids != data.ids)
            throw std::runtime_error(
                "offsets cannot be worked out afterwards, the tokenizer gives other tokens now; encode with "
                "offsets=True.");
        data.offsets = std::move(again.offsets);
        data.words = std::move(again.words);
        data.texts = std::move(again.texts);
        data.tracked = true;
        texts.reset();
        std::swap(text, no_longer_needed);  // freed without the lock: Python may run then
    }
    const std::vector<Span>& byte_offsets() const {
        if (!has_byte_offsets)
            throw std::invalid_argument("this batch has no byte offsets; encode it with byte_offsets=True.");
        return data.byte_offsets;
    }
    std::size_t row(Py_ssize_t row) const {
        const auto rows = static_cast<Py_ssize_t>(data.rows());
        if (row < -rows || row >= rows)
            throw nb::index_error(
                ("row " + std::to_string(row) + " of a batch of " + std::to_string(rows) + " rows.").c_str());
        return static_cast<std::size_t>(row < 0 ? row + rows : row);
    }
};

// more: how many numbers can be read behind them.
nb::list int_list(const std::uint32_t* values, std::size_t count, std::size_t more = 0);

// The fields of a row as lists.
nb::list row_list(PyEncoded& encoded, std::size_t row, Field field);
nb::list token_list(PyEncoded& encoded, std::size_t row);
// A field of all rows: lists in a list.
nb::list all_lists(PyEncoded& encoded, Field field);

}  // namespace bearhug::python
