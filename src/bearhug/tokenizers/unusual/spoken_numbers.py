"""Numbers written out as English says them, for models that speak: "$12.50" is twelve point five zero dollars."""

from __future__ import annotations

import re

_UNITS = " one two three four five six seven eight nine".split(" ")
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = " ten twenty thirty forty fifty sixty seventy eighty ninety".split(" ")
_POWERS = (
    " thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
).split(" ")
_CURRENCIES = {
    "$": "dollars",
    "€": "euros",
    "£": "pounds",
    "¢": "cents",
    "¥": "japanese yen",
    "﷼": "saudi riyal",
    "₹": "indian rupees",
    "₽": "russian rubles",
    "฿": "thai baht",
    "₺": "turkish liras",
    "₴": "ukrainian hryvnia",
    "₣": "swiss francs",
    "₡": "costa rican colon",
    "₱": "philippine peso",
    "₪": "israeli shekels",
    "₮": "mongolian tögrög",
    "₩": "south korean won",
    "₦": "nigerian naira",
    "₫": "vietnamese Đồng",
}
_SIGNS = "".join(f"{re.escape(symbol)}?" for symbol in "$€£¢¥₹₽฿₺₴₣₡₱₪₮₩₦₫﷼")
_NUMBER = re.compile(rf"(?<!\w)(-?{_SIGNS}\d+(?:\.\d{{1,2}})?%?)(?!\w)")


def spoken(text: str) -> str:
    """A text with its numbers written out; several blanks become one."""
    text = re.sub(r"\d+,\d+", lambda found: found[0].replace(",", ""), text)
    return re.sub(" +", " ", _NUMBER.sub(lambda found: _said(found[1]), text))


def _said(number: str) -> str:
    whole, _, decimals = number.partition(".")
    minus = "minus " if whole.startswith("-") else ""
    whole = whole.removeprefix("-")
    symbol = next((symbol for symbol in _CURRENCIES if whole.startswith(symbol)), "")
    currency = f" {_CURRENCIES[symbol]}" if symbol else ""
    percent = " percent" if "%" in number else ""
    whole, decimals = whole.removeprefix(symbol).replace("%", ""), decimals.replace("%", "")
    said = _whole(whole)
    if decimals not in ("", "00"):
        said += " point " + " ".join(_below_1000(int(digit)) or "zero" for digit in decimals)
    elif not (minus or currency):
        return f"{said}{percent}"
    return f"{minus}{said}{percent}{currency}"


def _whole(digits: str) -> str:
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = []
    for at in range(0, len(digits), 3):
        part = _below_1000(int(digits[at : at + 3]))
        if part:
            power = _POWERS[(len(digits) - at) // 3 - 1] if (len(digits) - at) // 3 <= len(_POWERS) else ""
            parts.append(f"{part} {power}".rstrip())
    return " ".join(parts)


def _below_1000(number: int) -> str:
    """A number below 1000 in words; nothing for 0."""
    hundreds, rest = divmod(number, 100)
    words = [f"{_UNITS[hundreds]} hundred"] if hundreds else []
    if hundreds and rest:
        words.append("and")
    if 10 < rest < 20:
        words.append(_TEENS[rest - 10])
    else:
        words += filter(None, (_TENS[rest // 10], _UNITS[rest % 10]))
    return " ".join(words)
