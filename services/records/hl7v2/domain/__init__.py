"""The rules of the messages of the CI-SIS volet \"Transmission d'un document CDA-R2 en HL7v2\"; pure."""
