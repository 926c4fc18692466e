"""The guards that money and access hang on, in the order of a paid call's way: each one's tests know it by name.

`without` takes the guard away and nothing else, so that the test fails for the guard's own reason. Tests are the
quickest that miss it; others may too.
"""

from tests.mutations.client_guards import CLIENT_GUARDS
from tests.mutations.device_guards import DEVICE_GUARDS
from tests.mutations.guard import Guard
from tests.mutations.held_payment_guards import HELD_PAYMENT_GUARDS
from tests.mutations.judgement_guards import JUDGEMENT_GUARDS
from tests.mutations.license_guards import LICENSE_GUARDS
from tests.mutations.review_guards import REVIEW_GUARDS
from tests.mutations.rule_guards import RULE_GUARDS
from tests.mutations.sale_guards import SALE_GUARDS
from tests.mutations.subscription_guards import SUBSCRIPTION_GUARDS
from tests.mutations.velocity_guards import VELOCITY_GUARDS

_LEDGER = "services/billing/domain/ledger"
_PAID_CALL = "services/gateway/use_cases/paid_call"
_POSTINGS = "tests/integration/billing_ledger/test_postings.py"
_GROUP_COMMIT = "tests/integration/billing_ledger/test_group_commit.py"
_HOLDS = "tests/integration/billing_ledger/test_holds.py"
_KNOWN_PRICE = "tests/integration/gateway_proxy/test_known_price.py"
_METERED_PRICE = "tests/integration/gateway_proxy/test_metered_price.py"
_REPEATS = "tests/integration/gateway_proxy/test_repeats.py"
_ONE_KEY = "tests/properties/gateway_proxy/test_paid_repeats.py"
_DISPUTING = "tests/properties/billing_payments/test_disputing.py"
_LEAKS = "tests/integration/gateway_proxy/test_leaks.py"

_ACCESS = (
    Guard(
        "the limiter counts down what it admits",
        "services/gateway/store/buckets.lua",
        "      units[i] = units[i] - admitted * windows[i]\n",
        "",
        ("tests/properties/gateway_proxy/test_buckets_script.py::test_burst_passes_the_capacity_and_then_the_rate",),
    ),
    Guard(
        "what is remembered of a key is forgotten when the key changes",
        "shared/record_cache.py",
        "        for digest in tuple(self._by_ref[kind].get(ref, ())):\n            self._drop(digest)\n",
        "",
        ("tests/integration/gateway_identity/test_change_feed.py::test_late_revocation_reaches_a_warm_cache",),
    ),
    Guard(
        "what was read before a change is not remembered after it",
        "shared/record_cache.py",
        "if epoch == self._epoch and self._feed.is_current:",
        "if self._feed.is_current:",
        (
            "tests/integration/gateway_identity/test_change_feed.py"
            "::test_record_read_before_a_change_is_not_remembered_after_it",
        ),
    ),
    Guard(
        "a payment is its own account's only",
        "services/billing/store/payments.py",
        'FROM payments WHERE id = :id AND account_id = :account_id"',
        'FROM payments WHERE id = :id AND (account_id = :account_id OR true)"',
        ("tests/integration/billing_payments/test_leaving.py::test_another_accounts_payment_is_not_found_like_none",),
    ),
)

