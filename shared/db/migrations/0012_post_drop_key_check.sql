-- The version before this one noted the hash here; `key_checks` has it now.
-- squawk-ignore ban-drop-column
alter table key_uses drop column key_check;
