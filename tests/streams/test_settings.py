"""Settings: what is read, what overrides what, and what a wrong one says."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from streams.settings import SECRETS, SettingsError, SourceTopic, load_settings

GOOD = """
bootstrap = "kafka:9092"
prefix = "acme."
partitions = 8

[clock]
wall = "off"

[[sources]]
topic = "segment-events"
source = "segment"
keyed_by = "user"

[[sources]]
topic = "ours"

[clickhouse]
url = "http://ch:8123"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "journeys.toml"
    path.write_text(text)
    return path


def test_a_file_is_read_and_the_rest_has_defaults(tmp_path: Path) -> None:
    found = load_settings(written(tmp_path, GOOD), {})
    assert (found.bootstrap, found.prefix, found.partitions, found.clock.wall) == ("kafka:9092", "acme.", 8, "off")
    assert found.sources == (SourceTopic("segment-events", "segment", "user"), SourceTopic("ours", "canonical", None))
    assert found.clickhouse.url == "http://ch:8123"
    assert found.clickhouse.database == "journeys"
    assert found.sink_group == "journeys-sink"


def test_variables_override_the_file(tmp_path: Path) -> None:
    env = {
        "JOURNEYS_BOOTSTRAP": "b:1",
        "JOURNEYS_PARTITIONS": "3",
        "JOURNEYS_CLICKHOUSE_URL": "http://other:1",
        "JOURNEYS_SOURCES": "one:segment,two:canonical:user",
    }
    found = load_settings(written(tmp_path, GOOD), env)
    assert (found.bootstrap, found.partitions, found.clickhouse.url) == ("b:1", 3, "http://other:1")
    assert found.sources == (SourceTopic("one", "segment", None), SourceTopic("two", "canonical", "user"))


def test_a_mapping_file_is_a_source_in_the_file_and_in_the_variable(tmp_path: Path) -> None:
    mapping = tmp_path / "shop.yaml"
    mapping.write_text("time: at\nname: what\nuser: who\n")
    listed = f"one:mapping:{mapping},two:mapping:{mapping}:user"
    found = load_settings(None, {"JOURNEYS_SOURCES": listed}).sources
    assert [(s.topic, s.source, s.keyed_by) for s in found] == [
        ("one", f"mapping:{mapping}", None), ("two", f"mapping:{mapping}", "user"),
    ]  # fmt: skip
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("time: at\n")
    with pytest.raises(SettingsError, match=r"wrong\.yaml:1:1: a mapping needs `name:`"):
        load_settings(None, {"JOURNEYS_SOURCES": f"one:mapping:{wrong}"})


