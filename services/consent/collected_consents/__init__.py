"""What structures collected from the person (HL7 v2, segment ZFA): judged against the person's own choices."""
