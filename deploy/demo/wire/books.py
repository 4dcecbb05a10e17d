"""Books: what each person and each account of the company is called in each vendor's system. Made up, and always the same."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from deploy.demo.company_diary import Diary
from deploy.demo.company_people import Person
from deploy.demo.script import on
from schemas.time import rfc3339

Fact = dict[str, Any]


class Sent(NamedTuple):
    """One record: the source that sends it, the time of what happened (ms), its value, and its key where it has one."""

    source: str
    at: int
    value: bytes
    key: bytes | None = None


def sent(source: str, at: int, body: Any) -> Sent:
    return Sent(source, at, orjson.dumps(body))


def hexed(*parts: object, size: int = 12) -> str:
    """Letters and digits that stand for these parts, twice `size` of them."""
    return blake2b("/".join(map(str, parts)).encode(), digest_size=size).hexdigest()


def uuid(*parts: object) -> str:
    return str(UUID(bytes=blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest(), version=4))


def number(*parts: object, digits: int = 11) -> int:
    """A number of so many digits that stands for these parts."""
    least = int("1" + "0" * (digits - 1))
    return least + int(hexed(*parts, size=8), 16) % (9 * least)


def seconds(at: int) -> int:
    """Whole seconds, as billing and surveys have them."""
    return at // 1000


__all__ = ["Books", "Fact", "Sent", "hexed", "number", "rfc3339", "seconds", "sent", "uuid"]


class Books:
    """Everybody's names. `account` is the company's own id of an account, `user` its own id of a person."""

    def __init__(self, diaries: Iterable[Diary]) -> None:
        self.accounts = {d.id: d for d in diaries}
        self.people = {p.id: p for d in self.accounts.values() for p in (d.lead, *d.people)}

    def title(self, account: str) -> str:
        return self.accounts[account].name

    def domain(self, account: str) -> str:
        return f"{account.removeprefix('a-')}.example"

    def lead(self, account: str) -> Person:
        """The person through whom the account was found, and who writes to support."""
        return self.accounts[account].lead

    def mail(self, user: str) -> str:
        """A person's address. Who only reads along has one too, which the mail tool knows."""
        known = self.people.get(user)
        if known is not None:
            return known.email
        _, slug, n = user.split("-", 2)
        return f"reader.{n}@{slug}.example"

    def here(self, account: str, at: int) -> list[Person]:
        """Who has been in the product for a day."""
        return [p for p in self.accounts[account].people if on(p.since + 1) <= at]

    # --- ids of the vendors -------------------------------------------------------------------------------------------

    def cookie(self, user: str) -> str:
        """Of the website's tracker."""
        return uuid("cookie", user)

    def device(self, user: str) -> str:
        """Of the product's."""
        return uuid("device", user)

    def hubspot_contact(self, user: str) -> int:
        return number("contact", user)

    def hubspot_company(self, account: str) -> int:
        return number("company", account)

    def salesforce(self, kind: str, *parts: object) -> str:
        """18 characters that begin with the three of the kind of object: 001 an account, 006 an opportunity, 00Q a lead."""
        return f"{kind}Qy{hexed(kind, *parts, size=5)}AAQ".ljust(18, "A")

    def salesforce_account(self, account: str) -> str:
        return self.salesforce("001", account)

    def stripe_customer(self, account: str) -> str:
        return f"cus_{hexed('customer', account, size=7)}"

    def zendesk_organization(self, account: str) -> int:
        return number("organization", account, digits=13)

    def zendesk_user(self, user: str) -> int:
        return number("requester", user, digits=13)
