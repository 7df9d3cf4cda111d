"""Wrong input to the raw surface: what the reference refuses, we refuse, with the exception that its users would catch;
and what it says in words that scripts look for stands in our message too.
"""

import pytest

from bearhug import tokenizers as ours

tokenizers = pytest.importorskip("tokenizers")
pytestmark = pytest.mark.reference

# Each line is a case of its own; `t` is a tokenizer whose only word is "a".
CASES = """
t=Tokenizer(models.Unigram([('a',-1.0)])); t.encode('b')
t=Tokenizer(models.WordPiece({'a':0})); t.encode('b')
t=Tokenizer(models.WordPiece({'a':0},unk_token='x')); t.encode('b')
t=Tokenizer(models.WordLevel({'a':0})); t.encode('b')
t=Tokenizer(models.WordLevel({'a':0},unk_token='x')); t.encode('b')
t=Tokenizer(models.BPE({'a':0},[],unk_token='x')); t.encode('b')
models.BPE({'a':0},[('a','b')])
models.BPE({'a':0,'b':1},[('a','b')])
models.BPE({'a':0})
models.BPE({'a':0},[],dropout=3)
models.BPE.from_file('/nope.json','/nope.txt')
models.BPE(1,2)
models.BPE({'a':'x'},[])
models.BPE({1:0},[])
models.Unigram([('a',)])
models.Unigram([('a',-1.0)],unk_id=5)
models.Unigram('x')
models.WordLevel([1])
models.WordPiece.from_file('/nope')
models.WordLevel.from_file('/nope')
models.Unigram([('a',-1.0)],0,False,1)
t.encode(1)
t.encode(None)
t.encode(b'x')
t.encode(['a'])
t.encode('a', ['b'])
t.encode('a', is_pretokenized=True)
t.encode(['a'],'b', is_pretokenized=True)
t.encode([1], is_pretokenized=True)
t.encode_batch('a')
t.encode_batch(['a'], is_pretokenized=True)
t.encode_batch([['a']])
t.encode_batch([1])
t.encode_batch([('a','b','c')])
t.encode_batch(None)
t.encode_batch([('a',1)])
t.decode('a')
t.decode(['a'])
t.decode([-1])
t.decode([2**32])
t.decode(1)
t.decode_batch([1])
t.id_to_token(-1)
t.id_to_token('a')
t.token_to_id(1)
t.add_tokens('ab')
t.add_tokens([1])
t.add_special_tokens([1])
t.add_special_tokens(1)
t.enable_truncation(-1)
t.enable_truncation('a')
t.enable_truncation(4,direction='up')
t.enable_truncation(4,strategy='up')
t.enable_truncation(4,stride=4)
t.enable_truncation(4,stride=5)
t.enable_padding(direction='up')
t.enable_padding(length=-1)
t.enable_padding(pad_id=-1)
t.enable_padding(pad_token=1)
t.enable_truncation(4,strategy='only_second'); t.encode('a a a a a a')
t.pre_tokenizer=pre_tokenizers.Whitespace();t.enable_truncation(4,strategy='only_second'); t.encode('a a a a a a')
t.pre_tokenizer=pre_tokenizers.Whitespace();t.enable_truncation(4,strategy='only_first'); t.encode('a a a', 'a a a a')
t.normalizer='x'
t.pre_tokenizer=normalizers.NFC()
t.model=None
t.truncation=1
t.padding=1
t.save('/nope/x.json')
t.train(['/nope'])
t.train(['/nope'], trainers.BpeTrainer())
t.train_from_iterator([1])
t.train_from_iterator(1)
t.train_from_iterator(['a'], trainers.BpeTrainer())
Tokenizer(1)
Tokenizer()
Tokenizer.from_file('/nope')
Tokenizer.from_str('{')
Tokenizer.from_str('{}')
Tokenizer.from_str(1)
Tokenizer.from_buffer(b'x')
Tokenizer.from_buffer('x')
Tokenizer.from_str('{'version':'2.0'}')
normalizers.Normalizer()
normalizers.BertNormalizer(1)
normalizers.Strip('x')
normalizers.Replace('a')
normalizers.Replace(1,'a')
normalizers.Prepend(1)
normalizers.Precompiled(b'x')
normalizers.Precompiled('x')
normalizers.Sequence([1])
normalizers.Sequence(1)
normalizers.Sequence([])[0]
normalizers.unicode_normalizer_from_str('x')
normalizers.NFC().normalize_str(1)
normalizers.NFC().normalize('x')
normalizers.ByteLevel(1)
pre_tokenizers.Split('a','nope')
pre_tokenizers.Split('a',1)
pre_tokenizers.Split(1,'removed')
pre_tokenizers.Punctuation('nope')
pre_tokenizers.Metaspace('aa')
pre_tokenizers.Metaspace('')
pre_tokenizers.Metaspace(prepend_scheme='nope')
pre_tokenizers.Metaspace(prepend_scheme=1)
pre_tokenizers.CharDelimiterSplit('aa')
pre_tokenizers.CharDelimiterSplit()
pre_tokenizers.FixedLength(-1)
pre_tokenizers.FixedLength('a')
pre_tokenizers.Digits(1)
pre_tokenizers.ByteLevel(1)
pre_tokenizers.Sequence([normalizers.NFC()])
pre_tokenizers.Sequence([pre_tokenizers.Digits()])[3]
pre_tokenizers.Whitespace().pre_tokenize_str(1)
pre_tokenizers.Whitespace().pre_tokenize('a')
processors.BertProcessing('a','b')
processors.BertProcessing(('a',),('b',1))
processors.BertProcessing(('a','b'),('b',1))
processors.RobertaProcessing(('a',1))
processors.TemplateProcessing('$A $C')
processors.TemplateProcessing('$A:x')
processors.TemplateProcessing('[CLS] $A')
processors.TemplateProcessing('$A', '$A')
processors.TemplateProcessing('$A', '$B')
processors.TemplateProcessing('[CLS] $A', special_tokens=[('a',)])
processors.TemplateProcessing('[CLS] $A', special_tokens=[{'id':'a'}])
processors.TemplateProcessing('[CLS] $A', special_tokens=[{'id':'[CLS]','ids':[1,2],'tokens':['a']}])
processors.TemplateProcessing(1)
processors.Sequence([1])
processors.ByteLevel(1)
decoders.WordPiece(1)
decoders.BPEDecoder(1)
decoders.Metaspace('aa')
decoders.CTC(1)
decoders.Strip('aa',1,1)
decoders.Strip('a',-1,1)
decoders.Sequence([1])
decoders.Replace('a')
decoders.ByteLevel().decode('a')
decoders.ByteLevel().decode([1])
decoders.ByteFallback(1)
decoders.Fuse(1)
decoders.DecodeStream(1)
trainers.BpeTrainer(vocab_size=-1)
trainers.BpeTrainer(vocab_size='a')
trainers.BpeTrainer(special_tokens=[1])
trainers.BpeTrainer(special_tokens='ab')
trainers.BpeTrainer(initial_alphabet=1)
trainers.UnigramTrainer(n_sub_iterations='a')
t=Tokenizer(models.Unigram()); t.train_from_iterator(['abc'], trainers.UnigramTrainer(vocab_size=0))
t=Tokenizer(models.Unigram()); t.train_from_iterator(['a b'], trainers.UnigramTrainer(unk_token='x')); t.encode('zz')
tokenizers.AddedToken(1)
tokenizers.AddedToken('a',lstrip=1)
tokenizers.Regex('(')
tokenizers.Regex(1)
tokenizers.Regex()
tokenizers.NormalizedString(1)
tokenizers.NormalizedString('abc').replace(1,'a')
tokenizers.NormalizedString('abc').split('b','nope')
tokenizers.NormalizedString('abc')[5]
tokenizers.NormalizedString('abc')['a']
tokenizers.NormalizedString('abc').filter(1)
tokenizers.NormalizedString('abc').map(1)
tokenizers.NormalizedString('abc').for_each(1)
tokenizers.NormalizedString('abc').map(lambda c: 1)
tokenizers.NormalizedString('abc').slice(1)
tokenizers.NormalizedString('abc').slice((2,1))
tokenizers.PreTokenizedString(1)
tokenizers.PreTokenizedString('a').tokenize(1)
tokenizers.PreTokenizedString('a').split(1)
tokenizers.PreTokenizedString('a').split(lambda i,n: 1)
tokenizers.PreTokenizedString('a').to_encoding()
tokenizers.PreTokenizedString('a').get_splits('nope','char')
tokenizers.PreTokenizedString('a').get_splits('original','nope')
tokenizers.Token(1,2,3)
tokenizers.Encoding().token_to_word(9)
tokenizers.Encoding().char_to_token(1)
tokenizers.Encoding().truncate(-1)
tokenizers.Encoding().truncate(1,1)
tokenizers.Encoding().pad('a')
tokenizers.Encoding().pad(3,direction='up')
tokenizers.Encoding.merge(1)
tokenizers.Encoding.merge([1])
tokenizers.Encoding().set_sequence_id(-1)
"""