def test_the_door_of_the_sources_page_is_a_setting_and_its_keys_are_a_secret(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    text = page.split("```toml\n")[2].split("```")[0]
    found = load_settings(written(tmp_path, text), {"JOURNEYS_COLLECT_KEYS": "segment:k", "JOURNEYS_COLLECT_PORT": "9"})
    assert (found.collect.host, found.collect.port, found.collect.keys) == ("0.0.0.0", 9, "segment:k")
    assert "segment:k" not in repr(found)
    with pytest.raises(SettingsError, match=r"collect\.keys has no place in a file"):
        load_settings(written(tmp_path, '[collect]\nkeys = "segment:k"'), {})


def test_the_file_may_be_named_by_a_variable(tmp_path: Path) -> None:
    assert load_settings(None, {"JOURNEYS_SETTINGS": str(written(tmp_path, GOOD))}).prefix == "acme."


def test_passwords_come_from_variables_or_files_and_are_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-file\n")
    env = {"JOURNEYS_CLICKHOUSE_PASSWORD": "from-variable", "JOURNEYS_KAFKA_PASSWORD_FILE": str(secret)}
    found = load_settings(None, env)
    assert (found.clickhouse.password, found.kafka.password) == ("from-variable", "from-file")
    assert "from-" not in repr(found)


def test_no_secret_of_any_kind_is_shown(tmp_path: Path) -> None:
    env = {name: f"hidden-{n}" for n, name in enumerate(SECRETS)}
    found = load_settings(None, env)
    assert "hidden-" not in repr(found)
    assert str(asdict(found)).count("hidden-") == len(SECRETS), "each is read"


def test_each_role_has_its_user_of_clickhouse_and_an_empty_one_is_the_writer(tmp_path: Path) -> None:
    env = {"JOURNEYS_CLICKHOUSE_PASSWORD": "w", "JOURNEYS_CLICKHOUSE_READ_PASSWORD": "r"}
    where = load_settings(written(tmp_path, '[clickhouse]\nuser = "writer"\nread_user = "reader"'), env).clickhouse
    assert where.login("write") == {"user": "writer", "password": "w", "ca_file": None}
    assert where.login("read") == {"user": "reader", "password": "r", "ca_file": None}
    assert where.login("migrate") == where.login("write")
    assert load_settings(None, {}).clickhouse.login("read") == {"user": None, "password": None, "ca_file": None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('bootstrap = "b:1"\nprefx = "x"', ":2: prefx is no setting; did you mean prefix?"),
        ('partitions = "four"', ":1: partitions is a whole number, such as 4; not 'four'"),
        ("partitions = 0", ":1: partitions is at least 1"),
        ("bootstrap = 9092", ':1: bootstrap is text: write bootstrap = "9092"'),
        ('[clock]\n\nwall = "maybe"', ":3: clock.wall is on or off; not 'maybe'"),
        ('[clock]\ncatch_up = "slow"', ":2: clock.catch_up is fast or exact; not 'slow'"),
        ('[clock]\nuntil = "tomorrow"', ":2: clock.until is a time such as 2024-06-30T00:00:00Z"),
        (
            '[[sources]]\ntopic = "a"\n[[sources]]\ntopic = "b"\nsource = "segmnt"',
            ":5: sources.1.source there is no source",
        ),
        ('[[sources]]\nsource = "segment"', ":1: sources.0 needs a topic"),
        ('[[sources]]\ntopic = "a"\nkeyed_by = "account"', ":3: sources.0.keyed_by is user"),
        ('[clickhouse]\npassword = "x"', ":2: clickhouse.password has no place in a file"),
        ('prefix = "a b"', ":1: prefix takes letters"),
        ('session = "ten"', ":1: session is a duration such as 10s"),
        ("prefix = \nx = 1", "line 1"),
        ("[dead_letters]\nratio = 101", ":1: dead_letters takes a ratio of 0 to 100"),
        (
            '[kafka]\nprotocol = "SASL_SSL"\nusername = "me"',
            ":2: kafka.protocol with SCRAM-SHA-512 needs username, and JOURNEYS_KAFKA_PASSWORD",
        ),
        (
            '[kafka]\nprotocol = "SASL_SSL"\nmechanism = "OAUTHBEARER"',
            ":3: kafka.mechanism OAUTHBEARER needs token_url",
        ),
        (
            '[kafka]\nprotocol = "SASL_SSL"\nmechanism = "OAUTHBEARER"\ntoken_url = "https://x"',
            ":4: kafka.token_url needs client_id",
        ),
        ('[kafka]\ncert_file = "x"', ":2: kafka.cert_file and kafka.key_file go together"),
        ('[kafka]\ntoken = "x"', ":2: kafka.token has no place in a file: set JOURNEYS_KAFKA_TOKEN, or its _FILE"),
        ('[kafka]\ntoken_file = "x"', ":2: kafka.token_file is no setting"),
        ('[clickhouse]\nread_password = "x"', ":2: clickhouse.read_password has no place in a file"),
    ],
)
def test_a_wrong_setting_says_where_it_is_and_what_to_write(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(
        SettingsError, match="variable JOURNEYS_BOOTSTRP: there is no such setting; did you mean JOURNEYS_BOOTSTRAP"
    ):
        load_settings(None, {"JOURNEYS_BOOTSTRP": "x"})
    with pytest.raises(SettingsError, match="variable JOURNEYS_PARTITIONS: partitions is a whole number"):
        load_settings(None, {"JOURNEYS_PARTITIONS": "many"})


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml", {})
