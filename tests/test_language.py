"""Korean sentences: particles as a value is read, catalogues that are whole, and which language is spoken."""

import importlib.util
import string
import sys
from pathlib import Path

import pytest

from badak.language import choose_language, fill_in, final_sound, replace_unprintable, translator, use_language

TOOL = Path(__file__).parent.parent / "tools" / "catalogues.py"

# As a Korean developer says them; the forms are those of 이/가, 을/를, 으로/로.
READ = {
    "self": "가 를 로", "W1": "이 을 로", "forward": "가 를 로", "1.0": "이 을 으로", "0.1": "이 을 로",
    "1e-07": "이 을 로", "dW": "가 를 로", "db2": "가 를 로", "W3": "이 을 으로", "x": "가 를 로",
    "N": "이 을 으로", "std": "가 를 로", "lr": "이 을 로", "MLP": "가 를 로", "self.mask": "가 를 로",
    "self.training": "이 을 으로", "running_mean": "이 을 으로", "running_var": "가 를 로", "dout": "이 을 으로",
    "name": "이 을 으로", "dtype": "이 을 으로", "block": "이 을 으로", "step": "이 을 으로",
    "TwoLayerNet": "이 을 으로",
    "update": "가 를 로", "scale": "이 을 로", "bool": "이 을 로", "int": "가 를 로", "(3,)": "이 을 으로",
    "x.T": "가 를 로", "훈련": "이 을 으로", "학습률": "이 을 로", "비율 50 %": "가 를 로",
    "nan": "이 을 으로", "group": "이 을 으로",
}  # fmt: skip


@pytest.mark.parametrize("value", READ)
def test_particles_follow_the_sound_of_what_is_before_them(value):
    assert fill_in("{v:이/가} {v:을/를} {v:으로/로}", {"v": value}).replace(value, "") == READ[value]
    assert final_sound(value) is not None


def test_other_endings_choose_as_well_and_both_forms_stay_where_nothing_can_be_read():
    assert (
        fill_in("{a:은/는} {b:과/와} {a:이어야/여야} {b:이고/고}", {"a": "W1", "b": "loss"})
        == "W1은 loss와 W1이어야 loss고"
    )
    assert fill_in("{v:이/가} {v:으로/로}", {"v": "..."}) == "...이(가) ...(으)로"


def test_filling_in_is_format_for_everything_else_and_reaches_into_nothing():
    assert fill_in("{n:>4} {x:.2f} {s!r}", {"n": 7, "x": 1.005, "s": "a"}) == "   7 1.00 'a'"
    assert fill_in("{there} {not_there}", {"there": 1}) == "1 ?"
    assert fill_in("{s.__class__} {s[0]}", {"s": "a"}) == "? ?"


def test_language_is_the_one_asked_for_then_chosen_then_of_the_environment(monkeypatch):
    for name in ("BADAK_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert choose_language() == "ko"
    monkeypatch.setenv("BADAK_LANG", "en")
    assert choose_language() == "en"
    assert [choose_language(name) for name in ("KO", "ko_KR.UTF-8", "ko-kr", " en ")] == ["ko", "ko", "ko", "en"]
    try:
        use_language("KO")
        assert choose_language() == "ko"
        assert choose_language("en") == "en"
        assert translator("badak").gettext("loss") == "손실"
    finally:
        use_language(None)
    assert choose_language() == "en"
    monkeypatch.setenv("BADAK_LANG", "xx")
    with pytest.raises(ValueError, match="BADAK_LANG must be one of en, ko, not 'xx'"):
        choose_language()


@pytest.fixture
def tool():
    pytest.importorskip("babel", reason="babel comes with the extra `dev`")
    spec = importlib.util.spec_from_file_location("catalogues", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogues"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["catalogues"]


def test_the_catalogues_are_whole(tool, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["catalogues.py", "--check"])
    assert tool.main() == 0, capsys.readouterr().err


@pytest.mark.parametrize(("entry", "words"), [
    ('msgid "a {name}"\nmsgstr ""', "not translated"),
    ('#, fuzzy\nmsgid "a {name}"\nmsgstr "{name:을/를} 쓰세요"', "fuzzy"),
    ('msgid "a {name}"\nmsgstr "쓰세요"', "other placeholders"),
    ('msgid "a {name}"\nmsgstr "self.{name}을 쓰세요"', "fixed particle"),
    ('msgid "a {name}"\nmsgstr "{name}이(가) 없습니다"', "fixed particle"),
    ('msgid "a {name}"\nmsgstr "{name}으로, 쓰세요"', "fixed particle"),
    ('msgid "a {name}"\nmsgstr "자료형({name})을 쓰세요"', None),
    ('msgid "a {name}"\nmsgstr "{name}에서 {name:을/를} 쓰는 {name}의 이유"', None),
])  # fmt: skip
def test_the_check_of_catalogues_finds(entry, words, tool, tmp_path):
    po = tmp_path / "ko" / "LC_MESSAGES" / "x.po"
    po.parent.mkdir(parents=True)
    po.write_text(f'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n{entry}\n', encoding="utf-8")
    found = list(tool.faults(tool.read(po)))
    assert [words in fault for fault in found] == ([True] if words else [])


def test_every_korean_sentence_can_be_filled_in(tool):
    for po in tool.LOCALE.rglob("*.po"):
        if po.stem == "messages":  # those of click and argparse are %-formatted
            continue
        for message in tool.read(po):
            names = {name for _, name, _, _ in string.Formatter().parse(str(message.string)) if name}
            filled = fill_in(str(message.string), dict.fromkeys(names, "W1"))
            assert "?" not in filled or "?" in message.string
            assert "(으)로" not in filled


def test_what_an_encoding_lacks_is_replaced(monkeypatch):
    import io

    for encoding, shown in (("cp1252", b"?? a"), ("ascii", b"?? a"), ("cp949", "바닥 a".encode("cp949"))):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        replace_unprintable()
        sys.stdout.write("바닥 a")
        sys.stdout.flush()
        assert raw.getvalue() == shown