_LEDGER_GUARDS = (
    Guard(
        "a charge is posted only where the wallet covers it",
        f"{_LEDGER}/decide/desk.py",
        "if purse.available < needed:",
        "if purse.balance < 0:",
        ("tests/properties/billing_ledger/test_decide.py::test_the_book_holds_after_every_item",),
    ),
    Guard(
        "the single statement moves only wallets that cover it",
        "services/billing/store/swift_postings.py",
        " AND balance - wallets.held >= {spend} + {hold}\n",
        "\n",
        (f"{_GROUP_COMMIT}::test_what_waits_together_is_one_statement_and_the_tenth_is_refused_when_nine_are_covered",),
    ),
    Guard(
        "a posting is flushed before it is answered",
        "shared/db.py",
        '"on" if durable else "off"',
        '"off"',
        (f"{_GROUP_COMMIT}::test_postings_are_flushed_before_they_are_answered_and_news_of_endings_later",),
    ),
    Guard(
        "a batch that meets a known id is decided again with it",
        "services/billing/use_cases/post_items.py",
        "    except (IdTaken, _NeedsLookUps):\n",
        "    except _NeedsLookUps:\n",
        (f"{_POSTINGS}::test_a_batch_that_meets_a_known_id_is_undone_and_decided_again",),
    ),
    Guard(
        "what a known id undoes of a single statement is decided exactly",
        "services/billing/use_cases/posting/poster.py",
        "        except (IdTaken, WalletsBusy):\n",
        "        except WalletsBusy:\n",
        (f"{_GROUP_COMMIT}::test_what_a_known_id_undoes_is_decided_exactly_with_its_neighbours",),
    ),
    Guard(
        "a known charge keeps its verdict on a wallet that ran dry",
        "services/billing/use_cases/post_items.py",
        "    if refused and await ledger_batches.any_is_known(ledger, refused):\n        raise _NeedsLookUps\n",
        "",
        (f"{_POSTINGS}::test_a_known_charge_is_posted_again_on_a_wallet_that_ran_dry",),
    ),
    Guard(
        "a known charge keeps its verdict where its account was refused last",
        "services/billing/store/swift_postings.py",
        "WHERE account_id <> ALL(ARRAY(SELECT account_id FROM transfers WHERE id = ANY($2)",
        "WHERE account_id <> ALL(ARRAY(SELECT account_id FROM transfers WHERE id IS NULL",
        (f"{_GROUP_COMMIT}::test_a_known_id_of_who_was_refused_keeps_its_verdict",),
    ),
    Guard(
        "wallets are locked in one order",
        "services/billing/use_cases/posting/swift.py",
        "in sorted(groups.items()):",
        "in groups.items():",
        (f"{_GROUP_COMMIT}::test_both_ways_lock_several_accounts_in_one_order",),
    ),
    Guard(
        "an account is in one batch at a time",
        "services/billing/use_cases/posting/waiting.py",
        "            if account_id not in self._busy:\n                self._turns.append(account_id)\n",
        "            self._turns.append(account_id)\n",
        (
            "tests/unit/billing_ledger/test_waiting.py"
            "::test_an_account_whose_items_are_being_posted_waits_for_their_verdicts",
        ),
    ),
    Guard(
        "a charge is reversed once",
        f"{_LEDGER}/decide/charges.py",
        "    if done is not None:\n",
        "    if done is not None and done.reversal_id == item.id:\n",
        (f"{_POSTINGS}::test_a_charge_is_reversed_once",),
    ),
    Guard(
        "a capture never exceeds its hold",
        f"{_LEDGER}/decide/holds.py",
        "charged = min(item.amount, known.amount, max(",
        "charged = min(item.amount, max(",
        (f"{_POSTINGS}::test_a_hold_keeps_and_a_capture_takes_what_it_did_cost",),
    ),
    Guard(
        "a hold past its expiry can't be captured",
        f"{_LEDGER}/decide/holds.py",
        '    if known.state != "open" or _has_lapsed(known):\n',
        '    if known.state != "open":\n',
        (f"{_HOLDS}::test_a_lapsed_hold_is_refused_before_the_sweep_has_been_there",),
    ),
    Guard(
        "an expired hold charges what its call had cost",
        f"{_LEDGER}/lapse.py",
        "charged = min(hold.spent, max(desk.purses[account_id].balance, 0)) if may_charge else 0",
        "charged = 0",
        (f"{_HOLDS}::test_an_expired_hold_is_charged_what_its_call_had_cost_by_the_last_word_of_it",),
    ),
    Guard(
        "credits expire at their instant",
        "services/billing/use_cases/grant_expiry.py",
        "    return wallet.next_expiry_at is not None and wallet.next_expiry_at <= at\n",
        "    return wallet.next_expiry_at is not None and wallet.next_expiry_at < at\n",
        (
            "tests/integration/billing_ledger/test_grant_expiry.py"
            "::test_from_its_end_on_a_lot_can_not_be_spent_though_no_loop_ran",
        ),
    ),
    Guard(
        "the seal passes no commit over",
        "services/billing/store/seals.py",
        "WHERE {_AFTER} AND xid < pg_snapshot_xmin(pg_current_snapshot())\n",
        "WHERE {_AFTER}\n",
        (
            "tests/integration/billing_seal/test_sealing.py"
            "::test_what_commits_late_holds_back_what_began_after_it_and_is_sealed_with_it",
        ),
    ),
)

