"""Export to the tables of a database, through SQLAlchemy Core.

The rows of a session are replaced in one transaction together with its ledger entries. So a crash at any moment leaves
all or nothing, and of two runs with the same session one waits for the other.
"""
