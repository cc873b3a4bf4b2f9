import gzip
import io

import numpy as np
import pytest
from matplotlib import font_manager, ft2font
from PIL import Image

from badak.data import load_mnist, write_idx
from badak.data.images import read_image
from badak.fonts import hangul_font_path

Resampling = Image.Resampling


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The first 60 test images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BADAK_CACHE", str(tmp_path_factory.mktemp("cache")))
        return load_mnist(normalize=False)[1][0][:60].reshape(-1, 28, 28).copy()


def enlarge(digit, times=10):
    return np.kron(digit, np.ones((times, times), np.uint8))


def read(tmp_path, picture, **how):
    path = tmp_path / "picture.png"
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(path, **how)
    found = read_image(path)
    assert (found.shape, found.dtype) == ((1, 28, 28), np.uint8)
    return found[0]


def with_alpha(ink, alpha):
    return Image.merge("LA", [Image.fromarray(np.full_like(alpha, ink)), Image.fromarray(alpha)])


SAME = {
    "grey": Image.fromarray,
    "inverted": lambda digit: Image.fromarray(255 - digit),
    "RGB": lambda digit: Image.fromarray(digit).convert("RGB"),
    "RGBA": lambda digit: Image.fromarray(255 - digit).convert("RGBA"),
    "palette": lambda digit: Image.fromarray(digit).convert("P"),
    "16 bits": lambda digit: Image.fromarray(digit.astype(np.uint16) * 257),
    "16 bits, inverted": lambda digit: Image.fromarray(65535 - digit.astype(np.uint16) * 257),
    "black ink on nothing": lambda digit: with_alpha(0, digit),
    "white ink on nothing": lambda digit: with_alpha(255, digit),
}


@pytest.mark.parametrize("form", SAME.values(), ids=SAME)
def test_an_image_of_the_right_size_stays_as_it_is(tmp_path, digits, form):
    for digit in digits[:20]:
        np.testing.assert_array_equal(read(tmp_path, form(digit)), digit, strict=True)


def paper(digit):
    """Dark ink on grey paper, with grain, in the corner of a large photograph."""
    grain = np.random.default_rng(0).normal(0, 4, (500, 400))
    grain[200:480, 100:380] -= 0.6 * enlarge(digit)
    return np.clip(200 + grain, 0, 255).astype(np.uint8)


# How far from the original the median picture may be, as the mean difference of a pixel (a shift by one is about 20).
REDRAWN = {
    "10 times, inverted": (lambda digit: 255 - enlarge(digit), 0.1),
    "47 times": (lambda digit: enlarge(digit, 47), 1),
    "10 times, 16 bits": (lambda digit: enlarge(digit).astype(np.uint16) * 257, 0.1),
    "47 times, 16 bits": (lambda digit: 65535 - enlarge(digit, 47).astype(np.uint16) * 257, 1),
    "off the centre": (lambda digit: np.pad(enlarge(digit, 7), ((30, 200), (100, 10))), 0.1),
    "smooth": (lambda digit: Image.fromarray(digit).resize((280, 280), Resampling.BICUBIC), 7),
    "100 pixels": (lambda digit: Image.fromarray(255 - digit).resize((100, 100), Resampling.LANCZOS), 7),
    "64 pixels": (lambda digit: Image.fromarray(255 - digit).resize((64, 64), Resampling.BILINEAR), 12),
    "stretched canvas": (lambda digit: np.pad(255 - enlarge(digit), ((0, 0), (300, 0)), constant_values=255), 0.1),
    "photograph": (paper, 1),
}


@pytest.mark.parametrize(("redraw", "most"), REDRAWN.values(), ids=REDRAWN)
def test_a_digit_drawn_otherwise_comes_back(tmp_path, digits, redraw, most):
    some = digits[:12]
    far = [np.abs(read(tmp_path, redraw(digit)).astype(int) - digit).mean() for digit in some]
    assert np.median(far) <= most


