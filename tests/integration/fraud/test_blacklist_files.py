"""The blacklist as CSV over HTTP, at a shell and over PostgreSQL: all of a file is listed, or nothing."""

import argparse
import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.fraud.commands.blacklist import BLACKLIST
from services.fraud.settings import Settings
from services.fraud.use_cases.blacklist_files import Imported, import_entries
from shared.audit import Actor
from tests.integration.fraud.conftest import BLACKLIST as PATH
from tests.integration.fraud.conftest import CUSTOMER, OPERATOR, Desk
from tests.support.keys import headers_for, service_headers

HEADER = "kind,value,reason,source,expires_at\r\n"
ROWS = (
    "email,Eve@marked.example,chargebacks,a list,2027-02-01T00:00:00Z\r\n"
    'network,192.0.2.0/24,"one, two",,\r\n'
    "card,fingerprint_1,,,\r\n"
)


async def bring(desk: Desk, content: str | bytes, query: str = "", **headers: str) -> Any:
    body = content if isinstance(content, bytes) else content.encode()
    return await desk.http.post(
        f"{PATH}/import{query}", content=body, headers={**desk.operator, "content-type": "text/csv", **headers}
    )


async def export(desk: Desk) -> str:
    answer = await desk.http.get(f"{PATH}/export", headers=desk.operator)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    return answer.text


async def count(desk: Desk, table: str) -> int:
    async with desk.fraud.database.transaction() as connection:
        found = await connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
    assert isinstance(found, int)
    return found


async def test_every_row_is_listed_and_bites(desk: Desk) -> None:
    answer = await bring(desk, b"\xef\xbb\xbf" + (HEADER + ROWS).encode())
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"rows": 3, "added": 3, "already_listed": 0, "dry_run": False}
    entries = {entry["kind"]: entry for entry in await desk.listed()}
    assert (entries["email"]["value"], entries["email"]["reason"]) == ("eve@marked.example", "chargebacks")
    assert (entries["email"]["source"], entries["card"]["source"]) == ("a list", "import")
    assert entries["email"]["expires_at"] == "2027-02-01T00:00:00Z"
    assert (await desk.assess(ip="192.0.2.77")).json()["decision"] == "block"
    async with desk.fraud.database.transaction() as connection:
        dump = "".join(row[0] for row in await connection.execute(text("SELECT CAST(b AS text) FROM blacklist b")))
        [line] = await connection.execute(text("SELECT actor, action, subject, details FROM audit"))
        added = await connection.scalar(text("SELECT count(*) FROM outbox WHERE kind = 'blacklist.entry_added'"))
    assert "marked" not in dump and added == 3
    assert tuple(line) == (OPERATOR.account_id, "blacklist.imported", "blacklist", {"rows": 3, "added": 3})


async def test_one_wrong_row_lists_nothing(desk: Desk) -> None:
    good = "".join(f"ip,198.51.100.{number},,,\r\n" for number in range(250))
    content = HEADER + good * 3 + "email,mallory,,,\r\nip,192.0.2.7,,,yesterday\r\n"
    for query in ("", "?dry_run=true"):
        refused = await bring(desk, content, query)
        told = refused.json()
        assert (refused.status_code, told["code"], told["wrong_rows"]) == (422, "validation_failed", 2)
        assert [error["pointer"] for error in told["errors"]] == ["line 752:/value", "line 753:/expires_at"]
        assert "mallory" not in refused.text
    assert [await count(desk, table) for table in ("blacklist", "outbox", "audit")] == [0, 0, 0]


async def test_only_the_first_faults_are_told(desk: Desk) -> None:
    told = (await bring(desk, "kind,value\n" + "ip,x\n" * 700)).json()
    assert (told["wrong_rows"], len(told["errors"])) == (700, 100)


async def test_dry_run_counts_and_lists_nothing(desk: Desk) -> None:
    await desk.add("card", "fingerprint_1")
    answer = await bring(desk, HEADER + ROWS, "?dry_run=true")
    assert answer.json() == {"rows": 3, "added": 2, "already_listed": 1, "dry_run": True}
    assert len(await desk.listed()) == 1 and await count(desk, "outbox") == 1


async def test_rows_that_are_listed_stay_as_they_are(desk: Desk) -> None:
    entry = (await desk.add("card", "fingerprint_1", reason="mine")).json()
    expired = await desk.add("ip", "192.0.2.7", expires_at="2027-01-01T00:00:01Z")
    assert expired.status_code == 201
    desk.clock.at = desk.clock.at.replace(second=1)
    again = "card,fingerprint_1,theirs,,\r\nip,192.0.2.7,,,\r\nip,::ffff:192.0.2.7,,,\r\n"
    answer = await bring(desk, HEADER + again)
    assert answer.json() == {"rows": 3, "added": 1, "already_listed": 2, "dry_run": False}
    assert [kept for kept in await desk.listed() if kept["kind"] == "card"] == [entry]


