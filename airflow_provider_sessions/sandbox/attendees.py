"""The people of a session: who joins, when and with which device. Made up, and the same for the same seed.

They are as untidy as real attendance. Every session with eight or more people has somebody who loses the connection
and returns, somebody on two devices at once, somebody whose leaving went unnoticed, two different people with the same
name, and a guest without an e-mail address.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from uuid import UUID

from airflow_provider_sessions.sandbox.identifiers import IdGenerator, seeded_random

POPULATION_SIZE = 160
VISITOR_KINDS = 8
"""A session with this many people has every kind of visitor."""
DEVICES = ("Chrome on Windows", "Safari on macOS", "Firefox on Linux", "iPhone", "Android phone")

GIVEN = (
    "Amara Anneliese Arjun Beatriz Bilal Camille Chidi Daiyu Dorothea Elif Emeka Farah Fiona Gustavo Hanna Henrik Ines "
    "Isabel Jamal Jiho Kaito Katarzyna Lamar Leilani Linnea Lucía Mahmoud Malik Marisol Mateo Mina Nadia Naveen Noor "
    "Olivier Oluwaseun Paloma Priya Quentin Rafael Renata Rosalind Ruben Saoirse Sergei Shanice Sigrid Tariq Thandiwe "
    "Tomasz Ulrike Valentina Wanda Wei Ximena Yara Yusuf Zofia Zoë"
).split()

FAMILY = (
    "Abernathy Adeyemi Bakker Banerjee Bergström Castellanos Chaudhry Delacroix Eriksen Fairweather Fitzgerald "
    "Gallagher García Hashimoto Hoffmann Ibrahim Iyer Jankowski Kaplan Kowalczyk Lindqvist Llewellyn MacAllister "
    "Marchetti Mbeki Moreau Müller Nakamura Novák Obi O'Connor Okafor Oyelaran Park Petrov Quiroga Rahman Rasmussen "
    "Rossi Sandoval Schneider Sørensen Tanaka Thibodeaux Ueda Vandenberg Villanueva Walczak Whitfield Yamamoto Zhao "
    "Zielińska"
).split()

COMPANIES = ("northwind.example", "halcyon-law.example", "brightwater.example", "example.com", "example.org")

NICKNAMES = (
    "Guest",
    "iPhone de Lucía",
    "+1 555 0134",
    "-= Tomek =-",
    "@frontdesk",
    'Lee, Grace "GG"',
    "Conference Room 4B",
    "J.",
)
"""Names that guests enter, some of them awkward in a spreadsheet."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account, or a guest (who has no account and no known e-mail address)."""

    id: str
    name: str
    email: str | None
    member_since: datetime | None

    @property
    def is_guest(self) -> bool:
        """Whether the person has no account."""
        return self.email is None


@dataclass(frozen=True)
class PlannedPresence:
    """A connection that a person will make; times are offsets in seconds from the session's start.

    :param left: None: the person stays to the end.
    :param clean: False: the platform does not notice that the person leaves, only that the device is no longer seen.
    """

    person: Person
    device: str
    joined: float
    left: float | None
    clean: bool = True


@dataclass(frozen=True)
class Presence:
    """A connection that a person has made. ``left_at`` is None while it lasts, and if leaving went unnoticed."""

    person: Person
    device: str
    joined_at: datetime
    left_at: datetime | None
    last_seen_at: datetime

    @property
    def seconds(self) -> float:
        """How long the device was connected, as far as the platform knows."""
        return (self.last_seen_at - self.joined_at).total_seconds()


def make_email(name: str, company: str, number: int = 0) -> str:
    """Make an address from a name: plain ASCII, with dots between the words."""
    plain = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("'", "")).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}{number or ''}@{company}"


@lru_cache(maxsize=16)
def _choose_accounts(seed: int, scope: str) -> list[tuple[str, str, str, int]]:
    """Choose id, name, e-mail address and age in days of all people with an account; the same for each sandbox."""
    rng = seeded_random(f"{seed}:population")
    ids = IdGenerator(seed, scope)
    pairs = [f"{given} {family}" for given in GIVEN for family in FAMILY]
    chosen = rng.sample(pairs, POPULATION_SIZE - 1)
    return [
        (
            ids.new("person"),
            name,
            make_email(name, COMPANIES[number % len(COMPANIES)], number if number < 2 else 0),
            rng.randint(30, 900),
        )
        for number, name in enumerate([chosen[0], *chosen])
    ]


class Population:
    """All people with an account. The first two have the same name.

    :param scope: the platform: each gives people ids of its own.
    :param since: all accounts are older than this.
    """

    def __init__(self, seed: int, scope: str, since: datetime) -> None:
        self.people = [
            Person(person_id, name, email, since - timedelta(days=days))
            for person_id, name, email, days in _choose_accounts(seed, scope)
        ]
        self.by_id = {person.id: person for person in self.people}

    @property
    def namesakes(self) -> tuple[Person, Person]:
        """Two different people with the same name."""
        return self.people[0], self.people[1]


