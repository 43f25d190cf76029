"""The door of HL7 v2 messages, as quarantine needs it: what it keeps, corrects and sends again."""

from services.records.hl7v2.context import Hl7v2Context
from services.records.hl7v2.domain.envelopes import corrected_message, fields_of_message, persons_of_message
from services.records.hl7v2.domain.faults import MessageRefusedError, cause_of_refusal
from services.records.hl7v2.domain.form import check_form, kind_of
from services.records.hl7v2.usecases.receive_message import act
from services.records.quarantine.context import QuarantineDoor
from services.records.quarantine.domain.corrections import PATIENT_FIELDS
from services.records.quarantine.domain.requests import RefusedRequest
from shared.db.pool import transaction
from shared.errors import UncheckableError
from shared.hl7v2.acknowledgement import Outcome
from shared.hl7v2.message import Message
from shared.http.tokens import Caller


def hl7v2_door(context: Hl7v2Context) -> QuarantineDoor:
    """Returns the door of HL7 v2 messages, as quarantine needs it."""

    async def resend(caller: Caller, request: RefusedRequest) -> None:
        message = Message.of(request.body)
        try:
            kind = kind_of(message, context.rules.processing_ids)
            check_form(message, kind)
            effect = await act(context, caller, kind, message, request.body)
            if effect is not None:
                async with transaction(context.read.pool) as connection:
                    await effect(connection)
        except MessageRefusedError as error:
            if error.fault.outcome is Outcome.REJECTED:
                raise UncheckableError from error
            raise

    return QuarantineDoor(
        fields=PATIENT_FIELDS,
        cause_of=cause_of_refusal,
        persons_of=persons_of_message,
        stated_fields=fields_of_message,
        corrected=corrected_message,
        resend=resend,
    )
