"""Product: Segment calls of people in the product, from their own device, under the company's own ids of user and account."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.demo.wire.books import Books, Fact, Sent, rfc3339, sent, uuid

LIBRARY = {"name": "analytics.js", "version": "next-1.62.0"}

KINDS = {"Screen Viewed": "screen", "Page Viewed": "page", "Identified": "identify"}


class Product:
    """Segment. A person's first call names their device; `group` says which account they are in."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        kind = KINDS.get(fact["event"], "track")
        told = {"event": fact["event"]} if kind == "track" else {}
        where = "traits" if kind == "identify" else "properties"
        yield self._call(at, kind, fact, key, {**told, where: fact.get(where, {})})
        if kind == "identify":
            group = {"groupId": fact["account"], "traits": {"name": self._books.title(fact["account"])}}
            yield self._call(at + 500, "group", fact, f"{key}/group", group)

    def _call(self, at: int, kind: str, fact: Fact, key: str, told: Fact) -> Sent:
        context: Fact = {"library": LIBRARY}
        for name in ("actor", "place"):  # what Segment does not say: our own staff, a crawler
            if name in fact:
                context[name] = fact[name]
        if "account" in fact:
            context["groupId"] = fact["account"]
        user = fact["user"]
        return sent("segment", at, {
            "type": kind, "messageId": f"ajs-next-{uuid(key)}", "userId": user, "anonymousId": self._books.device(user), **told,
            "context": context, "integrations": {},
            "originalTimestamp": rfc3339(at), "sentAt": rfc3339(at + 40), "receivedAt": rfc3339(at + 120), "timestamp": rfc3339(at),
        })._replace(key=user.encode())  # fmt: skip
