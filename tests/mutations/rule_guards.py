"""The guards that fraud's rules hang on."""

from tests.mutations.guard import Guard

_LANGUAGE = "tests/unit/fraud/rules/test_language.py"
_RULESET = "tests/unit/fraud/rules/test_ruleset.py"
_BACKTEST = "tests/unit/fraud/rules/test_backtest.py"
_RULES = "tests/integration/fraud/test_rules.py"

RULE_GUARDS = (
    Guard(
        "a rule's author does not make it live",
        "services/fraud/domain/rules/rule.py",
        '        if state == "live" and by == self.author:\n            raise SecondOperatorRequired\n',
        "",
        (f"{_RULESET}::test_author_does_not_make_their_own_version_live",),
    ),
    Guard(
        "the database lets no author make a rule live",
        "services/fraud/migrations/versions/0005_rules.py",
        "CHECK (state <> 'live' OR by <> author OR author = 'system')",
        "CHECK (true)",
        (f"{_RULES}::test_database_holds_that_an_author_makes_nothing_live",),
    ),
    Guard(
        "a rule is no deeper than it may be",
        "services/fraud/domain/rules/language.py",
        "        if self._depth > DEEPEST:\n"
        '            raise RuleFault(self._peek.at, f"nested more than {DEEPEST} deep")\n',
        "",
        (f"{_LANGUAGE}::test_limits_are_where_they_are_said_to_be",),
    ),
    Guard(
        "a rule is tried before it is kept",
        "services/fraud/domain/rules/trial.py",
        "        _evaluate(program, context, name)\n",
        "",
        (f"{_LANGUAGE}::test_rule_that_fails_on_signals_that_may_be_is_refused",),
    ),
    Guard(
        "a rule that fails stops no other",
        "services/fraud/domain/rules/ruleset.py",
        "        except (ArithmeticError, TypeError, ValueError, RuntimeError):\n"
        "            failed.append(fired.rule_id)\n",
        "        except StopIteration:\n            failed.append(fired.rule_id)\n",
        (f"{_RULESET}::test_rule_that_cannot_be_evaluated_does_not_fire_and_others_go_on",),
    ),
    Guard(
        "a rule in shadow decides nothing",
        "services/fraud/domain/rules/ruleset.py",
        'live = [each for each in heaviest_first if each.state == "live"]',
        "live = heaviest_first",
        (f"{_RULESET}::test_live_rules_fire_the_heaviest_first_and_shadow_rules_apart",),
    ),
    Guard(
        "a snooze ends",
        "services/fraud/domain/rules/ruleset.py",
        "{each.rule_id for each in snoozes if at < each.expires_at}",
        "{each.rule_id for each in snoozes}",
        (f"{_RULESET}::test_snoozed_rule_does_not_fire_until_the_snooze_ends",),
    ),
    Guard(
        "what a rule sees is of this payment",
        "services/fraud/domain/rules/ruleset.py",
        "            self._context.update(changed)\n",
        "            self._context.update({} if seen else changed)\n",
        (f"{_RULESET}::test_each_payment_is_judged_by_its_own_signals",),
    ),
    Guard(
        "a changed rule judges in every process",
        "services/fraud/use_cases/write_rules.py",
        '            await _audit(connection, actor, f"rule.{version.state}", version, at=now)\n'
        "        await rules.note_change(connection, rule_id)\n",
        '            await _audit(connection, actor, f"rule.{version.state}", version, at=now)\n',
        (f"{_RULES}::test_rule_goes_from_draft_over_shadow_to_live",),
    ),
    Guard(
        "a backtest counts whom a rule would harm",
        "services/fraud/domain/rules/backtest.py",
        '        if before == "allow" and past.is_fraud is not True:\n',
        '        if before == "allow" and past.is_fraud is False:\n',
        (f"{_BACKTEST}::test_rule_that_stops_everybody_is_harmful_and_says_whom_it_would_harm",),
    ),
    Guard(
        "a backtest has the version in its rule's place",
        "services/fraud/domain/rules/backtest.py",
        "(*others, *tried.fired))",
        "(*others, *own, *tried.fired))",
        (f"{_BACKTEST}::test_version_that_lets_known_fraud_go_is_harmful",),
    ),
)
