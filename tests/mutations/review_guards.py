"""The guards that cases, labels and files of the blacklist hang on."""

from tests.mutations.guard import Guard

_CASES = "tests/unit/fraud/test_cases.py"
_CSV = "tests/unit/fraud/test_blacklist_csv.py"
_REVIEWS = "tests/integration/fraud/test_reviews.py"
_FILES = "tests/integration/fraud/test_blacklist_files.py"

REVIEW_GUARDS = (
    Guard(
        "a decided case is decided no more",
        "services/fraud/domain/case.py",
        '        if self.status != "open":\n',
        "        if False:\n",
        (f"{_CASES}::test_case_is_decided_once",),
    ),
    Guard(
        "deciders of one case take turns",
        "services/fraud/store/cases.py",
        'return await _one(connection, "id = :value FOR UPDATE"',
        'return await _one(connection, "id = :value"',
        (f"{_REVIEWS}::test_of_many_deciders_at_once_one_wins",),
    ),
    Guard(
        "a case and the end of its payment take turns",
        "services/fraud/store/cases.py",
        '"payment_id = :value FOR UPDATE"',
        '"payment_id = :value"',
        (f"{_REVIEWS}::test_decision_and_end_of_its_payment_at_once_do_not_both_happen",),
    ),
    Guard(
        "billing hears of a decided case",
        "services/fraud/use_cases/decide_cases.py",
        "        await outbox.publish(connection, DECIDED, case.id, _facts(case), at=at)\n",
        "",
        (f"{_REVIEWS}::test_decision_writes_everything_at_once",),
    ),
    Guard(
        "counters hear what a decided case was",
        "services/fraud/use_cases/decide_cases.py",
        "        await count_labels(fraud.velocity, connection, [case.payment_id], now=at)\n",
        "",
        (f"{_REVIEWS}::test_counters_hear_of_frauds_that_a_decision_finds",),
    ),
    Guard(
        "a case is overdue once",
        "services/fraud/store/cases.py",
        "AND overdue_at IS NULL AND due_at <= :at",
        "AND due_at <= :at",
        (f"{_REVIEWS}::test_case_past_its_deadline_is_marked_once",),
    ),
    Guard(
        "the block of a case lasts as long as it says",
        "services/fraud/use_cases/decide_cases.py",
        "    ended = await many_entries.end_sooner_ones(connection, additions, by=actor.account_id, at=at)\n",
        "    ended = []\n",
        (f"{_REVIEWS}::test_block_takes_the_settings_days_and_keeps_entries_that_last_longer",),
    ),
    Guard(
        "the block of a case waits for others that list much",
        "services/fraud/use_cases/decide_cases.py",
        "    await many_entries.take_turns(connection)\n",
        "",
        (f"{_REVIEWS}::test_who_writes_many_entries_waits_for_others",),
    ),
    Guard(
        "a label is used from when it was known on",
        "services/fraud/domain/label.py",
        " if label.known_at <= known_by]",
        "]",
        (f"{_CASES}::test_label_counts_from_when_it_was_known",),
    ),
    Guard(
        "a dispute's news labels a payment once",
        "services/fraud/store/labels.py",
        '" ON CONFLICT (source, reference) DO NOTHING"',
        '""',
        (f"{_REVIEWS}::test_disputes_teach_labels_once_each",),
    ),
    Guard(
        "a file of the blacklist with a wrong row lists nothing",
        "services/fraud/use_cases/blacklist_files.py",
        "    if faults:\n        raise WrongRows(faults, wrong)\n",
        "",
        (f"{_FILES}::test_one_wrong_row_lists_nothing",),
    ),
    Guard(
        "a dry run lists nothing",
        "services/fraud/use_cases/blacklist_files.py",
        "                raise _DryRun\n",
        "                pass\n",
        (f"{_FILES}::test_dry_run_counts_and_lists_nothing",),
    ),
    Guard(
        "a cell is no formula",
        "services/fraud/domain/blacklist_csv.py",
        "cell.startswith(_FORMULA) else cell\n\n\ndef _plain",
        "False else cell\n\n\ndef _plain",
        (f"{_CSV}::test_spreadsheet_takes_no_cell_for_a_formula",),
    ),
)
