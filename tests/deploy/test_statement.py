"""What is read out of a request, without an engine."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.local import statement


@pytest.mark.parametrize(
    ("text", "sql", "name", "data"),
    [
        (b"INSERT INTO t FORMAT Native\n\x01\x02", "INSERT INTO t", "Native", b"\x01\x02"),
        (b"INSERT INTO app.t (`a`, `b`) FORMAT Native\n\n\x00", "INSERT INTO app.t (`a`, `b`)", "Native", b"\n\x00"),
        (b"insert into t(a) format CSV\r\n1\r\n2", "insert into t(a)", "CSV", b"1\r\n2"),
        (b"INSERT INTO t FORMAT JSONEachRow", "INSERT INTO t", "JSONEachRow", b""),
        (b"-- why\nINSERT INTO `odd ( name`.`t` FORMAT CSV\n1", "INSERT INTO `odd ( name`.`t`", "CSV", b"1"),
        (
            b"INSERT INTO t (a) SETTINGS async_insert=0 FORMAT CSV\n1",
            "INSERT INTO t (a)",
            "CSV",
            b"1",
        ),
        (b"INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1", "INSERT INTO FUNCTION null('a Int8')", "CSV", b"1"),
    ],
)
def test_an_insert_is_split_from_its_data(text: bytes, sql: str, name: str, data: bytes) -> None:
    found = statement.split_insert(text)
    assert found is not None
    assert (found.sql, found.format, bytes(found.data)) == (sql, name, data)


def test_its_data_may_be_in_a_file_and_its_settings_stay() -> None:
    found = statement.split_insert(b"INSERT INTO t (a) SETTINGS async_insert=0 FORMAT CSV\n1")
    assert found is not None
    told = statement.insert_from_file(found, "/a 'b'")
    assert told == r"INSERT INTO t (a) FROM INFILE '/a \'b\'' COMPRESSION 'none' SETTINGS async_insert=0 FORMAT CSV"


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 'INSERT INTO t FORMAT CSV\n1'",
        b"INSERT INTO t VALUES ('x FORMAT CSV\n')",
        b"INSERT INTO t (a) VALUES (1)",
        b"INSERT INTO t SELECT * FROM u FORMAT CSV\n",
        b"",
    ],
)
def test_a_statement_that_brings_no_data_is_left_whole(text: bytes) -> None:
    assert statement.split_insert(text) is None


@pytest.mark.parametrize(
    ("text", "two"),
    [
        (b"SELECT 1; SELECT 2", True),
        (b"SELECT 1;\n-- the next\nSELECT 2;", True),
        (b"SELECT 1; 'x'", True),
        (b"SELECT 1;", False),
        (b"SELECT 1; -- done\n/* really; */ ", False),
        (b"SELECT ';', `a;b`, \"c;d\"", False),
        (b"SELECT 'it''s; fine', 'so\\'; is this'", False),
        (b"SELECT 1 -- one; two", False),
    ],
)
def test_a_second_statement_is_seen_and_a_quoted_semicolon_is_not(text: bytes, two: bool) -> None:
    assert statement.second_statement(text) is two


@pytest.mark.parametrize(
    ("text", "answers", "name"),
    [
        (b"SELECT 1", True, "TabSeparated"),
        (b"  (select 1) format JSONEachRow ;", True, "JSONEachRow"),
        (b"/* x */ WITH 1 AS a SELECT a\n FORMAT Native", True, "Native"),
        (b"SELECT 1 FORMAT CSV SETTINGS max_threads = 1", True, "CSV"),
        (b"SHOW TABLES", True, "TabSeparated"),
        (b"CREATE TABLE selected (a Int8) ENGINE = Memory", False, "TabSeparated"),
        (b"ALTER TABLE t DELETE WHERE 1", False, "TabSeparated"),
    ],
)
def test_a_result_is_told_from_none_and_its_format_found(text: bytes, answers: bool, name: str) -> None:
    assert statement.answers_rows(text) is answers
    assert statement.output_format(text, "TabSeparated") == name


def test_the_words_of_a_url_are_settings_parameters_or_for_the_interface() -> None:
    words = {"query_id": "7", "max_threads": "1", "param_who": "x", "wait_end_of_query": "1", "database": "app"}
    assert statement.settings_in(words) == {"max_threads": "1"}
    assert statement.parameters_in(words) == {"who": "x"}


def test_an_error_keeps_the_server_s_code_and_words() -> None:
    raw = "Streaming insert finish failed: Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA)"
    assert statement.code_of(raw) == 33
    assert statement.without_wrapping(raw).startswith("Code: 33. DB::Exception: Cannot")


def test_an_error_without_a_code_is_given_one() -> None:
    assert statement.code_of("out of luck") == statement.UNNAMED
    assert statement.without_wrapping("out of luck") == "Code: 1001. DB::Exception: out of luck (STD_EXCEPTION)"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["Native", "CSV", "JSONEachRow"]))
def test_no_data_is_lost_or_changed_by_splitting(data: bytes, name: str) -> None:
    found = statement.split_insert(f"INSERT INTO app.t (`a`, `b`) FORMAT {name}\n".encode() + data)
    assert found is not None
    assert bytes(found.data) == data
    assert found.format == name
