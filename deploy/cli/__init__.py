"""`tollgate`: one command for what an operator does at a shell."""
