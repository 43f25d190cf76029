"""Runs the service consent: `python -m services.consent --help` lists its commands."""

from services.consent.app import make_api, make_worker, plan_of
from services.consent.settings import Settings
from shared.service.process import main

if __name__ == "__main__":
    main("consent", Settings, api=make_api, worker=make_worker, plan=plan_of)
