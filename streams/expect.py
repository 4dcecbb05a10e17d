"""Expect: what a web server of ours says to a sender that asks whether it may send. Hand it to every route.

aiohttp's own handler puts the header's text into its answer, and fails where that is no UTF-8.
"""

from __future__ import annotations

from aiohttp import HttpVersion11, web

ANYWHERE = "/{rest:(?s:.*)}"
"""The route of every address, those with a line break in them included."""


async def expect(request: web.Request) -> web.Response | None:
    """Go on, or no. The rest of the answer follows where it is None."""
    if request.version != HttpVersion11:
        return None
    if request.headers["Expect"].lower() != "100-continue":
        return web.Response(status=417, text="the only thing to expect is 100-continue\n")
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # of the answer itself nothing has been sent
    return None
