"""Which language to speak, and the catalogue of sentences for it (gettext).

English sentences stand in the code; Korean ones in `locale/ko/LC_MESSAGES/<domain>.po`, compiled to `.mo`
by `tools/catalogues.py`. Imports nothing of badak.
"""

import gettext
import locale
import os
from pathlib import Path

LANGUAGES = ("en", "ko")
LOCALE_FOLDER = Path(__file__).with_name("locale")


def choose_language(lang: str | None = None) -> str:
    """Give 'en' or 'ko': the one asked for, else the one of the user's locale, else English.

    Raises ValueError for a language that has no catalogue.
    """
    if lang is not None:
        if lang not in LANGUAGES:
            raise ValueError(f"lang must be one of {', '.join(LANGUAGES)}, not {lang!r}")
        return lang
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "ko" if value.lower().startswith("ko") else "en"
    # On Windows the environment is silent and the system's own setting counts.
    system = locale.getlocale()[0] or ""
    return "ko" if system.lower().startswith("ko") else "en"


def translator(domain: str, lang: str | None = None) -> gettext.NullTranslations:
    """Give the catalogue `domain` for `lang` (as in `choose_language`); its `.gettext` translates a sentence."""
    language = choose_language(lang)
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(domain, LOCALE_FOLDER, [language], fallback=True)
