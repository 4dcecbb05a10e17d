"""The local ClickHouse is one to its clients: clickhouse-connect's ordinary calls, sync and async."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import uuid
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError
from clickhouse_connect.driver.external import ExternalData

from deploy.local.clickhouse import ClickHouseAddress, LocalClickHouse, parse_address, why_no_clickhouse
from deploy.local.process import ServiceError, free_port

NOON = 1_714_564_800_123
"""2024-05-01T12:00:00.123Z in ms."""
COLUMNS = ("id", "seq", "at", "name", "tags", "score")
TYPES = ("FixedString(16)", "UInt64", "DateTime64(3)", "LowCardinality(String)", "Array(String)", "Nullable(Float64)")
ROW = (b"0123456789abcdef", 1, NOON, "onboarding", ["a", "b'\\"], None)


@pytest.fixture
def database(clickhouse: LocalClickHouse) -> Iterator[dict[str, Any]]:
    """Options of a client in a database of its own."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    with clickhouse_connect.get_client(**clickhouse.options) as client:
        client.command(f"CREATE DATABASE {name}")
        yield {**clickhouse.options, "database": name}
        client.command(f"DROP DATABASE {name}")


@pytest.fixture
def client(database: dict[str, Any]) -> Iterator[Client]:
    with clickhouse_connect.get_client(**database) as client:
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS, TYPES, strict=True))
        client.command(f"CREATE TABLE facts ({columns}) ENGINE = ReplacingMergeTree(seq) ORDER BY id")
        yield client


def insert(client: Client, rows: list[tuple[Any, ...]], table: str = "facts") -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    client.insert(table, columns, column_names=COLUMNS, column_type_names=TYPES, column_oriented=True)


def many(count: int) -> list[tuple[Any, ...]]:
    return [
        (number.to_bytes(16, "big"), number, NOON + number, f"n{number % 7}", ["x"] * (number % 3), number / 2)
        for number in range(count)
    ]


def test_it_answers_a_ping_and_says_what_it_is(client: Client) -> None:
    assert client.ping()
    assert client.server_version.split(".")[0].isdecimal()
    assert str(client.server_tz) == "UTC"


