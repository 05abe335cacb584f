"""The words that made-up people and sessions are made of."""

from __future__ import annotations

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
"""What people without an account type as their name, some of it awkward for a spreadsheet."""

TITLES = (
    "Product update for customers",
    "Onboarding: first steps",
    "Security review, open questions",
    "Partner enablement session",
    "Release walkthrough",
    "Quarterly results, explained",
    "Compliance training",
    "Ask the engineers",
    "Data platform office hours",
    "Customer story: Brightwater",
)
