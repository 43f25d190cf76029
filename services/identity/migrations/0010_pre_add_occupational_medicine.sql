-- `sector`: of activity (TRE_R02), where the directory was told it. `never`: what the tokens of a session say of a
-- professional who has no access but by express consent.
alter table structures add column sector text;
alter table professional_sessions add column never text;
