"""The sheet as a CDA document of the CI-SIS model IPS-FR 2024.01 (Synthèse médicale, ANS), type LOINC 60591-5."""
