"""The commands of `dmp` in the groups of its help; each names the module that is imported when it is run."""

from dataclasses import dataclass

_MACHINE, _RECORD, _DOCUMENTS = "This machine", "A record and its life", "Documents and accesses"
_CHOICES, _PEOPLE, _SOFTWARE = "A patient's choices", "A patient's people and account", "Hospitals and their software"
_PROFESSIONAL, _PROGRAMME, _OPERATOR = "Professionals", "The programme: administrators", "Operators"


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands: its name, its module in `deploy.local.cli`, its group and line in the help."""

    name: str
    module: str
    panel: str
    summary: str


COMMANDS = (
    Command("up", "installation", _MACHINE, "Start everything and stay in the foreground."),
    Command("down", "installation", _MACHINE, "End what `dmp up` has started."),
    Command("status", "status", _MACHINE, "Show every process, dead letters and stopped consumers."),
    Command("demo", "commands.demo", _MACHINE, "Play the main job from start to end, and tell it."),
    Command("bootstrap", "commands.clients", _MACHINE, "Register the first clients and invented people."),
    Command("mails", "commands.mails", _MACHINE, "List the mails, SMS and letters that this machine caught."),
    Command("open", "commands.records", _RECORD, "Open a record."),
    Command("open-online", "commands.openings", _RECORD, "Open a record as the person does it, online."),
    Command("open-assisted", "commands.openings", _RECORD, "Open a record with a professional's help."),
    Command("open-represented", "commands.openings", _RECORD, "Open a represented person's record."),
    Command("record", "commands.lifecycle", _RECORD, "Show whether a record is open, and in force."),
    Command("close", "commands.lifecycle", _RECORD, "Close a record, as its patient."),
    Command("reopen", "commands.lifecycle", _RECORD, "Reopen a closed record, as its patient."),
    Command("death", "commands.lifecycle", _RECORD, "Record the patient's death."),
    Command("object-to-opening", "commands.lifecycle", _RECORD, "Note that a person wants no record."),
    Command("link", "commands.links", _RECORD, "Link two records of one person."),
    Command("unlink", "commands.links", _RECORD, "End the link of two records."),
    Command("erase", "commands.erasures", _RECORD, "Erase a record for ever (GDPR)."),
    Command("verify-receipt", "commands.erasures", _RECORD, "Check the signed receipt of an erasure."),
    Command("certificate", "commands.certificates", _DOCUMENTS, "Get a vaccination certificate."),
    Command("verify-certificate", "commands.certificates", _DOCUMENTS, "Check a vaccination certificate."),
    Command("rubrics", "commands.rubrics", _DOCUMENTS, "Show the eight rubrics of a record, and what is new."),
    Command("facts", "commands.facts", _DOCUMENTS, "List what structured documents say in codes."),
    Command("results", "commands.results", _DOCUMENTS, "Results over time: all analyses, or one of them."),
    Command("summary", "commands.summary", _DOCUMENTS, "Show the summary sheet of a record."),
    Command("documents", "commands.reading", _DOCUMENTS, "List the documents that a caller may see."),
    Command("get", "commands.reading", _DOCUMENTS, "Read a document."),
    Command("add", "commands.own", _DOCUMENTS, "Add a patient's own document."),
    Command("statements", "commands.statements", _DOCUMENTS, "What a patient states: profile, wishes, directives."),
    Command("measures", "commands.measures", _DOCUMENTS, "A patient's measures: add, list, correct, delete."),
    Command("personal-space", "commands.statements", _DOCUMENTS, "Show all that a personal space holds."),
    Command("label", "commands.own", _DOCUMENTS, "Mask, archive or delete a document, or revert that."),
    Command("accesses", "commands.reading", _DOCUMENTS, "List who did what with a record, refusals included."),
    Command("export", "commands.exports", _DOCUMENTS, "Take a copy of a whole record and of its list of accesses."),
    Command("verify-export", "commands.exports", _DOCUMENTS, "Check a copy of a record, or a list of accesses."),
    Command("explain", "commands.asking", _DOCUMENTS, "Explain why an access was permitted or refused."),
    Command("my-emergencies", "commands.emergencies", _DOCUMENTS, "List who opened a record in an emergency, and why."),
    Command("directory", "commands.directory", _CHOICES, "Search professionals and structures by name."),
    Command("choices", "commands.choices", _CHOICES, "Show the choices about a record."),
    Command("choices-history", "commands.choices", _CHOICES, "List the changes of the choices and their authors."),
    Command("authorise", "commands.rights", _CHOICES, "Let a professional or a structure read."),
    Command("block", "commands.rights", _CHOICES, "Block a professional or a structure."),
    Command("unblock", "commands.rights", _CHOICES, "End a block."),
    Command("attending-doctor", "commands.rights", _CHOICES, "Name the médecin traitant, or end it."),
    Command("care-team", "commands.rights", _CHOICES, "Object to reading by the presumed care team."),
    Command("object-to-deposits", "commands.rights", _CHOICES, "Object to a structure's deposits."),
    Command("hide-section", "commands.rights", _CHOICES, "Hide a section from professionals."),
    Command("mask-new", "commands.rights", _CHOICES, "Mask new documents from professionals."),
    Command("application", "commands.rights", _CHOICES, "Let an application read sections."),
    Command("emergency", "commands.choices", _CHOICES, "Choose what may be read in an emergency."),
    Command("what-if", "commands.asking", _CHOICES, "Show what a change would do; nothing is changed."),
    Command("alerts", "commands.alerts", _CHOICES, "List the alerts of a record with their state."),
    Command("preferences", "commands.choices", _CHOICES, "Show or choose which mails are sent."),
    Command("representatives", "commands.representatives", _PEOPLE, "Legal representatives: add, list, answer, end."),
    Command("carers", "commands.carers", _PEOPLE, "Carers (aidants): invite, list, end, invitations, answer."),
    Command("acting-for", "commands.representatives", _PEOPLE, "List the records in which a patient may act."),
    Command("people-to-call", "commands.people_to_call", _PEOPLE, "The people to call: show, set."),
    Command("account", "commands.account", _PEOPLE, "A patient's account: activate, sign in, password, codes."),
    Command("devices", "commands.devices", _PEOPLE, "A patient's devices: list, sign out."),
    Command(
        "check-record",
        "commands.professionals",
        _PROFESSIONAL,
        "Ask whether a person has a record, and one may read it.",
    ),
    Command("sign-summary", "commands.sign_summary", _PROFESSIONAL, "Confirm lines of the summary sheet."),
    Command("warnings", "commands.warnings", _PROFESSIONAL, "Compare a prescription with a record."),
    Command("break-glass", "commands.professionals", _PROFESSIONAL, "Read a document in an emergency, with a motive."),
    Command("attest", "commands.professionals", _PROFESSIONAL, "Attest that a patient was informed of the care team."),
    Command("deposit", "commands.deposits", _SOFTWARE, "Deposit documents."),
    Command("ingest", "commands.ingest", _SOFTWARE, "Send files of all kinds: CDA, XDM, FHIR, mails, HL7 v2."),
    Command("clients", "commands.registrations", _SOFTWARE, "Registered software: list, change, keys, deactivate."),
    Command("track", "commands.deposits", _SOFTWARE, "Follow a deposit."),
    Command("deposits", "commands.deposits", _SOFTWARE, "List a client's own deposits."),
    Command("quarantine", "commands.quarantine", _SOFTWARE, "Refused submissions: correct, resend, drop."),
    Command("import", "commands.imports", _PROGRAMME, "Import the register, the directory, reimbursements, medicines."),
    Command("campaign", "commands.campaigns", _PROGRAMME, "Open records for all who do not object."),
    Command("matrix", "commands.matrix", _PROGRAMME, "Versions of the matrix: who may read which document."),
    Command("figures", "commands.figures", _PROGRAMME, "Show the published figures."),
    Command("topics", "commands.topics", _OPERATOR, "Show size, rate, lag and dead letters of every topic."),
    Command("dlt", "commands.dead_letters", _OPERATOR, "Dead letters and parked messages."),
    Command("offsets", "commands.offsets", _OPERATOR, "Stored offsets of consumer groups."),
    Command("lost-deposits", "commands.lost_deposits", _OPERATOR, "List deposits that a failure has lost."),
    Command(
        "failed-acknowledgements",
        "commands.failed_acknowledgements",
        _OPERATOR,
        "List business acknowledgements that no listener took.",
    ),
    Command("emergencies", "commands.emergencies", _OPERATOR, "List a structure's emergency accesses of one week."),
    Command("replay", "commands.replay", _OPERATOR, "Decide again from the facts that the ledger keeps."),
    Command("recover", "commands.recovery", _OPERATOR, "Recover what a restored database lacks."),
    Command("keys", "commands.keys", _OPERATOR, "Keys of the stored rows."),
    Command("correct-telephones", "commands.telephones", _OPERATOR, "Correct stored telephone numbers."),
)
RETIRED = {"why": "explain", "object": "object-to-deposits"}
"""Former names of commands, with their successors."""
