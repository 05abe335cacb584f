"""An export into the tables of a database, through SQLAlchemy Core.

Each session's rows are replaced in one transaction together with what the ledger says of them, so that a crash at any
moment leaves all or nothing, and of two runs that meet one waits for the other.
"""
