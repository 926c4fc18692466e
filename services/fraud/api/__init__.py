"""HTTP in. The codes that are fraud's own have their status here."""

from shared.problems import register_problem

register_problem("already_listed", 409, "Already listed")
register_problem("assessment_conflict", 409, "Assessment conflict")