_PAYMENTS = (
    Guard(
        "an event of Stripe's is believed only with its signature",
        "services/billing/use_cases/webhooks.py",
        "    if not is_signed(body, signature, secrets=secrets, now=billing.clock.real_now()):\n",
        "    if False:\n",
        (
            "tests/integration/billing_payments/test_webhooks.py"
            "::test_forged_stale_and_odd_signatures_are_refused_and_store_nothing",
        ),
    ),
    Guard(
        "an event of Stripe's is stored once",
        "services/billing/store/webhook_events.py",
        " ON CONFLICT (stripe_event_id) DO NOTHING",
        "",
        ("tests/integration/billing_payments/test_webhooks.py::test_same_event_ten_times_at_once_credits_once",),
    ),
    Guard(
        "a payment's credits come once",
        "services/billing/use_cases/settlement.py",
        "    if not may_become(payment.status, Status.SUCCEEDED):\n        return\n",
        "",
        ("tests/integration/billing_payments/test_buying.py::test_all_events_of_a_payment_credit_it_once",),
    ),
    Guard(
        "the limit's sum is taken under the wallet's lock",
        "services/billing/use_cases/checkout.py",
        "        await lock_wallet(connection, buyer.account_id, at=billing.clock.now())\n",
        "",
        (
            "tests/integration/billing_payments/test_buying.py::test_new_accounts_four_checkouts_at_once_are_two_and_two",
        ),
    ),
)

_CALLS = (
    Guard(
        "a charge is durable before its call is forwarded",
        f"{_PAID_CALL}/known_price.py",
        """\
    charged = await authorise(desk, _charge(call, amount), receipt.reversal, required=amount)
    reach("after_charge")
    conversation = Conversation(desk, call)
    try:
        await _open(call, conversation, receipt)
""",
        """\
    reach("after_charge")
    conversation = Conversation(desk, call)
    try:
        await _open(call, conversation, receipt)
        charged = await authorise(desk, _charge(call, amount), receipt.reversal, required=amount)
""",
        (f"{_KNOWN_PRICE}::test_billing_away_is_503_and_nothing_is_forwarded",),
    ),
    Guard(
        "a charge is given back before the error's head leaves",
        f"{_PAID_CALL}/known_price.py",
        """\
        undone = await receipt.take_back()
        headers += credits_headers(0, undone["available"])
""",
        """\
        receipt.abandon()
        headers += credits_headers(0, charged["available"] + charged["charged"])
""",
        (f"{_KNOWN_PRICE}::test_an_error_whose_charge_can_not_be_given_back_yet_is_not_passed_on",),
    ),
    Guard(
        "an answer that was cut is given back",
        f"{_PAID_CALL}/known_price.py",
        "        await _take_back_from_cut(receipt)\n",
        "        receipt.stands()\n",
        (f"{_KNOWN_PRICE}::test_an_answer_cut_in_its_middle_is_cut_here_too_and_given_back",),
    ),
    Guard(
        "a delivered answer stays charged",
        f"{_PAID_CALL}/known_price.py",
        "            if left == 0:\n                receipt.stands()\n",
        "",
        (f"{_LEAKS}::test_who_breaks_off_with_the_last_byte_in_hand_has_had_his_answer",),
    ),
    Guard(
        "a call that fails lets its hold go",
        f"{_PAID_CALL}/metered_price.py",
        "    except BaseException:\n        tab.abandon()\n",
        "    except BaseException:\n",
        (f"{_LEAKS}::test_a_call_cancelled_at_any_suspension_leaves_nothing[metered-False]",),
    ),
    Guard(
        "a stream's last event waits for the capture",
        f"{_PAID_CALL}/metered_answer.py",
        """\
            await self._pay(self._usage(self._streamed()))
            for raw in last_words:
                yield raw
""",
        """\
            for raw in last_words:
                yield raw
            await self._pay(self._usage(self._streamed()))
""",
        (f"{_METERED_PRICE}::test_a_capture_after_its_hold_has_lapsed_cuts_the_answer",),
    ),
)

