"""Conventions of Ruby on Rails that Prevail follows: names of time zones, formats of times, slugs.

Six names of zones are documented; that all names of Rails and IANA names are valid too is inferred.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_BY_ZONE = """
Etc/GMT+12: International Date Line West
Pacific/Midway: Midway Island
Pacific/Pago_Pago: American Samoa
Pacific/Honolulu: Hawaii
America/Juneau: Alaska
America/Los_Angeles: Pacific Time (US & Canada)
America/Vancouver: Pacific Time (Canada)
America/Tijuana: Tijuana
America/Denver: Mountain Time (US & Canada)
America/Edmonton: Alberta
America/Phoenix: Arizona
America/Chihuahua: Chihuahua
America/Mazatlan: Mazatlan
America/Chicago: Central Time (US & Canada)
America/Regina: Saskatchewan
America/Mexico_City: Guadalajara | Mexico City
America/Monterrey: Monterrey
America/Guatemala: Central America
America/New_York: Eastern Time (US & Canada)
America/Indiana/Indianapolis: Indiana (East)
America/Bogota: Bogota
America/Lima: Lima | Quito
America/Halifax: Atlantic Time (Canada)
America/Caracas: Caracas
America/La_Paz: La Paz
America/Santiago: Santiago
America/Asuncion: Asuncion
America/St_Johns: Newfoundland
America/Sao_Paulo: Brasilia
America/Argentina/Buenos_Aires: Buenos Aires
America/Montevideo: Montevideo
America/Guyana: Georgetown
America/Puerto_Rico: Puerto Rico
America/Nuuk: Greenland
Atlantic/South_Georgia: Mid-Atlantic
Atlantic/Azores: Azores
Atlantic/Cape_Verde: Cape Verde Is.
Europe/Dublin: Dublin
Europe/London: Edinburgh | London
Europe/Lisbon: Lisbon
Africa/Casablanca: Casablanca
Africa/Monrovia: Monrovia
Etc/UTC: UTC
Europe/Belgrade: Belgrade
Europe/Bratislava: Bratislava
Europe/Budapest: Budapest
Europe/Ljubljana: Ljubljana
Europe/Prague: Prague
Europe/Sarajevo: Sarajevo
Europe/Skopje: Skopje
Europe/Warsaw: Warsaw
Europe/Zagreb: Zagreb
Europe/Brussels: Brussels
Europe/Copenhagen: Copenhagen
Europe/Madrid: Madrid
Europe/Paris: Paris
Europe/Amsterdam: Amsterdam
Europe/Berlin: Berlin
Europe/Zurich: Bern | Zurich
Europe/Rome: Rome
Europe/Stockholm: Stockholm
Europe/Vienna: Vienna
Africa/Algiers: West Central Africa
Europe/Bucharest: Bucharest
Africa/Cairo: Cairo
Europe/Helsinki: Helsinki
Europe/Kyiv: Kyiv
Europe/Riga: Riga
Europe/Sofia: Sofia
Europe/Tallinn: Tallinn
Europe/Vilnius: Vilnius
Europe/Athens: Athens
Europe/Istanbul: Istanbul
Europe/Minsk: Minsk
Asia/Jerusalem: Jerusalem
Africa/Harare: Harare
Africa/Johannesburg: Pretoria
Europe/Kaliningrad: Kaliningrad
Europe/Moscow: Moscow | St. Petersburg
Europe/Volgograd: Volgograd
Europe/Samara: Samara
Asia/Kuwait: Kuwait
Asia/Riyadh: Riyadh
Africa/Nairobi: Nairobi
Asia/Baghdad: Baghdad
Asia/Tehran: Tehran
Asia/Muscat: Abu Dhabi | Muscat
Asia/Baku: Baku
Asia/Tbilisi: Tbilisi
Asia/Yerevan: Yerevan
Asia/Kabul: Kabul
Asia/Yekaterinburg: Ekaterinburg
Asia/Karachi: Islamabad | Karachi
Asia/Tashkent: Tashkent
Asia/Kolkata: Chennai | Kolkata | Mumbai | New Delhi
Asia/Kathmandu: Kathmandu
Asia/Dhaka: Dhaka
Asia/Colombo: Sri Jayawardenepura
Asia/Almaty: Almaty | Astana
Asia/Novosibirsk: Novosibirsk
Asia/Yangon: Rangoon
Asia/Bangkok: Bangkok | Hanoi
Asia/Jakarta: Jakarta
Asia/Krasnoyarsk: Krasnoyarsk
Asia/Shanghai: Beijing
Asia/Chongqing: Chongqing
Asia/Hong_Kong: Hong Kong
Asia/Urumqi: Urumqi
Asia/Kuala_Lumpur: Kuala Lumpur
Asia/Singapore: Singapore
Asia/Taipei: Taipei
Australia/Perth: Perth
Asia/Irkutsk: Irkutsk
Asia/Ulaanbaatar: Ulaanbaatar
Asia/Seoul: Seoul
Asia/Tokyo: Osaka | Sapporo | Tokyo
Asia/Yakutsk: Yakutsk
Australia/Darwin: Darwin
Australia/Adelaide: Adelaide
Australia/Melbourne: Melbourne
Australia/Canberra: Canberra
Australia/Sydney: Sydney
Australia/Brisbane: Brisbane
Australia/Hobart: Hobart
Asia/Vladivostok: Vladivostok
Pacific/Guam: Guam
Pacific/Port_Moresby: Port Moresby
Asia/Magadan: Magadan
Asia/Srednekolymsk: Srednekolymsk
Pacific/Guadalcanal: Solomon Is.
Pacific/Noumea: New Caledonia
Pacific/Fiji: Fiji
Asia/Kamchatka: Kamchatka
Pacific/Majuro: Marshall Is.
Pacific/Auckland: Auckland | Wellington
Pacific/Tongatapu: Nuku'alofa
Pacific/Fakaofo: Tokelau Is.
Pacific/Chatham: Chatham Is.
Pacific/Apia: Samoa
"""

FRIENDLY = {
    name: iana
    for iana, _, names in (line.partition(": ") for line in _BY_ZONE.split("\n") if line)
    for name in names.split(" | ")
}
"""IANA names by Rails name."""


def zone_of(name: str) -> ZoneInfo:
    """Return the zone with a Rails or IANA name.

    :raises ValueError: there is none.
    """
    try:
        return ZoneInfo(FRIENDLY.get(name, name))
    except (OSError, LookupError, ValueError) as error:  # for a folder, an unknown name, an invalid name
        raise ValueError(f"{name!r} is not a time zone") from error


def parse_start(date: str, time: str, zone: str) -> datetime:
    """Convert a date, a 12-hour time and a zone to UTC.

    As in Ruby on Rails, an ambiguous time is the one in daylight saving time, or else the later one; a time that the
    clocks skip is one hour later.

    :raises ValueError: the zone is unknown, or date or time are invalid.
    """
    hour, minute = int(time[:2]) % 12 + (12 if time.endswith("PM") else 0), int(time[3:5])
    local, tz = datetime.fromisoformat(f"{date} {hour:02}:{minute:02}"), zone_of(zone)
    instants = sorted({local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)})
    existing = [instant.astimezone(tz) for instant in instants]
    existing = [instant for instant in existing if instant.replace(tzinfo=None) == local]
    if not existing:
        later = local + timedelta(hours=1)
        return parse_start(later.date().isoformat(), format_time(later), zone)
    daylight_saving = [instant for instant in existing if instant.dst()]
    return (daylight_saving[0] if len(daylight_saving) == 1 else existing[-1]).astimezone(UTC)


def format_time(local: datetime) -> str:
    """Format a time of day as Prevail does, independent of the locale."""
    return f"{(local.hour - 1) % 12 + 1:02}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"


def format_start(instant: datetime, zone: str) -> dict[str, str]:
    """Return ``start_date``, ``start_time`` and ``time_zone`` of an instant."""
    local = instant.astimezone(zone_of(zone))
    return {"start_date": local.date().isoformat(), "start_time": format_time(local), "time_zone": zone}


_LETTERS = """
'n ŉ | A ÀÁÂÃÄÅĀĂĄ | AE Æ | C ÇĆĈĊČ | D ÐĎĐ | E ÈÉÊËĒĔĖĘĚ | G ĜĞĠĢ | H ĤĦ | I ÌÍÎÏĨĪĬĮİ | IJ Ĳ | J Ĵ | K Ķ
L ĹĻĽĿŁ | N ÑŃŅŇ | NG Ŋ | O ÒÓÔÕÖØŌŎŐǪǬ | OE Œ | R ŔŖŘ | S ŚŜŞŠ | SS ẞ | T ŢŤŦ | Th Þ | U ÙÚÛÜŨŪŬŮŰŲ | W Ŵ
Y ÝŶŸ | Z ŹŻŽ | a àáâãäåāăą | ae æ | c çćĉċč | d ðďđ | e èéêëēĕėęě | g ĝğġģ | h ĥħ | i ìíîïĩīĭį\u0131 | ij ĳ | j ĵ
k ķĸ | l ĺļľŀł | n ñńņň | ng ŋ | o òóôõöøōŏőǫǭ | oe œ | r ŕŗř | s śŝşš | ss ß | t ţťŧ | th þ | u ùúûüũūŭůűų
w ŵ | x \u00d7 | y ýÿŷ | z źżž
"""
"""ASCII replacements of Latin letters, from the i18n library of Ruby on Rails."""
_ASCII = str.maketrans(
    {
        letter: plain
        for plain, letters in (group.split(" ") for group in re.split(r" \| |\n", _LETTERS.strip()))
        for letter in letters
    }
)


def slug_of(text: str) -> str:
    """Make a slug from a text. Documented: spaces become dashes, upper case becomes lower case.

    Inferred: as in Ruby on Rails, letters lose their accents, and each run of characters other than letters, digits,
    dashes and underscores becomes one dash.
    """
    plain = unicodedata.normalize("NFC", text).translate(_ASCII).lower()
    return re.sub(r"-{2,}", "-", re.sub(r"[^a-z0-9_-]+", "-", plain)).strip("-")
