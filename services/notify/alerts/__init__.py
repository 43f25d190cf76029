"""Alerts of new documents, consultations and emergencies."""
