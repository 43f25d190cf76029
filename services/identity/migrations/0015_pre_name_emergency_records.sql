-- The one record that a sign-in in an emergency is for; an id that no record has where the patient has none. Rows of a
-- release before this have none, and their tokens open nothing.
alter table pending_sign_ins add column record_id uuid;
alter table professional_sessions add column record_id uuid;