def test_the_grain_of_paper_becomes_black(tmp_path, digits):
    for digit in digits[:5]:
        found = read(tmp_path, paper(digit))
        assert (found[digit == 0] == 0).mean() > 0.95


def test_one_bit_and_colours_come_back_as_shapes(tmp_path, digits):
    for digit in digits[:10]:
        bilevel = read(tmp_path, Image.fromarray(255 - enlarge(digit)).convert("1"))
        colours = np.stack([255 - enlarge(digit) // 2, 255 - enlarge(digit), np.full((280, 280), 240, np.uint8)], -1)
        for found in (bilevel, read(tmp_path, colours)):
            assert ((found > 127) == (digit > 127)).mean() > 0.93
            assert found.max() == 255


def test_a_rotated_photograph_is_turned_upright(tmp_path, digits):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the picture needs a quarter turn to the right
    turned = Image.fromarray(np.rot90(255 - enlarge(digits[0])))
    turned.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg")[0].astype(int) - digits[0]).mean() < 12


def test_other_shapes_are_filled_in_proportion(tmp_path, digits):
    Image.fromarray(255 - enlarge(digits[0])).save(tmp_path / "a.png")
    small = read_image(tmp_path / "a.png", (8, 8))[0]
    assert np.flatnonzero(small.any(axis=1)).size == 8  # the UCI digits fill their square
    large = read_image(tmp_path / "a.png", (56, 42))[0]
    assert large.shape == (56, 42)
    assert np.flatnonzero(large.any(axis=1)).size == 30


def test_the_centre_of_mass_is_in_the_centre(tmp_path, digits):
    for digit in digits[:20]:
        found = read(tmp_path, np.pad(enlarge(digit, 5), ((3, 90), (50, 1)))).astype(float)
        for axis in (0, 1):
            assert abs((found.sum(axis=axis) @ np.arange(28)) / found.sum() - 14) <= 0.55


@pytest.mark.parametrize("packed", [False, True])
def test_all_images_of_an_idx_file(tmp_path, digits, packed):
    path = tmp_path / ("images.gz" if packed else "images")
    write_idx(path, digits)
    np.testing.assert_array_equal(read_image(path), digits, strict=True)
    write_idx(path, digits[3])
    np.testing.assert_array_equal(read_image(path), digits[3:4], strict=True)
    write_idx(path, np.stack([255 - enlarge(digit, 2) for digit in digits[:9]]))
    found = read_image(path)
    assert found.shape == (9, 28, 28)
    assert np.abs(found.astype(int) - digits[:9]).mean() < 1


def png(picture):
    file = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(file, "PNG")
    return file.getvalue()


def idx(values):
    zeros = b"\0\0" + {"uint8": b"\x08", "float32": b"\x0d"}[values.dtype.name] + bytes([values.ndim])
    return (
        zeros + b"".join(n.to_bytes(4) for n in values.shape) + values.astype(values.dtype.newbyteorder(">")).tobytes()
    )


def drawn(height, width, ground=255, ink=0):
    picture = np.full((200, 200), ground, np.uint8)
    picture[50 : 50 + height, 10 : 10 + width] = ink
    return picture


def huge_png(side):
    """A PNG whose header states side x side pixels."""
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


BAD = {
    "text": (b"not an image", "is no image; expected PNG, JPEG, GIF, BMP, PPM or IDX"),
    "empty file": (b"", "is no image"),
    "two bytes": (b"\x89P", "is no image"),
    "PDF": (b"%PDF-1.4\n" + bytes(99), "is no image"),
    "PNG cut": (png(drawn(99, 50))[:120], "is a damaged image"),
    "PNG without pixels": (png(drawn(99, 50))[:33], "is a damaged image|is no image"),
    "PNG with changed bytes": (png(drawn(99, 50))[:60] + b"\xff" * 9 + png(drawn(99, 50))[69:], "is a damaged"),
    "fewer pixels than stated": (huge_png(100), "is a damaged image"),
    "enormous": (huge_png(8000), "is enormous: 8,000 x 8,000 pixels; at most 50,000,000 are read"),
    "a bomb for Pillow to warn of": (huge_png(10_000), "is enormous: 10,000 x 10,000 pixels"),
    "a bomb for Pillow to refuse": (huge_png(60_000), "is enormous"),
    "all black": (png(np.zeros((28, 28), np.uint8)), "is blank: all its pixels are alike"),
    "all white": (png(np.full((99, 99), 255, np.uint8)), "is blank: all its pixels are alike"),
    "nothing on nothing": (png(Image.new("RGBA", (30, 30))), "is blank: all its pixels are alike"),
    "hardly any contrast": (png(drawn(99, 50, 200, 190)), "is blank: its pixels differ by 4% only"),
    "a line": (png(drawn(4, 150)), "what is drawn is 37.5 times as wide as high; expected one digit"),
    "three digits' width": (png(drawn(40, 120)), "3.0 times as wide as high; expected one digit \\(at most 2.5 times"),
    "a speck": (png(drawn(2, 3)), "what is drawn is only 3 x 2 pixels"),
    "three pixels": (png(np.array([[0, 255, 0]], np.uint8)), "is too small: 3 x 1 pixels; expected 4 x 4"),
    "IDX labels": (idx(np.arange(9, dtype=np.uint8)), r"expected uint8 images \(n, H, W\), the file has uint8 \(9,\)"),
    "IDX of floats": (idx(np.ones((1, 28, 28), np.float32)), "is no image"),
    "IDX without images": (idx(np.zeros((0, 28, 28), np.uint8)), r"the file has uint8 \(0, 28, 28\)"),
    "IDX blank": (
        idx(np.stack([np.eye(28, dtype=np.uint8), np.ones((28, 28), np.uint8)])),
        r"\[1\] is blank: all .* 1",
    ),
    "IDX cut": (idx(np.ones((1, 28, 28), np.uint8))[:-1], "truncated: 1 x 28 x 28 elements"),
    "IDX of lines": (idx(np.tile(drawn(4, 150), (2, 1, 1))), r"\[0\]: what is drawn is 37.5 times as wide"),
    "gzip of text": (gzip.compress(b"hello"), "not an IDX file"),
}


@pytest.mark.parametrize(("raw", "words"), BAD.values(), ids=BAD)
def test_what_is_no_digit_is_refused_with_the_reason(tmp_path, raw, words):
    path = tmp_path / "bad.png"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=words) as caught:
        read_image(path)
    assert str(caught.value).startswith(str(path))


def test_files_and_shapes_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_image(tmp_path / "nowhere.png")
    with pytest.raises(OSError, match=r"directory|denied"):
        read_image(tmp_path)
    for wrong in (28, [28, 28], (28.0, 28), (True, 28)):
        with pytest.raises(TypeError, match="shape must be a pair of whole numbers"):
            read_image(tmp_path / "x", wrong)
    for wrong in ((28,), (28, 28, 1), (0, 28), (28, -1), (28, 5000)):
        with pytest.raises(ValueError, match=r"shape must be \(H, W\), each from 4 to 1024"):
            read_image(tmp_path / "x", wrong)


def test_the_hangul_font_has_the_letters_and_its_licence():
    path = hangul_font_path()
    letters = ft2font.FT2Font(path).get_charmap()
    ks_x_1001 = (bytes([row, cell]) for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF))
    needed = {pair.decode("euc-kr") for pair in ks_x_1001} | set(map(chr, range(0x20, 0x7F))) | set("ㄱㅎㅏㅣ−×→…")
    assert len(needed) == 2350 + 95 + 8
    assert not {letter for letter in needed if ord(letter) not in letters}
    assert font_manager.FontProperties(fname=path).get_name() == "Badak Gothic"  # "Nanum" is a reserved name
    assert b"Nanum" not in path.read_bytes()
    assert "SIL OPEN FONT LICENSE" in path.with_name("OFL.txt").read_text()
    assert "with Reserved Font Name Nanum" in path.with_name("OFL.txt").read_text()