_REPEATED = (
    Guard(
        "a key whose call runs is not run beside it",
        "services/gateway/domain/paid_repeat.py",
        "    if kept.lease_is_live:\n        raise in_progress()\n",
        "",
        (f"{_REPEATS}::test_fifty_at_once_are_forwarded_once",),
    ),
    Guard(
        "an answer's last byte leaves after it is noted",
        f"{_PAID_CALL}/repeats.py",
        "            await ticket.say_answered()\n            self._let_go(ticket)\n",
        "            asyncio.ensure_future(ticket.say_answered())\n            self._let_go(ticket)\n",
        (f"{_REPEATS}::test_an_answer_that_cannot_be_noted_does_not_end",),
    ),
    Guard(
        "who lost its lease ends nothing well",
        "services/gateway/store/paid_repeats.py",
        '_MINE = "account_id = $1 AND key_hash = $2 AND owner = $3"',
        '_MINE = "account_id = $1 AND key_hash = $2 AND (owner = $3 OR true)"',
        (f"{_REPEATS}::test_who_lost_its_lease_neither_ends_well_nor_gives_back",),
    ),
    Guard(
        "which capture comes is durable before it is sent",
        f"{_PAID_CALL}/ticket.py",
        """\
        try:
            is_mine = await self._repeats.intend(self.place, intent)
        except RepeatsUnavailable as error:
            raise BillingUnavailable(may_have_been_posted=False) from error
        if not is_mine:
            return _lost()
        self._intent = intent
        reach("after_intent")
        result = await self._desk.ledger.post(renamed)
""",
        """\
        self._intent = intent
        result = await self._desk.ledger.post(renamed)
        try:
            is_mine = await self._repeats.intend(self.place, intent)
        except RepeatsUnavailable as error:
            raise BillingUnavailable(may_have_been_posted=False) from error
        if not is_mine:
            return _lost()
        reach("after_intent")
""",
        (f"{_ONE_KEY}::test_one_key_is_answered_at_most_once_and_then_charged_exactly_once[hold]",),
    ),
)

_DISPUTES = (
    Guard(
        "a dispute takes its credits once",
        "services/billing/domain/disputing.py",
        "    if opened and dispute.opened_at is None:\n",
        "    if opened:\n",
        (f"{_DISPUTING}::test_each_step_is_told_once",),
    ),
    Guard(
        "a late state of a dispute changes nothing",
        "services/billing/domain/disputing.py",
        "    if _PROGRESS[state.status] < _PROGRESS[dispute.status]:\n        return told\n",
        "",
        (f"{_DISPUTING}::test_any_order_and_repetition_ends_where_the_last_state_does",),
    ),
    Guard(
        "disputes take no more than there is of their payment",
        "services/billing/domain/disputing.py",
        "    keeping = [other for other in others if other.keeps]\n",
        "    keeping: list[Dispute] = []\n",
        (f"{_DISPUTING}::test_several_disputes_never_take_more_than_was_bought",),
    ),
    Guard(
        "a dispute that is over thaws nothing",
        "services/billing/use_cases/disputes.py",
        "    if dispute.freezes:\n",
        "    if dispute.keeps:\n",
        (
            "tests/integration/billing_payments/test_disputes.py"
            "::test_payment_stays_disputed_until_its_last_dispute_has_ended_well",
        ),
    ),
)

_SHARES = (
    Guard(
        "what a failed refund gives back is the dispute's that covers it",
        "services/billing/use_cases/refunds.py",
        "    await put_shares_right(billing, connection, change.payment)\n",
        "",
        (
            "tests/integration/billing_payments/test_disputes.py"
            "::test_refund_that_fails_after_a_chargeback_of_the_whole_leaves_nothing",
        ),
    ),
    Guard(
        "a debt that is paid is recovered once",
        "services/billing/use_cases/debts.py",
        "        await lock_wallet(connection, account_id, at=now)\n",
        "",
        (
            "tests/integration/billing_payments/test_disputes.py"
            "::test_debt_of_a_lost_dispute_that_is_paid_after_all_is_no_loss_and_an_appeal_takes_nothing_twice",
        ),
    ),
)

_BY_NEWS = "tests/integration/billing_payments/test_refunds_by_news.py"

