"""The guards of the Python client: what it believes, and what it doesn't send twice."""

from tests.mutations.guard import Guard

_CLIENT = "clients/python/src/tollgate_client"
_FILES = "tests/unit/client_python/test_license_file.py"
_MARK = "tests/unit/client_python/test_high_water.py"
_ONLINE = "tests/unit/client_python/test_license_client.py"
_EXCHANGE = "tests/unit/client_python/test_exchange.py"
_FALSE_SERVERS = (f"{_ONLINE}::test_a_false_server_can_neither_grant_nor_deny",)

CLIENT_GUARDS = (
    Guard(
        "client: a license file is believed only if it is signed",
        f"{_CLIENT}/verification.py",
        "if not key.holds(envelope.signature, envelope.signed):",
        "if not envelope.signature:",
        (f"{_FILES}::test_one_changed_character_of_the_claims_breaks_the_signature",),
    ),
    Guard(
        "client: a license file's key was in use when it was issued",
        f"{_CLIENT}/verification.py",
        "if public_keys[kid].was_in_use(claims.issued_at):",
        "if public_keys[kid]:",
        (f"{_FILES}::test_each_refusal_has_its_code",),
    ),
    Guard(
        "client: a clock set back is noticed",
        f"{_CLIENT}/verification.py",
        "if mark.seen_at is not None and now < mark.seen_at - CLOCK_TOLERANCE:",
        "if mark.seen_at is not None and now < mark.seen_at - 1_000 * CLOCK_TOLERANCE:",
        (f"{_MARK}::test_a_clock_set_back_is_noticed",),
    ),
    Guard(
        "client: an older file is noticed",
        f"{_CLIENT}/verification.py",
        "if claims.sequence < known:",
        "if claims.sequence < 0:",
        (f"{_MARK}::test_an_older_file_is_noticed",),
    ),
    Guard(
        "client: an edited mark is noticed",
        f"{_CLIENT}/high_water_file.py",
        "if not hmac.compare_digest(self._seal(body), seal):",
        "if not body:",
        (f"{_MARK}::test_an_edited_mark_is_noticed",),
    ),
    Guard(
        "client: a denial outlasts the line",
        f"{_CLIENT}/verification.py",
        "if denial is None or claims.issued_at > denial.at:",
        "if denial is None or claims.issued_at:",
        (f"{_ONLINE}::test_a_denial_is_not_undone_by_cutting_the_line",),
    ),
    Guard(
        "client: an answer is signed for the nonce of this question",
        f"{_CLIENT}/signed_answer.py",
        """told.get("nonce") == f'"{nonce}"' and """,
        "",
        _FALSE_SERVERS,
    ),
    Guard(
        "client: an answer's signature covers its status and its body",
        f"{_CLIENT}/signed_answer.py",
        "is_dated and set(signature.components) >= NEEDED",
        "is_dated",
        _FALSE_SERVERS,
    ),
    Guard(
        "client: an answer's body is the one whose digest is signed",
        f"{_CLIENT}/signed_answer.py",
        "    if not _has_digest(heard):\n",
        '    if "content-digest" not in heard.headers:\n',
        _FALSE_SERVERS,
    ),
    Guard(
        "client: an answer is to the question that was asked",
        f"{_CLIENT}/asking.py",
        'told.get("request_digest") != digest_of(outgoing.content or b"")',
        '"request_digest" not in told',
        _FALSE_SERVERS,
    ),
    Guard(
        "client: a retired key signs no answers",
        f"{_CLIENT}/signed_answer.py",
        "key.retired_at is None or now <= key.retired_at",
        "key",
        (f"{_ONLINE}::test_a_retired_key_signs_no_answers",),
    ),
    Guard(
        "client: a paid call is not made twice",
        f"{_CLIENT}/exchange.py",
        "return never_left or outgoing.may_repeat",
        "return True",
        (f"{_EXCHANGE}::test_a_paid_call_is_not_made_twice_without_a_key",),
    ),
    Guard(
        "client: a seat that was given back is none offline",
        f"{_CLIENT}/asking.py",
        'denial = None if activation.get("active") else Code.NOT_ACTIVATED',
        "denial = None",
        (f"{_ONLINE}::test_a_seat_that_was_given_back_is_none_offline_until_it_is_taken_again",),
    ),
    Guard(
        "client: waiting for answers uses up the budget",
        f"{_CLIENT}/exchange.py",
        "left_seconds -= seconds + (time.monotonic() - began)",
        "left_seconds -= seconds",
        (f"{_EXCHANGE}::test_waiting_for_answers_uses_up_the_budget",),
    ),
)
