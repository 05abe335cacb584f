"""Slugs: the last part of a session's URL, by which the API knows it."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = """
'n ŉ | A ÀÁÂÃÄÅĀĂĄ | AE Æ | C ÇĆĈĊČ | D ÐĎĐ | E ÈÉÊËĒĔĖĘĚ | G ĜĞĠĢ | H ĤĦ | I ÌÍÎÏĨĪĬĮİ | IJ Ĳ | J Ĵ | K Ķ
L ĹĻĽĿŁ | N ÑŃŅŇ | NG Ŋ | O ÒÓÔÕÖØŌŎŐǪǬ | OE Œ | R ŔŖŘ | S ŚŜŞŠ | SS ẞ | T ŢŤŦ | Th Þ | U ÙÚÛÜŨŪŬŮŰŲ | W Ŵ
Y ÝŶŸ | Z ŹŻŽ | a àáâãäåāăą | ae æ | c çćĉċč | d ðďđ | e èéêëēĕėęě | g ĝğġģ | h ĥħ | i ìíîïĩīĭį\u0131 | ij ĳ | j ĵ
k ķĸ | l ĺļľŀł | n ñńņň | ng ŋ | o òóôõöøōŏőǫǭ | oe œ | r ŕŗř | s śŝşš | ss ß | t ţťŧ | th þ | u ùúûüũūŭůűų
w ŵ | x \u00d7 | y ýÿŷ | z źżž
"""
"""What the letters of Latin alphabets become, as in the i18n library of Ruby on Rails."""
_ASCII = str.maketrans(
    {
        letter: plain
        for plain, letters in (group.split(" ") for group in re.split(r" \| |\n", _LETTERS.strip()))
        for letter in letters
    }
)


def slug_of(text: str) -> str:
    """A text as a slug. Documented: spaces become dashes, capitals small letters.

    Inferred: as Ruby on Rails does it, letters lose their accents, and what else is neither letter, digit, dash nor
    underscore becomes one dash for each run of such characters.
    """
    plain = unicodedata.normalize("NFC", text).translate(_ASCII).lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-")
