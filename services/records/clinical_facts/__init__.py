"""Clinical facts read out of structured documents (CDA R2 level 3): results, problems, treatments, allergies ...

The room `facts` holds the facts on which access decisions rest; these here are medical content.
"""
