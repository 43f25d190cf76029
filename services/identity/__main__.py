"""Runs the service identity.

The commands are `python -m services.identity api | worker | migrate | recover | keys status | keys rewrap`.
"""

from services.identity.app import make_api, make_recovery, make_worker
from services.identity.corrections.usecases.correct_telephones import correct_telephones
from services.identity.keys import make_keyrings, make_keys
from services.identity.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main(
        "identity",
        Settings,
        api=make_api,
        worker=make_worker,
        recovery=make_recovery,
        keys=lambda settings: make_keys(settings.keys),
        jobs={
            "correct-telephones": lambda settings: correct_telephones(settings.postgres, make_keyrings(settings.keys))
        },
    )