_REFUNDS = (
    Guard(
        "a refund that was not answered holds its share of the payment",
        "services/billing/domain/refunding.py",
        "payment.refunded_minor - waiting",
        "payment.refunded_minor",
        ("tests/unit/billing_payments/test_refund_rules.py::test_refund_that_stripe_has_not_answered_holds_its_share",),
    ),
    Guard(
        "a refund's state that a further one has overtaken changes nothing",
        "services/billing/domain/refund.py",
        "_RANK[status] <= _RANK[refund.status]",
        "status is refund.status",
        ("tests/properties/billing_payments/test_refunding.py::test_order_and_repetition_of_news_do_not_matter",),
    ),
    Guard(
        "a repeat under the same key goes on with the refund that it began",
        "services/billing/use_cases/refund_asking.py",
        "        if earlier is not None:\n            return payment, earlier, True\n",
        "",
        (f"{_BY_NEWS}::test_lost_answer_is_found_by_the_callers_repeat_without_a_second_refund",),
    ),
    Guard(
        "a refund that was begun is looked for before it is made again",
        "services/billing/use_cases/refund_making.py",
        "    if begun_before:\n",
        "    if begun_before and False:\n",
        (f"{_BY_NEWS}::test_lost_refund_is_found_though_stripe_has_forgotten_its_key",),
    ),
)

_TOP_UP_TESTS = "tests/integration/billing_payments/test_top_ups.py"

_TOP_UPS = (
    Guard(
        "to look at an account that runs low is to put off the next look",
        "services/billing/store/top_ups.py",
        "$5::interval * 2 ^ least(looks, 10)",
        "$5::interval * 0",
        (
            f"{_TOP_UP_TESTS}"
            "::test_accounts_that_cannot_be_topped_up_hold_up_nobody_and_are_asked_about_ever_more_seldom",
        ),
    ),
    Guard(
        "a look buys only where nobody has moved the setting since",
        "services/billing/domain/top_up.py",
        " and setting.next_at == again_at",
        "",
        (f"{_TOP_UP_TESTS}::test_setting_that_changes_while_its_account_is_looked_at_is_left_to_the_next_look",),
    ),
    Guard(
        "a wallet that a dispute froze meanwhile buys nothing by itself",
        "services/billing/domain/top_up.py",
        "wallet.available < setting.threshold and wallet.open_disputes == 0",
        "wallet.available < setting.threshold",
        (f"{_TOP_UP_TESTS}::test_wallet_that_is_frozen_while_its_account_is_looked_at_buys_nothing",),
    ),
    Guard(
        "a refund that takes credits stops its account's automatic top-up",
        "services/billing/use_cases/refunds.py",
        "    if change.millicredits > 0 and setting is not None:\n",
        "    if change.millicredits < 0 and setting is not None:\n",
        (f"{_TOP_UP_TESTS}::test_refund_stops_it_until_the_customer_says_otherwise_also_where_the_refund_fails",),
    ),
)

_MONEY_BOOK = "tests/integration/billing_ledger/test_money_book.py"
_BOOKKEEPING = "tests/integration/billing_payments/test_bookkeeping.py"
_MONEY_PROPERTIES = "tests/properties/billing_payments/test_money_book.py"

_MONEY = (
    Guard(
        "whoever writes a money posting's first line writes the others",
        "services/billing/store/money_entries.py",
        "FROM lines CROSS JOIN first WHERE line > 1",
        "FROM lines LEFT JOIN first ON true WHERE line > 1 ON CONFLICT DO NOTHING",
        (f"{_MONEY_BOOK}::test_a_posting_is_booked_once_even_by_two_who_book_other_lines_at_once",),
    ),
    Guard(
        "the database refuses a money posting that does not sum to zero",
        "services/billing/migrations/versions/0008_money_book.py",
        "GROUP BY currency HAVING sum(micros) <> 0)",
        "GROUP BY currency HAVING false)",
        (f"{_MONEY_BOOK}::test_the_database_refuses_what_does_not_sum_to_zero",),
    ),
    Guard(
        "money that comes back takes what is owed with its own sign",
        "services/billing/use_cases/bookkeeping.py",
        "amount if tx.amount_minor >= 0 else -amount",
        "amount",
        (f"{_BOOKKEEPING}::test_each_transaction_meets_what_was_owed_for_it_whatever_currency_the_balance_is_kept_in",),
    ),
    Guard(
        "money in suspense leaves it once its payment is known",
        "services/billing/use_cases/bookkeeping.py",
        "    if not booked:\n        await _clear_suspense(",
        "    if False:\n        await _clear_suspense(",
        (f"{_BOOKKEEPING}::test_money_of_no_payment_is_in_suspense_until_it_turns_out_to_be_ours",),
    ),
    Guard(
        "what credits and money differ by is rounding",
        "services/billing/domain/books/postings.py",
        "yield rest, USD, -sign * (paid - millicredits)",
        "yield rest, USD, -sign * paid",
        (f"{_MONEY_PROPERTIES}::test_before_its_money_arrives_a_payment_is_owed",),
    ),
)

