"""Runs the service notify: `python -m services.notify --help` lists its commands."""

from services.notify import app
from services.notify.keys import make_keys
from services.notify.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main(
        "notify",
        Settings,
        api=app.make_api,
        worker=app.make_worker,
        plan=app.make_plan,
        keys=lambda settings: make_keys(settings.keys),
    )
