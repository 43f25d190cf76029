"""Warnings at a prescription, by facts that the reader may see: allergies, interactions, duplicates, repeated exams."""
