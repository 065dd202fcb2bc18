"""What becomes of a picture: a square WebP without anything else that was in it. Else it is refused."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from contacts.avatar_picture import MAX_PIXELS, MAX_SCANS, square
from contacts.avatar_reasons import AvatarRefused

from .picture_server import picture

WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 128, 0), (0, 0, 255)


def opened(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


def near(pixel, color):
    return all(abs(one - other) < 24 for one, other in zip(pixel[:3], color, strict=True))


def refusal(data):
    with pytest.raises(AvatarRefused) as refused:
        square(data)
    return refused.value.code


def png_of(width, height):
    """Return a PNG whose header promises that size, and that holds next to nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(1, 1), (40, 30), (256, 256), (300, 1200), (1, 5000)])
def test_a_picture_becomes_a_square_webp(kind, size):
    image = opened(square(picture(kind, size)))

    assert (image.format, image.size, image.mode) == ("WEBP", (256, 256), "RGB")
    assert near(image.getpixel((128, 128)), (0, 128, 128))


@pytest.mark.parametrize(
    ("mode", "color"),
    [("1", 1), ("L", 255), ("LA", (255, 255)), ("P", 0), ("RGBA", WHITE), ("CMYK", 0), ("I;16", 65535)],
)
def test_pictures_of_all_colour_spaces_are_taken(mode, color):
    data = picture("JPEG" if mode == "CMYK" else "PNG", mode=mode, color=color)

    assert opened(square(data)).size == (256, 256)


def test_grey_of_16_bits_stays_grey():
    assert near(opened(square(picture(mode="I;16", color=25600))).convert("RGB").getpixel((128, 128)), (100, 100, 100))


def test_what_is_transparent_stays_so():
    image = opened(square(picture(mode="RGBA", color=(255, 0, 0, 0))))

    assert image.mode == "RGBA"
    assert image.getpixel((128, 128))[3] == 0


def test_the_middle_is_cut_out():
    wide = Image.new("RGB", (300, 100), RED)
    wide.paste(BLUE, (100, 0, 200, 100))
    written = BytesIO()
    wide.save(written, "PNG")

    image = opened(square(written.getvalue()))

    assert near(image.getpixel((10, 10)), BLUE)
    assert near(image.getpixel((245, 245)), BLUE)


def test_a_photo_is_turned_upright_and_loses_what_the_camera_wrote():
    photo = Image.new("RGB", (100, 100), BLUE)
    photo.paste(RED, (0, 0, 50, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # its left side is up
    exif[0x010F] = "A camera"
    written = BytesIO()
    photo.save(written, "JPEG", exif=exif, icc_profile=b"profile" * 20, comment=b"secret place", quality=95)

    made = square(written.getvalue())

    image = opened(made)
    assert near(image.getpixel((128, 30)), RED)
    assert near(image.getpixel((128, 220)), BLUE)
    assert not {"exif", "icc_profile", "comment", "xmp"} & image.info.keys()
    assert not image.getexif()
    assert b"camera" not in made
    assert b"secret" not in made


def test_texts_of_a_png_are_left_out():
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "Somebody secret", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "secret xmp")

    assert b"secret" not in square(picture(pnginfo=info))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_kept(kind):
    frames = [Image.new("RGB", (40, 40), color) for color in (RED, GREEN, BLUE)]
    written = BytesIO()
    frames[0].save(written, kind, save_all=True, append_images=frames[1:], duration=100)

    image = opened(square(written.getvalue()))

    assert getattr(image, "n_frames", 1) == 1
    assert near(image.getpixel((128, 128)), RED)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", id="svg"),
        pytest.param(b"<!doctype html><title>404</title>", id="html"),
        pytest.param(picture()[:60], id="truncated-png"),
        pytest.param(picture("JPEG")[:300], id="truncated-jpeg"),
        pytest.param(picture("GIF")[:20], id="truncated-gif"),
        pytest.param(picture("WEBP")[:30], id="truncated-webp"),
        pytest.param(picture("BMP"), id="bmp"),
        pytest.param(picture("TIFF"), id="tiff"),
        pytest.param(picture("ICO"), id="ico"),
        pytest.param(picture("PDF"), id="pdf"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="eps"),
        pytest.param(picture()[:40] + b"\xff" * 200, id="broken-png"),
        pytest.param(b"GIF89a" + b"\xff" * 200, id="broken-gif"),
        pytest.param(b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\xff" * 99, id="broken-webp"),
        pytest.param(png_of(0, 10), id="png-of-no-width"),
    ],
)
def test_what_is_no_whole_picture_is_refused(data):
    assert refusal(data) == "not_a_picture"


@pytest.mark.parametrize(
    "size", [(20_000, 20_000), (4001, 4000), (MAX_PIXELS + 1, 1), (12_000, 8_000), (2**31 - 1, 1), (1, 16_385)]
)
def test_pictures_of_too_many_pixels_are_refused_before_they_are_read(size):
    assert refusal(png_of(*size)) == "too_many_pixels"


def test_16_million_pixels_are_taken():
    assert opened(square(picture(size=(4000, 4000), mode="L", color="gray"))).size == (256, 256)


def test_a_side_of_16384_pixels_is_taken():
    assert opened(square(picture(size=(1, 16_384)))).size == (256, 256)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_what_the_camera_wrote_may_make_no_sense(kind):
    assert opened(square(picture(kind, exif=b"no Exif"))).size == (256, 256)


def test_a_jpeg_of_very_many_scans_is_refused():
    data = picture("JPEG", progressive=True)

    assert opened(square(data)).size == (256, 256)
    assert refusal(data + b"\xff\xda" * MAX_SCANS) == "too_many_pixels"
