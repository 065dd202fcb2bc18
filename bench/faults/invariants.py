"""What holds of contacts whatever was called: the rules of who is who, each as a count of what breaks it."""

from collections.abc import Set
from contextlib import closing

from .command import Bar
from .stored import connect

# By what is wrong, the query that counts it. Who shares a contact by a claim may leave it to whoever claims it next.
INVARIANTS = {
    "identifiers of two contacts": """
        SELECT count(*) FROM (SELECT 1 FROM inquirly_contacts_contact WHERE identifier IS NOT NULL
            GROUP BY account_id, identifier HAVING count(*) > 1) AS twice""",
    "claims shared by two contacts": """
        SELECT count(*) FROM (SELECT 1 FROM inquirly_contacts_contact WHERE claim_shared
            GROUP BY account_id, claimed_identifier HAVING count(*) > 1) AS twice""",
    "verified contacts found by a claim": """
        SELECT count(*) FROM inquirly_contacts_contact
            WHERE identifier IS NOT NULL AND (claim_shared OR claimed_identifier <> '')""",
    "contacts changed by somebody else": """
        SELECT count(*) FROM inquirly_contacts_contact WHERE name <> coalesce(identifier, '')""",
    "contacts without a session": """
        SELECT count(*) FROM inquirly_contacts_contact AS c
            WHERE NOT claim_shared
            AND NOT EXISTS (SELECT 1 FROM inquirly_contacts_contactinbox AS s WHERE s.contact_id = c.id)""",
    "signed sessions of nobody": """
        SELECT count(*) FROM inquirly_contacts_contactinbox AS s JOIN inquirly_contacts_contact AS c
            ON c.id = s.contact_id WHERE s.hmac_verified AND c.identifier IS NULL""",
}
MERGES = "SELECT count(*) FROM inquirly_contacts_contactmerge"
SESSIONS = "SELECT source_id FROM inquirly_contacts_contactinbox"


def broken(url: str, ended: Set[str] = frozenset(), merges: int = 0) -> list[Bar]:
    """Return how often each rule is broken in the database at ``url``.

    ``ended`` are the sessions that sign-ins have replaced, ``merges`` is how many staff have made.
    """
    with closing(connect(url)) as connection:
        found = ended & {source_id for (source_id,) in connection.execute(SESSIONS)}
        return [
            Bar("ended sessions that are found", len(found), "=", 0),
            Bar("records of merges", connection.execute(MERGES).fetchone()[0], "=", merges),
            *(Bar(name, connection.execute(query).fetchone()[0], "=", 0) for name, query in INVARIANTS.items()),
        ]
