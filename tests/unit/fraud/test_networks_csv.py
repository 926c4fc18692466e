"""Networks as a file tells them."""

import io
import ipaddress

import pytest

from services.fraud.domain.facts import Network, Place
from services.fraud.domain.networks_csv import Located, WrongLine, read

HEADER = "network,country,latitude,longitude,radius_km,kind\n"


def read_all(rows: str, header: str = HEADER) -> list[Located]:
    return list(read(io.StringIO(header + rows)))


def test_rows_become_networks_with_or_without_a_place() -> None:
    found = read_all("192.0.2.0/24,DE,52.5,13.4,20,mobile\n\n2001:db8::/32, US ,,,,hosting\n")
    assert found == [
        Located(ipaddress.ip_network("192.0.2.0/24"), Network("DE", "mobile", Place(52.5, 13.4, 20))),
        Located(ipaddress.ip_network("2001:db8::/32"), Network("US", "hosting", None)),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "192.0.2.1/24,DE,,,,mobile",
        "nonsense,DE,,,,mobile",
        "192.0.2.0/24,de,,,,mobile",
        "192.0.2.0/24,DE,,,,dialup",
        "192.0.2.0/24,DE,52.5,,20,mobile",
        "192.0.2.0/24,DE,91,13.4,20,mobile",
        "192.0.2.0/24,DE,nan,13.4,20,mobile",
        "192.0.2.0/24,DE,52.5,181,20,mobile",
        "192.0.2.0/24,DE,52.5,13.4,-1,mobile",
        "192.0.2.0/24,DE,mobile",
        '"192.0.2.0/24,DE',
    ],
)
def test_senseless_row_is_named_by_its_line_and_not_repeated(row: str) -> None:
    with pytest.raises(WrongLine) as caught:
        read_all(f"198.51.100.0/24,DE,,,,mobile\n{row}\n")
    assert str(caught.value).startswith("line 3") or row.startswith('"')
    assert row not in str(caught.value)


def test_another_header_is_refused() -> None:
    with pytest.raises(WrongLine, match="line 1"):
        read_all("", header="network,country\n")
