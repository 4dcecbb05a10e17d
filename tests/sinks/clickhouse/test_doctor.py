"""What the doctor finds in a database: what is missing, what is not allowed, which selections fell silent."""

from __future__ import annotations

from pathlib import Path

from clickhouse_connect.driver.client import Client

from schemas.definition.parse import load
from sinks.clickhouse import doctor
from streams.doctor.clickhouse import selections

SAAS = Path(__file__).parents[3] / "schemas" / "definitions" / "saas.yaml"
DAY, NOW = 86_400_000, 1_790_000_000_000


def test_nothing_is_missing_after_the_migrations_and_a_dropped_view_is_named(client: Client) -> None:
    assert doctor.missing(client) == ([], [])
    client.command("DROP VIEW timeline")
    assert doctor.missing(client) == ([], ["timeline"])


def test_a_database_without_migrations_lacks_them_all(bare: Client) -> None:
    bare.command("CREATE DATABASE IF NOT EXISTS empty_one")
    bare.database = "empty_one"
    new, gone = doctor.missing(bare)
    assert new[0] == "0001_tables.sql"
    assert gone == []


def test_rights_are_asked_by_statements_that_write_no_row(client: Client) -> None:
    assert doctor.refused(client, doctor.writing() | doctor.reading()) == {}
    assert client.query("SELECT count() FROM transitions").result_rows == [(0,)]
    client.command("DROP TABLE alerts")
    assert set(doctor.refused(client, doctor.writing())) == {"INSERT into alerts"}


def test_the_clock_of_a_server_on_this_machine_is_this_machines(client: Client) -> None:
    assert abs(doctor.skew_ms(client)) < 500


def put(client: Client, name: str, at: int, count: int) -> None:
    client.command(
        "INSERT INTO events (id, event_id, entity, name, type, at, user, properties, traits, actor, place, source)"
        " SELECT unhex(hex(MD5(concat({name:String}, toString({at:Int64}), toString(number))))), toString(number), 'u',"
        " {name:String}, 'track', fromUnixTimestamp64Milli({at:Int64}), 'u', '{}', '{}', 'user', 'product', 'canonical'"
        " FROM numbers({count:UInt64})",
        parameters={"name": name, "at": at, "count": count},
    )


def test_an_event_that_was_renamed_is_found_by_its_selection(client: Client) -> None:
    definition = load(SAAS)
    for day in range(1, 8):
        put(client, "Signed Up", NOW - day * DAY - 1_000, 1_500)
        put(client, "Other", NOW - day * DAY - 1_000, 10)
    put(client, "sign_up", NOW - 1_000, 1_500)
    found = selections(client, definition, NOW)
    names = {one.what.split()[0] for one in found if one.level == "error"}
    assert names, found
    assert all("1,500 events a day before" in one.what for one in found if one.level == "error")
    put(client, "Signed Up", NOW - 2_000, 1)
    assert [one.level for one in selections(client, definition, NOW)] == ["ok"]
