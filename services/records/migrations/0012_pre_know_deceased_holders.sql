-- A record may be closed because its holder has died: then nobody reads any more.
-- The rule that replaces it permits more.
-- squawk-ignore ban-drop-constraint
alter table records drop constraint records_status_check;
alter table records add constraint records_status_check check (status in ('open', 'closed', 'deceased')) not valid;
