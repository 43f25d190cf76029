-- Emergencies are told by every channel, each with an alert of its own; a follow-up waits for the end of the session.
-- Each check gives way to a wider one.
alter table alerts add column channel text not null default 'mail';
alter table alerts add constraint alerts_channel_check check (channel in ('mail', 'sms')) not valid;
-- squawk-ignore ban-drop-constraint
alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check
  check (kind in ('document', 'consultation', 'emergency', 'emergency-follow-up')) not valid;

-- Who may know of a document changes with its labels: a later word replaces an earlier one, and stays to be the later
-- one when everybody may know again. Rows from before are of no known time: any word is later.
alter table restricted_documents add column as_of timestamptz;
-- squawk-ignore ban-drop-constraint
alter table restricted_documents drop constraint restricted_documents_audience_check;
alter table restricted_documents add constraint restricted_documents_audience_check
  check (audience in ('everybody', 'holder', 'nobody')) not valid;