async def test_same_idempotency_key_replays_the_import(desk: Desk) -> None:
    for query in ("", "?dry_run=true"):
        key = {"idempotency-key": f"once{query}"}
        first, again = await bring(desk, HEADER + ROWS, query, **key), await bring(desk, HEADER + ROWS, query, **key)
        assert again.status_code == 200 and again.json() == first.json()


async def test_imports_at_once_list_each_value_once(desk: Desk) -> None:
    rows = [f"ip,198.51.100.{number},,,\r\n" for number in range(200)]
    files = [HEADER + "".join(order) for order in (rows, rows[::-1]) for _ in range(4)]
    answers = await asyncio.gather(*(bring(desk, content) for content in files))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["added"] for answer in answers) == 200
    assert await count(desk, "blacklist") == 200


async def test_export_is_what_import_takes(desk: Desk) -> None:
    await bring(desk, HEADER + ROWS + "ip,203.0.113.9,=1+1,,\r\n" + f"email,digest:{'ab' * 32},,,\r\n")
    content = await export(desk)
    assert "'=1+1" in content and content.startswith(HEADER)
    before = [{**entry, "id": "", "created_at": ""} for entry in await desk.listed()]
    for entry in await desk.listed():
        await desk.http.delete(f"{PATH}/{entry['id']}", headers=desk.operator)
    assert (await export(desk)) == HEADER
    assert (await bring(desk, content)).json()["added"] == 5
    after = [{**entry, "id": "", "created_at": ""} for entry in await desk.listed()]
    assert sorted(before, key=str) == sorted(after, key=str)


async def test_export_pages_through_everything(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.fraud.use_cases.blacklist_files.EXPORT_PAGE", 2)
    await bring(desk, HEADER + "".join(f"ip,198.51.100.{number},,,\r\n" for number in range(5)))
    lines = (await export(desk)).splitlines()
    assert lines.count(HEADER.strip()) == 1 and len(set(lines)) == 6


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"kind\nip\n", b"{}", b"kind,value\nip,\x00\n"])
async def test_what_is_no_such_file_is_refused(desk: Desk, content: bytes) -> None:
    refused = await bring(desk, content)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed"), refused.text


async def test_only_operators_bring_and_take_files(desk: Desk) -> None:
    customer, service = headers_for(CUSTOMER, "fraud"), service_headers("fraud", "billing")
    for method, path in (("POST", f"{PATH}/import"), ("GET", f"{PATH}/export")):
        assert (await desk.http.request(method, path)).status_code == 401
        assert (await desk.http.request(method, path, headers=service)).status_code == 401
        assert (await desk.http.request(method, path, headers=customer)).status_code == 403


async def test_failed_answer_leaves_nothing_listed(desk: Desk) -> None:
    async def fail(_connection: object, _done: Imported) -> None:
        raise RuntimeError("the answer could not be kept")

    stream = io.StringIO(HEADER + ROWS, newline="")
    with pytest.raises(RuntimeError):
        await import_entries(desk.fraud, Actor(OPERATOR.account_id), stream, dry_run=False, keep=fail)
    assert await count(desk, "blacklist") == 0


async def test_command_line_imports_and_exports(
    desk: Desk, settings_for: Callable[..., Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    BLACKLIST.add_arguments(parser)

    async def command(*arguments: str) -> str:
        given = parser.parse_args(arguments)
        await asyncio.to_thread(BLACKLIST.run, settings_for("fraud"), given)
        return capsys.readouterr().out

    file = tmp_path / "list.csv"
    file.write_text(HEADER + "ip,192.0.2.7,,,\r\ncard,fingerprint_1,,,\r\n", newline="")
    assert await command("import", str(file), "--dry-run") == "2 rows: 2 would be listed, 0 on the list already.\n"
    assert await command("import", str(file)) == "2 rows: 2 listed, 0 on the list already.\n"
    assert "fingerprint_1" in await command("export")
    assert len(await desk.listed()) == 2
    file.write_text("kind,value\nip,192.0.2.8\nip,x\n")
    with pytest.raises(SystemExit) as wrong:
        await command("import", str(file))
    assert wrong.value.code == 65 and "line 3: value must be one IPv4" in capsys.readouterr().err
    with pytest.raises(SystemExit) as missing:
        await command("import", str(tmp_path / "none.csv"))
    assert missing.value.code == 66
    assert len(await desk.listed()) == 2
