"""Judges payments before they are made: lists, assessments and their reasons."""
