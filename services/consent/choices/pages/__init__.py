"""The pages `/dossier/{id}/acces`: who may see a record, each change of it, and the history of the choices.

A change takes two steps. A page shows what will apply (`GET` or `POST .../acces/changer`, without any effect); its form
is sent to `POST .../acces`, which makes the change, waits until it is in force, and leads back. Another service may put
a page between the two: a form with the same fields (`views.FIELDS`) that leads to `POST .../acces` confirms the change.
"""
