"""Regular expressions mean what they mean in Oniguruma, and what bearhug cannot do is said."""

import re

import pytest

import tokenizer_parity
from bearhug.tokenizers import file

# One a line; those that are not well-formed are refused by both.
EXPRESSIONS = r"""
\h+
\H+
\R
\R+
\Aa
a\z
\n\Z
\Z
\z
\A
\G.
a++b
a*+b
a?+
a{1,2}+
a{2}
a{2}?
a{,2}
a{2,}
a{1,2}?
a{2,}?
a{,}
a{
a{x}
{1}
x{0}
(?>a+)b
(?>a|ab)c
(?<=a)b
(?<!a)b
(?<=a|bc)d
(?<=foo)\d+
(?i)straße
(?i)ss
(?i)ß
(?i)[ß]
(?i)[^ß]
(?i)k
(?i)[a-k]
(?i)ﬁ
(?i)σ
(?i)ı
(?i)i
(?i)ǆ
(?i)\p{Lu}
(?i:a)b
a(?i)b|c
a(?i:b)c
(?i)foo(?-i)BAR
(?m).+
(?m:.)
.+
(?x) a b # comment
(?x: a b )
(?#comment)a
(?<n>a)b\k<n>
(?<n>ab)\g<n>
(ab)\1
(a)(b)\2\1
(a|b\g<1>c)
\(([^()]|\g<0>)*\)
(?<!\S)\w
\bfoo
\b
\B
\w+
\W+
[\w]+
[\W]+
[^\w]+
[^\W]+
\d+
[\d]+
\D+
\s+
\S+
[\s]
[^\s]+
[[:alpha:]]+
[[:digit:]]+
[[:alnum:]]+
[[:upper:]]+
[[:lower:]]+
[[:punct:]]+
[[:space:]]+
[[:blank:]]+
[[:cntrl:]]+
[[:graph:]]+
[[:print:]]+
[[:xdigit:]]+
[[:word:]]+
[[:ascii:]]+
[[:^alpha:]]+
[^[:alpha:]]+
[[:alpha:][:digit:]]+
[:alpha:]
[a-z&&[^aeiou]]+
[a-z&&b-d]
[^a-z&&[b-d]]+
[a-z&&[b-d]&&c]
[[a-c][x-z]]+
[a[b]c]+
[^a[b]c]+
[a-c-e]+
[a\-c]+
[-a]+
[a-]+
[]a]+
[^]a]+
[|]+
[||]+
[a||b]
[~~]+
[a~~b]
[--]
[a--b]
[!--]
[+--]+
[&]+
[a&b]+
[a&&]
[\]]+
[\^]
[^^]+
[$]
[.]
[\n\t]
[\x41-\x43]+
\x41
\x{41}
\x{1F600}
[\x{1F600}-\x{1F64F}]
\u0041
\u00e9
[\u0041-\u0043]
\101
\0
\7
\e
\a
\v
\f
\t
\cA
\C-a
\p{L}+
\p{Lu}+
\p{^L}+
\P{L}+
\P{^L}+
\p{Han}+
\p{Hiragana}+
\p{Katakana}
\p{Latin}+
\p{Cyrillic}
\p{Greek}+
\p{Script=Han}
\p{script=Han}
\p{sc=Han}
\p{IsHan}
\p{InBasicLatin}
\p{In_Basic_Latin}
\p{Letter}+
\p{letter}+
\p{Uppercase_Letter}
\p{Lowercase}
\p{Alphabetic}
\p{Emoji}+
\p{Any}
\p{Assigned}+
\p{Alnum}+
\p{Alpha}+
\p{Punct}+
\p{Space}
\p{Word}+
\p{Digit}+
\p{XDigit}+
\p{ASCII}+
\p{Graph}+
\p{Print}+
\p{Cntrl}
\p{Blank}
\p{N}+
\p{Nd}
\p{No}
\p{M}
\p{Mn}
\p{P}+
\p{S}+
\p{Sc}
\p{Z}
\p{Zs}
\p{C}
\p{Cc}
\p{Cf}
\p{Cn}
\p{Co}
\p{LC}
\p{L&}
\p{Nope}
\pL+
\p L
[\p{L}\p{N}]+
[^\p{L}]+
[\P{L}]
[\p{^L}]
\O
\N
\K
a\Kb
\i
\q
\é
\_
\-
\#
\ 
\/
\"
^a
a$
^
$
^$
(^|\s)\w
\s+$
(?=a)
(?!a).
a(?=b)
a(?!b)
(?(1)a|b)
(a)?(?(1)b|c)
(?<a>x)(?<a>y)
a**
a+*
a{1}{2}
a{2}{3}+
a??
a+?
a*?
a|b|
|a
()
(
)
[
]
*
+a
(?
(?<
(?<=a+)b
(?<=a*)b
(?<!ab|c)d
(?<=(a)b)c
(?u)\w
(?a)\w
(?i-m:a)
(?imx-imx)a
(?-i)A
(?'n'a)
\k<-1>
(a)\k<1>
(a)\k<-1>
(?:a)
(?=.*b)a
[[:foo:]]
[[=a=]]
[[.a.]]
[\b]
[\h]+
[\H]+
[\R]
[\X]
[a-\d]
[\d-a]
[z-a]
[]
[^]
[a
\
\x
\x{}
\u
\u12
\u{41}
\u{41 42}
\p
\p{
\p{}
\777
\8
\10
(?@a)
[あ-ん]+
[^\x00-\x7F]+
[\u4e00-\u9fff]+
\s+(?!\S)|\s+
 ?[^\s\p{L}\p{N}]+
(?:'s|'t)
'(?i:[sdmt]|ll|ve|re)
[^\r\n\p{L}\p{N}]?+\p{L}+
\s*[\r\n]+
\p{N}{1,3}(?=(?:\p{N}{3})*(?:\P{N}|$))
(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+
[A-Z]+(?![a-z])|[A-Z][a-z]*
\d{3}(?!\d)
[!"#$%&'()*+,\-./:;<=>?@\\\[\]^_`{|}~]
[!-/:-@\[-`{-~]+
[᠀-᠎]|[ -]
.{1,3}
(?s).+
(?s:.)+
(?U)a
(?n)(a)
\w+(?<!b)
[\w&&[^\d]]+
[\p{L}&&\p{Latin}]+
[\p{L}--a]
(?<word>\w+) \k<word>
(?i)a(?-i)B|c
a(?i)b(c|d)e
|a
a??|b
(?=b)|[ab]
\X
\X+a
"""[1:-1].split("\n")
TEXTS = tokenizer_parity.texts(30, seed=3)
TEXTS += ["aaa aaaa aaaaab", "foo123bar", "a.b\nc\n\nd\n", "\n", "a\n", "a\r\nb\r\rc", "Straße STRASSE ß ẞ ss SS ſs"]
TEXTS += ["K K k ſ s S", "ffi ﬃ ﬁ", "it's IT'S", "x-y|z~w[]{}()^$&&||~~--", "\x1b\x07\x0b\x0c é\u0301 \U0001f600\u200d"]
TEXTS += [
    "abcabc abab aabb",
    "Ǆ ǅ ǆ Σσς ΐ ΐ İ i̇ ı I",
    "0x1F 007 ٣",
    "a_b-c",
    "tab\there",
    "fooBAR",
    "日本語 カタカナ ひらがな",
]
TEXTS += ["a&b", "]", "[", "-", "^", "aXbXc", "word1 word1", "\u2028x\u2029y\u0085z"]
TEXTS += ["नमस्ते क्‍ष 각\u1100\u1161\u11a8 \u0600a \U00011a3ab", "👨‍👩‍👧🏽 🇩🇪🇫🇷🇪 e\u0301\r\n\u200d ❤️‍🔥"]


