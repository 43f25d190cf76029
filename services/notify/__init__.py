"""The service notify owns the notifications of the patient side: alerts, messages, preferences, encrypted contacts.

It publishes `notify.alerts.v1`: the end of each alert.
"""
