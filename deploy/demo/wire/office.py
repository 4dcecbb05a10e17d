"""Office: CloudEvents of the company's own services, for what no vendor sends: kick-offs, quotas, referrals, campaigns."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.demo.wire.books import Books, Fact, Sent, rfc3339, sent, uuid


class Office:
    """They know the company's own id of an account; the campaign service knows addresses alone."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def take(self, at: int, fact: Fact, key: str) -> Iterator[Sent]:
        told = fact.get("properties", {})
        if fact["event"] == "Campaign Touched":
            yield self._event(at, fact["event"], key, {"userid": f"email:{self._books.mail(fact['user'])}"}, told)
        else:
            yield self._event(at, fact["event"], key, {}, {"account_id": fact["account"], **told})

    def quota(self, at: int, account: str, used: float, key: str) -> Sent:
        """How much of its plan an account uses, which billing does not say."""
        return self._event(at, "Quota Reported", f"{key}/quota", {}, {"account_id": account, "quota_used": used})

    def _event(self, at: int, name: str, key: str, more: Fact, data: Fact) -> Sent:
        return sent("cloudevents", at, {
            "specversion": "1.0", "id": uuid("office", key), "source": "https://services.flowboard.example", "type": name,
            "time": rfc3339(at), "datacontenttype": "application/json", **more, "data": data,
        })  # fmt: skip