def plan_presences(
    key: str, population: Population, host: Person, size: int, late: int, length: float
) -> list[PlannedPresence]:
    """Plan who will connect and when, in the order of joining.

    :param key: seed of the choice.
    :param size: people besides the host.
    :param late: additional people whom the platform learns of later; they do not change the others.
    :param length: seconds the session is expected to last; it may turn out shorter or longer.
    """
    plans = [PlannedPresence(host, DEVICES[1], 0.0, None)]
    for number, person in enumerate(_choose_people(key, population, size, late)):
        plans.extend(_plan_visits(seeded_random(f"{key}:{number}"), number, person, length))
    return sorted(plans, key=lambda plan: plan.joined)


def _choose_people(key: str, population: Population, size: int, late: int) -> Iterator[Person]:
    """Yield the two namesakes first, if there are enough people for all kinds; every fourth person is a guest."""
    rng = seeded_random(f"{key}:people")
    regulars = rng.sample(population.people[2:], len(population.people) - 2)
    if size >= VISITOR_KINDS:
        regulars[:0] = population.namesakes
    for number in range(size + late):
        known = regulars[number] if number < len(regulars) else None
        if known is None or number % 4 == 3:
            yield _make_guest(rng, known)
        else:
            yield known


def _make_guest(rng: Random, known: Person | None) -> Person:
    """Make a guest, who has entered a first name or a nickname."""
    nickname = known.name.split()[0] if known and rng.random() < 0.5 else rng.choice(NICKNAMES)
    return Person(str(UUID(int=rng.getrandbits(128), version=4)), nickname, None, None)


def _plan_visits(rng: Random, number: int, person: Person, length: float) -> Iterator[PlannedPresence]:
    """Plan the connections of one person; the person's number decides which kind of visitor this is."""
    device = rng.choice(DEVICES[:3])
    joined = round(length * rng.uniform(0.001, 0.12), 3)
    kind = number % VISITOR_KINDS
    if kind == 2:  # loses the connection and returns
        lost, back = joined + length * rng.uniform(0.2, 0.3), joined + length * rng.uniform(0.35, 0.45)
        yield PlannedPresence(person, device, joined, round(lost, 3))
        yield PlannedPresence(person, device, round(back, 3), None)
    elif kind == 4:  # joins by telephone too while the computer stays connected
        yield PlannedPresence(person, device, joined, None)
        yield PlannedPresence(person, DEVICES[3], round(length * 0.2, 3), round(length * 0.6, 3))
    elif kind == 5:  # closes a laptop's lid, which the platform does not notice
        yield PlannedPresence(person, device, joined, round(length * rng.uniform(0.4, 0.8), 3), clean=False)
    elif kind == 6:  # leaves early
        yield PlannedPresence(person, device, joined, round(joined + length * rng.uniform(0.1, 0.5), 3))
    else:
        yield PlannedPresence(person, device, joined, None)


def presences_at(plans: list[PlannedPresence], start: datetime, end: datetime | None, now: datetime) -> list[Presence]:
    """Return what has happened of the plans by ``now``, in a session that began at ``start`` and ended at ``end``."""
    limit = min(now, end) if end else now
    return [_presence(plan, start, end, limit) for plan in plans if start + timedelta(seconds=plan.joined) < limit]


def _presence(plan: PlannedPresence, start: datetime, end: datetime | None, limit: datetime) -> Presence:
    joined_at = start + timedelta(seconds=plan.joined)
    leaves_at = start + timedelta(seconds=plan.left) if plan.left is not None else None
    if leaves_at and leaves_at <= limit:
        return Presence(plan.person, plan.device, joined_at, leaves_at if plan.clean else None, leaves_at)
    has_ended = end is not None and limit == end
    return Presence(plan.person, plan.device, joined_at, end if has_ended else None, limit)


def count_present(presences: list[Presence], now: datetime) -> int:
    """Return how many people are connected at ``now``."""
    return len({p.person.id for p in presences if p.left_at is None and p.last_seen_at >= now})


def count_peak(presences: list[Presence]) -> int:
    """Return the largest number of people that were connected at the same time."""
    joins = [(p.joined_at, 1, p.person.id) for p in presences]
    leaves = [(p.last_seen_at, 0, p.person.id) for p in presences]
    connections: dict[str, int] = {}
    most = 0
    for _, joins_now, person in sorted(joins + leaves):
        connections[person] = connections.get(person, 0) + (1 if joins_now else -1)
        if not connections[person]:
            del connections[person]
        most = max(most, len(connections))
    return most
