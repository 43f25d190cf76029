"""The history as a CDA document of the CI-SIS model CNAM-HR 2021.01 (Historique des remboursements, ANS)."""