# Where we differ on purpose: what theirs gives, what ours gives, why.
DIFFERENT = {
    "t.decode([5])": (None, ValueError, "an id of no token is a mistake, and theirs leaves it out without a word"),
    "t.train('/nope')": (TypeError, OSError, "one file may be named without a list"),
    "models.Model()": (None, TypeError, "it is a model of no kind"),
    "processors.TemplateProcessing('$B')": (None, ValueError, "one sequence has no second one"),
    "models.BPE({'a':-1},[])": (TypeError, ValueError, "the type is right, the number is not"),
    "tokenizers.Encoding().pad(3,nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "models.BPE({'a':0},[],nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "models.WordPiece({'a':0},nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "t.enable_truncation(4,nope=5)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "t.enable_padding(nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "trainers.BpeTrainer(nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
    "tokenizers.AddedToken('a',nope=1)": (None, TypeError, "an unknown keyword is refused everywhere"),
}
PHRASES = [
    ("t.encode([['my', 'name']])", TypeError, "TextInputSequence must be str"),
    ("t.encode('a', ['b'])", TypeError, "TextInputSequence must be str"),
    (
        "t.encode('a', is_pretokenized=True)",
        TypeError,
        "PreTokenizedInputSequence must be Union[List[str], Tuple[str]]",
    ),
    ("processors.TemplateProcessing('[CLS] $A')", ValueError, "Missing SpecialToken(s) with id(s)"),
    ("processors.TemplateProcessing('$A:x')", ValueError, "Cannot build Piece"),
    ("normalizers.Normalizer.custom(Wrong()).normalize_str('a')", TypeError, "normalize() missing 1 required"),
    (
        "pre_tokenizers.PreTokenizer.custom(Wrong()).pre_tokenize_str('a')",
        TypeError,
        "pre_tokenize() missing 1 required",
    ),
]


class Wrong:
    def normalize(self, text, more):
        """Takes too much."""

    def pre_tokenize(self, text, more):
        """Takes too much."""


def raised(library, case: str) -> BaseException | None:
    names = {"tokenizers": library, "Tokenizer": library.Tokenizer, "Wrong": Wrong}
    for name in ("models", "normalizers", "pre_tokenizers", "processors", "decoders", "trainers"):
        names[name] = getattr(library, name)
    names["t"] = library.Tokenizer(library.models.WordLevel({"a": 0}, "a"))
    try:
        exec(case, names)
    except BaseException as error:  # a panic of theirs is no Exception
        return error
    return None


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_errors_are_caught_as_the_references(case):
    theirs, mine = raised(tokenizers, case), raised(ours, case)

    assert (theirs is None) == (mine is None), (theirs, mine)
    expected = "Exception" if type(theirs).__name__ == "PanicException" else type(theirs).__name__
    assert mine is None or expected in {kind.__name__ for kind in type(mine).__mro__}, (theirs, mine)


@pytest.mark.parametrize("case", DIFFERENT)
def test_where_errors_differ(case):
    given, wanted, _ = DIFFERENT[case]

    theirs = raised(tokenizers, case)
    assert theirs is None if given is None else isinstance(theirs, given)
    assert isinstance(raised(ours, case), wanted)


@pytest.mark.parametrize(("case", "kind", "phrase"), PHRASES, ids=[case for case, *_ in PHRASES])
def test_what_scripts_look_for_is_said(case, kind, phrase):
    mine = raised(ours, case)

    assert isinstance(mine, kind)
    assert phrase in str(mine)
    assert phrase in str(raised(tokenizers, case))


def test_an_unknown_character_without_unk_id():
    """The message is theirs to the letter; what mends it is a note."""
    case = "Tokenizer(models.Unigram([('a', -1.0)])).encode('b')"
    mine = raised(ours, case)

    assert isinstance(mine, ValueError)
    assert str(mine) == str(raised(tokenizers, case))
    assert "'b' is not in the vocabulary" in mine.__notes__[0]


def test_a_part_that_breaks_inside_is_not_mistaken_for_one_that_cannot_be_called():
    class Broken:
        def normalize(self, text):
            return 1 + "a"  # pyright: ignore[reportOperatorIssue]

    with pytest.raises(TypeError, match=r"^unsupported operand"):
        ours.normalizers.Normalizer.custom(Broken()).normalize_str("a")


@pytest.mark.parametrize("kind", ["normalizers.Normalizer", "pre_tokenizers.PreTokenizer"])
def test_what_is_lent_to_a_part_in_python_is_for_one_call(kind):
    class Keeps:
        def normalize(self, text):
            self.kept = text

        pre_tokenize = normalize

    def use(kept):
        return kept.normalized if method == "normalize" else kept.get_splits()

    method = "normalize" if kind.startswith("normalizers") else "pre_tokenize"
    for library in (ours, tokenizers):
        keeps = Keeps()
        family, name = kind.split(".")
        part = getattr(getattr(library, family), name).custom(keeps)
        getattr(part, method + "_str")("a b")
        with pytest.raises(Exception, match=rf"Cannot use a \w+RefMut outside `{method}`"):
            use(keeps.kept)


def test_a_byte_level_part_is_made_of_its_state():
    import json

    for family in ("pre_tokenizers", "processors", "decoders"):
        kind = getattr(ours, family).ByteLevel
        assert kind(**json.loads(kind().__getstate__())).__getstate__() == kind().__getstate__()
    with pytest.raises(ValueError, match="describes another part"):
        ours.pre_tokenizers.ByteLevel(type="Digits")
    with pytest.raises(TypeError):
        ours.pre_tokenizers.ByteLevel(add_prefix=True)  # pyright: ignore[reportCallIssue]


def test_a_special_token_is_marked_as_one():
    for library in (ours, tokenizers):
        tokens = [library.AddedToken("the"), library.AddedToken("quick", normalized=True)]
        library.Tokenizer(library.models.BPE()).add_special_tokens(tokens)
        assert [(token.special, token.normalized) for token in tokens] == [(True, False), (True, True)]
