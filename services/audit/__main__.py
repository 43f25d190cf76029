"""Runs the service audit: `python -m services.audit --help` lists its commands."""

from services.audit.app import make_api, make_plan, make_worker
from services.audit.keys import make_keys
from services.audit.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main(
        "audit",
        Settings,
        api=make_api,
        worker=make_worker,
        plan=make_plan,
        keys=lambda settings: make_keys(settings.keys),
    )
