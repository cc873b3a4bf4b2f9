"""Which language to speak, the catalogue of sentences for it (gettext), and Korean particles after a value.

English sentences stand in the code; Korean ones in `locale/ko/LC_MESSAGES/<domain>.po`, compiled to `.mo`
by `tools/catalogues.py`. Imports nothing of badak.
"""

import gettext
import locale
import os
import re
import string
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "ko")
LOCALE_FOLDER = Path(__file__).with_name("locale")

_chosen: str | None = None


def use_language(lang: str | None) -> None:
    """Let `lang` be spoken in this process wherever no language is given; None goes back to the locale's.

    Raises ValueError for a language that has no catalogue.
    """
    global _chosen  # noqa: PLW0603 (a process speaks one language to its user, as it has one locale)
    _chosen = None if lang is None else choose_language(lang)


def choose_language(lang: str | None = None) -> str:
    """Return 'en' or 'ko': the one asked for, else that of `use_language`, BADAK_LANG or the locale, else English.

    `lang` may be written as a locale is (KO, ko_KR.UTF-8). Raises ValueError for a language that has no catalogue.
    """
    if lang is None and _chosen is not None:
        return _chosen
    asked = lang if lang is not None else os.environ.get("BADAK_LANG") or None
    if asked is not None:
        language = re.split(r"[-_.@]", asked.strip().lower())[0]
        if language not in LANGUAGES:
            name = "lang" if lang is not None else "BADAK_LANG"
            raise ValueError(f"{name} must be one of {', '.join(LANGUAGES)}, not {asked!r}")
        return language
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "ko" if value.lower().startswith("ko") else "en"
    # On Windows the environment is silent and the system's own setting counts.
    system = locale.getlocale()[0] or ""
    return "ko" if system.lower().startswith("ko") else "en"


def translator(domain: str, lang: str | None = None) -> gettext.NullTranslations:
    """Return the catalogue `domain` for `lang` (as in `choose_language`); its `.gettext` translates a sentence."""
    language = choose_language(lang)
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(domain, LOCALE_FOLDER, [language], fallback=True)


def replace_unprintable() -> None:
    """Let standard output and error replace what their encoding lacks (Hangul in cp1252), instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        # A stream that somebody put in place of Python's own may have no encoding to adjust.
        if getattr(stream, "errors", None) in ("strict", "backslashreplace") and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


# How Koreans read the end of a name decides its particle: 이 after a consonant, 가 after a vowel.
_DIGITS = dict(zip("0123456789", ("ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""), strict=True))  # 영 일 이 삼 …
_LETTERS = {"l": "ㄹ", "m": "ㅁ", "n": "ㄴ", "r": "ㄹ"}  # 엘 엠 엔 알; the names of the others end in a vowel
_WORDS = {"group": "ㅂ", "badak": "ㄱ"}  # 그룹, 바닥: read otherwise than the rules below say


def final_sound(text: str) -> str | None:
    """Return the consonant with which `text` ends as a Korean developer reads it aloud; '' for a vowel.

    Any consonant but ㄹ may be given as another one: particles tell only vowel, ㄹ and the rest apart. None where
    nothing is there to read. Digits are read in Sino-Korean (W1 is 더블유일), single letters and abbreviations by
    the names of the letters, other Latin words by their last syllable.
    """
    text = text.rstrip(" )]}>'\"`’”.,:;!?…_*")
    if not text or text.endswith("%"):
        return "" if text else None  # 퍼센트
    last = text[-1]
    if "가" <= last <= "힣":
        code = (ord(last) - ord("가")) % 28
        return "" if code == 0 else "ㄹ" if code == 8 else "ㄱ"
    if last in _DIGITS:
        return _DIGITS[last]
    word = re.search(r"(?:[A-Z]?[a-z]+|[A-Z]+)$", text)  # the last hump of self.running_mean, dW, TwoLayerNet
    return _final_of_word(word.group()) if word else None


def _final_of_word(word: str) -> str:
    low = word.lower()
    if low in _WORDS:
        return _WORDS[low]
    if len(word) == 1 or word.isupper() or not re.search("[aeiouy]", low):
        return _LETTERS.get(low[-1], "")  # x 엑스, dW 더블유, N 엔, std 에스티디
    if re.search(r"(le|l)$", low):
        return "ㄹ"  # scale 스케일, bool 불
    if re.search(r"(m|n|ng|[aiou][mn]e|ype|out|[ao]ck|ook|(?<![aeiou])[aeiou][pt])$", low):
        return "ㄴ"  # mean, training, name, dtype, dout, block, net, step
    return ""  # forward, loss, mask, gradient, update


class _Sentence(string.Formatter):
    """`str.format`, with both forms of a particle as a value's format: {name:이/가}, {name:으로/로}."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        # A plain name and nothing else: a sentence may come from a file, and must reach into no object.
        return kwargs.get(field_name, "?"), field_name

    def format_field(self, value: Any, spec: str) -> str:
        if "/" not in spec:
            return str(super().format_field(value, spec))
        closed, opened = spec.split("/")
        sound = final_sound(str(value))
        if sound is None:  # nothing to read: here alone both forms stay
            return f"{value}(으)로" if closed == "으로" else f"{value}{closed}({opened})"
        if closed == "으로":
            return f"{value}{'로' if sound in ('', 'ㄹ') else '으로'}"
        return f"{value}{closed if sound else opened}"


def fill_in(sentence: str, values: Mapping[str, Any]) -> str:
    """Fill `values` into a translated sentence, {name:이/가} with the particle that fits; an unknown one prints '?'."""
    return _Sentence().vformat(sentence, (), values)
