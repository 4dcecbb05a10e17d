"""Pack: JSON that is kept for long, in no more memory than it has bytes."""

from __future__ import annotations

from typing import Any, Final

import orjson

_dumps: Final = orjson.dumps


def pack(value: Any, option: int | None = None) -> bytes:
    """What `orjson.dumps` gives, copied: orjson 3.13 leaves each result in the 4 KiB that it wrote it into."""
    return b"%b" % _dumps(value, option=option)
