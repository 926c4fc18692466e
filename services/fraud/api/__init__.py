"""HTTP in. The codes that are fraud's own have their status here."""

from shared.problems import register_problem

register_problem("already_decided", 409, "Already decided")
register_problem("already_listed", 409, "Already listed")
register_problem("assessment_conflict", 409, "Assessment conflict")
register_problem("name_taken", 409, "Name taken")
register_problem("rule_state_conflict", 409, "Rule state conflict")
register_problem("second_operator_required", 403, "Second operator required")
register_problem("too_many_snoozes", 409, "Too many snoozes")