_MAILS = (
    Guard(
        "a mail that siblings ask for is queued once for each message id",
        "services/gateway/use_cases/asked_mails.py",
        "        if not await mails_asked.note(connection, asked, at=at):\n            return\n",
        "        await mails_asked.note(connection, asked, at=at)\n",
        ("tests/integration/gateway_identity/test_asked_mails.py::test_put_many_times_at_once_is_one_mail",),
    ),
    Guard(
        "a mail that is being handed over is nobody else's meanwhile",
        "shared/mails.py",
        "SET attempts = attempts + 1, next_attempt_at = :until\n",
        "SET attempts = attempts + 1\n",
        (
            "tests/integration/gateway_identity/test_asked_mails.py"
            "::test_crash_between_commit_and_mail_mails_once_after_all",
        ),
    ),
)

_ACTIVATING = "tests/integration/licensing_activations/test_activations.py"
_FILES = "tests/integration/licensing_activations/test_license_files.py"

_SEATS = (
    Guard(
        "seats are given under the license's lock",
        "services/licensing/use_cases/bearing.py",
        "        await licenses.locked(connection, found.id)\n",
        "",
        (f"{_ACTIVATING}::test_of_fifty_servers_at_once_one_has_the_seat",),
    ),
    Guard(
        "no more servers have a seat than there are",
        "services/licensing/domain/activation.py",
        "return self.others < self.license.max_activations",
        "return self.others <= self.license.max_activations",
        ("tests/unit/licensing/test_activation.py::test_no_seat_is_left",),
    ),
    Guard(
        "a license that is not valid is not activated",
        "services/licensing/use_cases/activations.py",
        "if must_be_valid and not verdict.valid:",
        "if False:",
        (f"{_ACTIVATING}::test_expired_key_is_not_activated_but_its_seat_can_be_given_back",),
    ),
    Guard(
        "a server that somebody ended does not come back by a heartbeat",
        "services/licensing/domain/activation.py",
        "if own is None or not (own.is_active(now) or own.lost_its_lease(now)):",
        "if own is None:",
        ("tests/unit/licensing/test_activation.py::test_heartbeat_does_not_bring_back_what_was_ended",),
    ),
    Guard(
        "a license file is made only where the verdict allows it",
        "services/licensing/use_cases/license_files.py",
        "        if not verdict.valid:\n            return Refused(verdict, license)\n",
        "",
        (f"{_FILES}::test_no_file_for_what_is_not_active_or_not_valid",),
    ),
    Guard(
        "a license's files are counted under its lock",
        "services/licensing/store/activations.py",
        "UPDATE licenses SET sequence = sequence + 1 WHERE id = :id RETURNING sequence",
        "SELECT sequence + 1 FROM licenses WHERE id = :id",
        (f"{_FILES}::test_sequences_are_never_given_twice",),
    ),
)

GUARDS: tuple[Guard, ...] = (
    *_ACCESS,
    *_CALLS,
    *_REPEATED,
    *_LEDGER_GUARDS,
    *_PAYMENTS,
    *_DISPUTES,
    *_SHARES,
    *_REFUNDS,
    *_TOP_UPS,
    *_MONEY,
    *_MAILS,
    *_SEATS,
    *SALE_GUARDS,
    *SUBSCRIPTION_GUARDS,
    *LICENSE_GUARDS,
    *RULE_GUARDS,
    *CLIENT_GUARDS,
    *DEVICE_GUARDS,
    *JUDGEMENT_GUARDS,
    *VELOCITY_GUARDS,
    *HELD_PAYMENT_GUARDS,
    *REVIEW_GUARDS,
)
