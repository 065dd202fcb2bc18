"""The picture itself: read by its content, made small and square, and written anew without what else was in it."""

import warnings
from contextlib import suppress
from io import BytesIO

from PIL import Image, ImageOps

from .avatar_reasons import AvatarRefused

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS = 16_000_000
MAX_SIDE = 16_384  # pixels; Pillow keeps a pointer for each row, of each image that it makes on the way
MAX_SCANS = 100  # of a progressive JPEG, which is gone through once for each; usual are 10
SIDE = 256  # pixels


def square(data: bytes) -> bytes:
    """Return the picture in ``data`` as a WebP of 256 by 256 pixels: its middle, upright, the first frame.

    Raises ``AvatarRefused`` for everything else than a whole PNG, JPEG, WebP or GIF of at most 16 million pixels,
    and 16,384 on a side.
    """
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
        raise AvatarRefused("too_many_pixels")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:  # only the header has been read
                raise AvatarRefused("too_many_pixels")
            return _webp(image)
    except AvatarRefused:
        raise
    except Image.DecompressionBombError:
        raise AvatarRefused("too_many_pixels") from None
    except Exception:  # noqa: BLE001 (Pillow raises whatever the code for a format stumbles over)
        raise AvatarRefused("not_a_picture") from None


def _webp(image: Image.Image) -> bytes:
    image.draft("RGB", (2 * SIDE, 2 * SIDE))  # a large JPEG need not be decoded in full
    image.load()
    upright: Image.Image = image
    with suppress(Exception):  # what is said beside the picture may make no sense
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # grey in 16 bits, which Pillow cuts off at 255
        upright = upright.point(lambda value: value / 256).convert("L")
    plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    fitted = ImageOps.fit(plain, (SIDE, SIDE))
    fitted.info.clear()  # place, camera, comments, colour profile
    written = BytesIO()
    fitted.save(written, "WEBP", quality=85)
    return written.getvalue()
