"""The metrics of several processes as one text."""

from shared.siblings import merged

ONE = b"""# HELP calls_total Calls.
# TYPE calls_total counter
calls_total{method="GET",path="{x}"} 3.0
# HELP waiting How many wait.
# TYPE waiting gauge
waiting 1.0
"""


def test_each_family_stands_once_and_each_sample_says_whose_it_is() -> None:
    other = ONE.replace(b"3.0", b"4.0") + b"# HELP more More.\n# TYPE more gauge\nmore 5.0\n"
    assert merged({0: ONE, 1: other}).decode() == (
        "# HELP calls_total Calls.\n"
        "# TYPE calls_total counter\n"
        'calls_total{process="0",method="GET",path="{x}"} 3.0\n'
        'calls_total{process="1",method="GET",path="{x}"} 4.0\n'
        "# HELP waiting How many wait.\n"
        "# TYPE waiting gauge\n"
        'waiting{process="0"} 1.0\n'
        'waiting{process="1"} 1.0\n'
        "# HELP more More.\n"
        "# TYPE more gauge\n"
        'more{process="1"} 5.0\n'
    )


def test_of_nobody_there_is_nothing() -> None:
    assert merged({}) == b""
