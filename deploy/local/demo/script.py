"""The main job as a story in steps, which `dmp demo` plays and the end-to-end test checks.

    story = Story(layout, tell=print)
    await play(story)

Each step either succeeds within its deadline or raises StoryError, with a message of one line. Every event is printed
as it happens: the time, the time since the deposit, the actor and the act.
"""

import asyncio
from collections.abc import Awaitable, Callable

from deploy.local.demo.bootstrap import bootstrap
from deploy.local.demo.certificates import certify_a_vaccination
from deploy.local.demo.client import connect
from deploy.local.demo.copies import take_a_copy
from deploy.local.demo.first_steps import (
    block_the_doctor,
    deposit,
    let_a_doctor_read,
    list_accesses,
    open_record,
    read_the_mail,
    refuse_a_hospital,
)
from deploy.local.demo.laboratory import send_a_report
from deploy.local.demo.last_steps import close_record, erase_record
from deploy.local.demo.openings import open_alone, open_at_a_pharmacy, run_campaign
from deploy.local.demo.personal_space import keep_a_personal_space
from deploy.local.demo.reimbursements import show_reimbursements
from deploy.local.demo.results import show_results_over_time
from deploy.local.demo.rights import ask_and_hide, break_the_glass, decide_again
from deploy.local.demo.rubrics import look_by_rubrics
from deploy.local.demo.story import Story, StoryError
from deploy.local.demo.summary import confirm_the_summary, read_the_summary_in_an_emergency
from deploy.local.demo.warnings import prescribe_with_warnings
from deploy.local.platform import endpoints

STEPS: tuple[tuple[str, Callable[[Story], Awaitable[None]]], ...] = (
    ("A record is opened", open_record),
    ("A hospital deposits a document", deposit),
    ("The patient receives a mail", read_the_mail),
    ("A hospital that the patient objects to is refused, and learns why", refuse_a_hospital),
    ("A doctor whom the patient authorises reads; the patient receives a mail", let_a_doctor_read),
    ("A laboratory sends its report as HL7 v2, and learns that it is published", send_a_report),
    ("The patient looks at the record by rubrics", look_by_rubrics),
    ("A laboratory's three results of six months are one line", show_results_over_time),
    ("The health insurance sends reimbursements; the doctor sees them, the patient hides them", show_reimbursements),
    ("The patient states an allergy and enters measures; the doctor sees them as the patient's", keep_a_personal_space),
    ("The patient gets a vaccination certificate; a verifier checks it, and sees it revoked", certify_a_vaccination),
    ("A summary sheet is proposed; the médecin traitant confirms it", confirm_the_summary),
    (
        "An emergency doctor reads it; the patient masks a source, and its lines are gone",
        read_the_summary_in_an_emergency,
    ),
    ("A prescription gives warnings; the doctor says why, the patient reads it in words", prescribe_with_warnings),
    ("The patient asks what masking would do, masks, and asks why the doctor is refused", ask_and_hide),
    ("Another doctor breaks the glass; the patient receives a mail at once", break_the_glass),
    ("The doctor is blocked, and refused", block_the_doctor),
    ("The patient lists who did what", list_accesses),
    ("The patient takes a copy of the record, and a verifier checks every byte of it", take_a_copy),
    ("Every decision is decided again from its facts", decide_again),
    ("Somebody opens a record alone, online, and signs in with a second factor", open_alone),
    ("A pharmacist opens a record for somebody who is there with the card", open_at_a_pharmacy),
    ("A campaign opens the records of a thousand people, but for three who object", run_campaign),
    ("The patient closes the record", close_record),
    ("The record is erased, and the receipt verified", erase_record),
)


async def play(story: Story) -> None:
    """Plays all steps on the installation that runs in the story's folder. Raises StoryError and other LocalErrors."""
    story.credentials = await bootstrap(story.layout)
    async with connect(endpoints.read(story.layout)) as dmp:
        story.dmp = dmp
        for number, (title, act) in enumerate(STEPS, 1):
            story.step = title
            story.tell(f"\n{number}. {title}")
            try:
                async with asyncio.timeout(story.deadline_s):
                    await act(story)
            except TimeoutError:
                raise StoryError(
                    f"step {number} ({title}) did not succeed within {story.deadline_s:.0f} s: "
                    f"look with `dmp status` and into {story.layout.logs}"
                ) from None