@pytest.mark.parametrize("path", ["/ping", "/replicas_status", "/"])
def test_it_says_ok_where_a_server_does(clickhouse: LocalClickHouse, path: str) -> None:
    connection = http.client.HTTPConnection(clickhouse.host, clickhouse.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"Ok.\n")
    connection.close()


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_went_in(database: dict[str, Any], client: Client, compression: bool | str) -> None:
    with clickhouse_connect.get_client(**database, compress=compression) as packing:
        insert(packing, [ROW])
        result = packing.query("SELECT * FROM facts")
    assert result.column_names == COLUMNS
    at = datetime.fromtimestamp(NOON // 1000, UTC).replace(tzinfo=None, microsecond=123_000)
    assert result.result_rows == [(ROW[0], 1, at, "onboarding", ["a", "b'\\"], None)]
    assert client.command("SELECT toUnixTimestamp64Milli(at) FROM facts") == NOON


@pytest.mark.parametrize("compression", [False, "lz4", "zstd", "gzip"])
def test_a_large_insert_arrives_whole(database: dict[str, Any], client: Client, compression: bool | str) -> None:
    rows = many(30_000)
    with clickhouse_connect.get_client(**database, compress=compression) as packing:
        insert(packing, rows)
        assert packing.query("SELECT id, seq, score FROM facts ORDER BY seq").result_rows == [
            (row[0], row[1], row[5]) for row in rows
        ]


def test_an_insert_reports_what_it_wrote(client: Client) -> None:
    summary = client.insert("facts", many(100), column_names=COLUMNS)
    assert summary.written_rows == 100
    assert uuid.UUID(summary.query_id())


def test_types_are_asked_for_when_not_given(client: Client) -> None:
    client.insert("facts", [ROW], column_names="*")
    assert client.command("SELECT count() FROM facts") == 1


def test_a_replaced_row_is_the_last_by_seq_under_final(client: Client) -> None:
    insert(client, [ROW])
    insert(client, [(ROW[0], 3, NOON, "adoption", [], 1.0)])
    insert(client, [(ROW[0], 2, NOON, "churn", [], 2.0)])
    assert client.query("SELECT name FROM facts FINAL").result_rows == [("adoption",)]
    insert(client, [ROW])  # the same again, as after a lost answer
    assert client.query("SELECT name FROM facts FINAL").result_rows == [("adoption",)]


def test_parameters_are_bound_and_not_pasted(client: Client) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    wicked = "x'; DROP TABLE facts -- \\ \t\n{who:String} é"
    query = "SELECT {who:String} AS who, {ids:Array(UInt32)} AS ids, {at:DateTime64(3)} AS at"
    row = client.query(query, parameters={"who": wicked, "ids": [1, 2], "at": noon}).first_row
    assert row == (wicked, [1, 2], noon.replace(tzinfo=None))
    assert client.command("EXISTS TABLE facts") == 1


def test_long_parameters_travel_in_a_form(database: dict[str, Any]) -> None:
    long = "é" * 100_000
    with clickhouse_connect.get_client(**database, form_encode_query_params=True) as client:
        assert client.query("SELECT length({text:String})", parameters={"text": long}).first_row == (200_000,)


def test_settings_hold_for_one_request(client: Client) -> None:
    def threads(**settings: int) -> int:
        return int(client.query("SELECT getSetting('max_threads')", settings=settings).first_row[0])

    usual = threads()
    assert threads(max_threads=usual + 3) == usual + 3
    assert threads() == usual
    lenient = {"allow_suspicious_low_cardinality_types": 1}
    client.command("CREATE TABLE odd (a LowCardinality(UInt8)) ENGINE = Memory", settings=lenient)


def test_a_statement_without_a_result_gives_a_summary(client: Client) -> None:
    assert client.command("SELECT 1 WHERE 0") == ""
    summary: Any = client.command("CREATE TABLE empty (a Int8) ENGINE = Memory", settings={"query_id": "mine"})
    assert summary.summary["query_id"] == "mine"


def test_results_stream_in_blocks(client: Client) -> None:
    with client.query_row_block_stream(
        "SELECT number FROM numbers(200000)", settings={"max_block_size": 50_000}
    ) as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 200_000
    assert len(sizes) >= 4


def test_a_format_of_choice_is_given(client: Client) -> None:
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    with client.raw_stream("SELECT number FROM numbers(3)", fmt="CSV") as stream:
        assert stream.read() == b"0\n1\n2\n"


@pytest.mark.parametrize(("encoding", "packed"), [(None, bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_text_can_be_inserted_raw(client: Client, encoding: str | None, packed: Any) -> None:
    client.command("CREATE TABLE lines (a Int32, b String) ENGINE = Memory")
    client.raw_insert("lines", ["a", "b"], packed(b"1,one\n2,two\n"), fmt="CSV", compression=encoding)
    assert client.query("SELECT * FROM lines ORDER BY a").result_rows == [(1, "one"), (2, "two")]


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("SELECT * FROM nowhere", 60, "UNKNOWN_TABLE"),
        ("SELEC 1", 62, "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", 62, "SYNTAX_ERROR"),
        ("SELECT nothing", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT throwIf(number = 5) FROM numbers(10)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("CREATE TABLE bad (a Nonsense) ENGINE = Memory", 50, "UNKNOWN_TYPE"),
        ("SELECT {missing:String}", 456, "UNKNOWN_QUERY_PARAMETER"),
        ("INSERT INTO facts (nope) VALUES (1)", 16, "NO_SUCH_COLUMN_IN_TABLE"),
    ],
)
def test_an_error_has_the_server_s_code_and_name(client: Client, query: str, code: int, name: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.command(query)
    assert (caught.value.code, caught.value.name) == (code, name)
    assert client.command("SELECT 1") == 1


def test_an_unknown_database_or_setting_is_an_error(client: Client, database: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError) as caught:
        clickhouse_connect.get_client(**{**database, "database": "nowhere"})
    assert caught.value.code == 81
    with pytest.raises(DatabaseError) as caught:
        client.raw_query("SELECT 1", settings={"max_threads": "many"})
    assert caught.value.code == 27


def test_rows_that_do_not_fit_leave_nothing_behind(client: Client) -> None:
    with pytest.raises(DatabaseError):
        client.insert("facts", [[1]], column_names=["nope"], column_type_names=["UInt8"])
    with pytest.raises(DataError, match="exceeds column size 16"):
        insert(client, [("far too long for an identifier", *ROW[1:])])
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("facts", ["seq"], b"\x01\x01\x03seq\x06UInt64\x00", fmt="Native")
    assert caught.value.code == 33
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("facts", ["seq"], b"no gzip", fmt="CSV", compression="gzip")
    assert caught.value.code == 271
    assert client.command("SELECT count() FROM facts") == 0


def test_get_may_read_only(clickhouse: LocalClickHouse) -> None:
    connection = http.client.HTTPConnection(clickhouse.host, clickhouse.port, timeout=10)
    connection.request("GET", "/?query=CREATE+DATABASE+sneaky")
    answer = connection.getresponse()
    assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert b"READONLY" in answer.read()
    connection.request("GET", "/?query=SELECT+1&default_format=JSONCompactEachRow")
    answer = connection.getresponse()
    assert (answer.read(), answer.headers["X-ClickHouse-Format"]) == (b"[1]\n", "JSONCompactEachRow")
    connection.close()


def test_a_bare_body_is_a_statement_or_data_as_curl_sends_it(client: Client, clickhouse: LocalClickHouse) -> None:
    client.command("CREATE TABLE lines (a Int32) ENGINE = Memory")
    connection = http.client.HTTPConnection(clickhouse.host, clickhouse.port, timeout=10)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-ClickHouse-Database": str(client.database)}
    for path, body, expected in [
        ("/", b"SELECT 1 + 1", b"2\n"),
        ("/?query=INSERT+INTO+lines+FORMAT+CSV", b"1\n2\n", b""),
        ("/?query=INSERT+INTO+lines+VALUES", b"(3), (4)", b""),
        ("/", b"INSERT INTO lines FORMAT CSV\n5\n", b""),
        ("/?query=SELECT+sum(a)+FROM+lines", b"", b"15\n"),
    ]:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, expected), path
    connection.close()


@pytest.mark.parametrize("form", [False, True])
def test_an_external_table_is_refused_and_not_ignored(database: dict[str, Any], form: bool) -> None:
    table = ExternalData(file_name="more.csv", fmt="CSV", structure="a Int8", data=b"1\n")
    with clickhouse_connect.get_client(**database, form_encode_query_params=form) as client:
        with pytest.raises(DatabaseError, match="External tables are not supported here") as caught:
            client.query("SELECT * FROM more", external_data=table)
    assert caught.value.code == 48


def test_eight_threads_work_at_once(database: dict[str, Any], client: Client) -> None:
    def work(number: int) -> int:
        with clickhouse_connect.get_client(**database, autogenerate_session_id=False) as own:
            table = f"facts_{number}"
            own.command(f"CREATE TABLE {table} AS facts")
            for _ in range(5):
                insert(own, many(500), table)
            return int(str(own.command(f"SELECT count() FROM {table} FINAL WHERE seq % 8 = {number}")))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 500


def test_the_async_client_works_too(database: dict[str, Any], client: Client) -> None:
    async def work() -> None:
        async with await clickhouse_connect.get_async_client(**database) as own:
            assert await own.ping()
            await own.insert("facts", many(2_000), column_names=COLUMNS, column_type_names=TYPES)
            counts = await asyncio.gather(
                *(own.query(f"SELECT count() FROM facts WHERE seq % 4 = {n}") for n in range(4))
            )
            assert [count.first_row for count in counts] == [(500,)] * 4
            with pytest.raises(DatabaseError) as caught:
                await own.command("SELECT * FROM nowhere")
            assert caught.value.code == 60

    asyncio.run(work())


@pytest.fixture(scope="module")
def own() -> Iterator[LocalClickHouse]:
    """A ClickHouse that these tests may kill."""
    with LocalClickHouse() as clickhouse:
        yield clickhouse


def test_kill_9_loses_nothing_acknowledged_and_inserting_goes_on(own: LocalClickHouse) -> None:
    client = clickhouse_connect.get_client(**own.options, autogenerate_session_id=False)
    client.command("CREATE TABLE kept (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.insert("kept", [[number] for number in range(1000)], column_names=["a"])
    port = own.port
    own.kill()
    with pytest.raises(OperationalError):
        client.command("SELECT 1")
    own.restart()
    assert own.port == port
    assert client.command("SELECT count() FROM kept") == 1000
    client.insert("kept", [[1000]], column_names=["a"])
    assert client.command("SELECT count() FROM kept") == 1001
    client.close()


def test_a_folder_of_one_s_own_is_kept(tmp_path: Path) -> None:
    for count in (1, 2):
        with LocalClickHouse(tmp_path) as clickhouse, clickhouse_connect.get_client(**clickhouse.options) as client:
            client.command("CREATE TABLE IF NOT EXISTS kept (a Int8) ENGINE = MergeTree ORDER BY a")
            client.command("INSERT INTO kept VALUES (1)")
            assert client.command("SELECT count() FROM kept") == count


def test_one_folder_serves_one_process_at_a_time(tmp_path: Path) -> None:
    with LocalClickHouse(tmp_path), pytest.raises(ServiceError, match="ended while starting"):
        LocalClickHouse(tmp_path).start()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("db", ClickHouseAddress("db", 8123)),
        ("db:99", ClickHouseAddress("db", 99)),
        ("https://db", ClickHouseAddress("db", 8443, True)),
        ("http://me:p%40ss@db:99/app", ClickHouseAddress("db", 99, False, "me", "p@ss", "app")),
    ],
)
def test_an_address_is_read_with_clickhouse_s_defaults(address: str, expected: ClickHouseAddress) -> None:
    assert parse_address(address) == expected


def test_a_printed_address_holds_no_password() -> None:
    assert "secret" not in parse_address("http://me:secret@db:99/app").url


@pytest.mark.parametrize("address", ["clickhouse://db", "http://", "db:port", "db:99999"])
def test_a_wrong_address_says_what_to_write(address: str) -> None:
    with pytest.raises(ServiceError, match="write host:port"):
        parse_address(address)


def test_an_address_without_a_clickhouse_is_explained(kafka: str) -> None:
    assert "refused" in (why_no_clickhouse(f"127.0.0.1:{free_port()}") or "")
    assert why_no_clickhouse(kafka, 2.0) is not None


def test_an_insert_that_is_refused_after_it_was_read_is_not_acknowledged(client: Client) -> None:
    client.command("ALTER TABLE facts ADD CONSTRAINT low CHECK seq < 3")
    with pytest.raises(DatabaseError) as caught:
        insert(client, many(5))
    assert caught.value.code == 469
    client.command("CREATE TABLE daily (d Date, n UInt32) ENGINE = MergeTree PARTITION BY d ORDER BY n")
    with pytest.raises(DatabaseError) as caught:
        client.insert(
            "daily", [[d, 1] for d in range(101)], column_names=["d", "n"], column_type_names=["Date", "UInt32"]
        )
    assert caught.value.code == 252
    assert client.command("SELECT count() FROM facts") == 0
    assert client.command("SELECT count() FROM daily") == 0