def cut(expression: str) -> dict:
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}


@pytest.mark.reference
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_finds_what_it_finds_in_the_reference(expression):
    """Every construct of Ruby's syntax, well-formed or not."""
    from tokenizers import Regex, pre_tokenizers

    try:
        theirs = pre_tokenizers.Split(Regex(expression), "isolated")
    except Exception:
        with pytest.raises(ValueError, match=r"cannot be read"):
            file.pre_tokenizer(cut(expression))
        return
    ours = file.pre_tokenizer(cut(expression))
    for text in TEXTS:
        assert ours.split(text) == theirs.pre_tokenize_str(text), ascii(text)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("(?~ab)", "the group '(?~a', which bearhug does not have (absent operators and others)"),
        (r"\y", r"the escape \y (text segments), which bearhug does not have"),
        ("(?y{g})", "which bearhug does not have"),
        ("[a", "a set that is not closed at character 2"),
        ("(a", "a group that is not closed"),
        ("a)", "a ) that closes no group at character 1"),
        ("[z-a]", "a range that is empty"),
        (r"\p{Script=Han}", "the unknown property 'Script=Han'"),
        ("a" + "(" * 3000, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(expression, says):
    """A ValueError names the expression's fault and its place."""
    with pytest.raises(ValueError, match=re.escape(says)):
        file.pre_tokenizer(cut(expression))
