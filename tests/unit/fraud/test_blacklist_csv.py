"""The blacklist as CSV: each row becomes a draft or a fault that names its line."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fraud.domain import blacklist_csv
from services.fraud.domain.blacklist import Draft, EntryId, Listed
from services.fraud.domain.blacklist_csv import LONGEST_LINE, Fault, read, written

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


def _read(text: str) -> list[Draft | Fault]:
    return list(read(io.StringIO(text, newline=""), now=NOW))


def test_rows_become_drafts_in_normal_form() -> None:
    text = (
        "kind,value,reason,source,expires_at\r\n"
        "email,Eve@Example.COM,chargebacks,list of May,2027-01-31T00:00:00Z\r\n"
        "\r\n"
        'network,192.0.2.9/24,"one, two",,\r\n'
    )
    assert _read(text) == [
        Draft("email", "eve@example.com", "chargebacks", "list of May", LATER),
        Draft("network", "192.0.2.0/24", "one, two", "import", None),
    ]


def test_columns_stand_in_any_order_and_three_may_lack() -> None:
    assert _read(" Value ,KIND\n192.0.2.7,ip") == [Draft("ip", "192.0.2.7", None, "import", None)]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("emial,eve@example.com,,,", "kind"),
        ("email,eve,,,", "value"),
        ("email,,,,", "value"),
        ("network,0.0.0.0/0,,,", "value"),
        ("card,4242 4242 4242 4242,,,", "value"),
        ("ip,192.0.2.7,,,tomorrow", "expires_at"),
        ("ip,192.0.2.7,,,2027-01-31T00:00:00", "expires_at"),
        ("ip,192.0.2.7,,,2027-01-01T00:00:00Z", "expires_at"),
        (f"ip,192.0.2.7,{'x' * 201},,", "reason"),
        ('ip,192.0.2.7,,"a\tb",', "source"),
        ("ip,192.0.2.7", ""),
        ("ip,192.0.2.7,,,,", ""),
    ],
)
def test_wrong_row_is_told_by_its_line_and_costs_no_other(row: str, column: str) -> None:
    fault, good = _read(f"kind,value,reason,source,expires_at\n{row}\nip,192.0.2.8,,,\n")
    assert isinstance(fault, Fault) and (fault.line, fault.column) == (2, column)
    assert good == Draft("ip", "192.0.2.8", None, "import", None)


@pytest.mark.parametrize(
    "header", ["", "kind\nip", "value\n192.0.2.7", "kind,value,colour\n", "kind,value,kind\n", "ip,192.0.2.7\n", "\n\n"]
)
def test_file_without_its_columns_is_one_fault(header: str) -> None:
    [fault] = _read(header)
    assert isinstance(fault, Fault) and fault.column == ""


@pytest.mark.parametrize("rest", ['ip,"192.0.2.8', f"ip,{'x' * LONGEST_LINE}", 'ip,"a"b'])
def test_file_that_breaks_off_is_read_no_further(rest: str) -> None:
    good, fault = _read(f"kind,value\nip,192.0.2.7\n{rest}\nip,192.0.2.9\n")
    assert isinstance(good, Draft)
    assert isinstance(fault, Fault) and fault.line == 3


def test_what_is_no_utf8_is_a_fault() -> None:
    stream = io.TextIOWrapper(io.BytesIO(b"kind,value,reason\nip,192.0.2.7,\xff\xfe\n"), "utf-8-sig", newline="")
    [fault] = read(stream, now=NOW)
    assert isinstance(fault, Fault) and "UTF-8" in fault.message


def test_rows_past_the_most_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blacklist_csv, "MOST_ROWS", 2)
    rows = "".join(f"ip,192.0.2.{number}\n" for number in range(5))
    *good, fault = _read(f"kind,value\n{rows}")
    assert len(good) == 2 and isinstance(fault, Fault) and fault.line == 4


def test_file_is_read_as_a_stream() -> None:
    stream = io.StringIO("kind,value\n" + "ip,192.0.2.7\n" * 1_000, newline="")
    next(read(stream, now=NOW))
    assert stream.tell() < 100


def test_spreadsheet_takes_no_cell_for_a_formula() -> None:
    text = written([_listed("email", "=cmd|' /c calc'@example.com", reason="-1+1")], with_header=False)
    assert text.startswith("email,'=cmd") and ",'-1+1," in text


def _listed(kind: str, value: str, *, reason: str | None) -> Listed:
    return Listed(EntryId("blk_1"), kind, "match", value, reason, "a source", LATER, NOW)  # type: ignore[arg-type]


_TEXT = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", codec="utf-8"), min_size=1, max_size=50)


@given(reason=_TEXT.map(str.strip).filter(bool), local=st.sampled_from(["eve", "'eve", "=eve", "+e", "-e", "'=e"]))
def test_what_is_written_is_read_again(reason: str, local: str) -> None:
    text = written([_listed("email", f"{local}@example.com", reason=reason)], with_header=True)
    assert _read(text) == [Draft("email", f"{local}@example.com", reason, "a source", LATER)]
