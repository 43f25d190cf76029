-- A record's history of reimbursements is filled for the first time. The rules that replace these permit more.
-- squawk-ignore ban-drop-constraint
alter table alerts drop constraint alerts_kind_check;
alter table alerts add constraint alerts_kind_check
  check (kind in ('document', 'consultation', 'emergency', 'emergency-follow-up', 'history')) not valid;
-- squawk-ignore ban-drop-constraint
alter table alert_windows drop constraint alert_windows_kind_check;
alter table alert_windows add constraint alert_windows_kind_check
  check (kind in ('document', 'consultation', 'history')) not valid;
