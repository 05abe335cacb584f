"""Time zones as Prevail's API names them, and times as it writes them.

The API takes friendly names (``Pacific Time (US & Canada)``), a date and a 12-hour time. Source: Prevail API, Schedule
Sessions (documented for six names). That the rest are the names of Ruby on Rails, and that an IANA name is accepted
where no friendly one is known, is inferred.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_sessions.errors import MalformedAnswerError
from airflow_provider_sessions.model.values import zone

_FRIENDLY = {
    "International Date Line West": "Etc/GMT+12",
    "Midway Island": "Pacific/Midway",
    "American Samoa": "Pacific/Pago_Pago",
    "Hawaii": "Pacific/Honolulu",
    "Alaska": "America/Juneau",
    "Pacific Time (US & Canada)": "America/Los_Angeles",
    "Tijuana": "America/Tijuana",
    "Mountain Time (US & Canada)": "America/Denver",
    "Arizona": "America/Phoenix",
    "Mazatlan": "America/Mazatlan",
    "Chihuahua": "America/Chihuahua",
    "Central Time (US & Canada)": "America/Chicago",
    "Saskatchewan": "America/Regina",
    "Mexico City": "America/Mexico_City",
    "Monterrey": "America/Monterrey",
    "Central America": "America/Guatemala",
    "Eastern Time (US & Canada)": "America/New_York",
    "Indiana (East)": "America/Indiana/Indianapolis",
    "Bogota": "America/Bogota",
    "Lima": "America/Lima",
    "Atlantic Time (Canada)": "America/Halifax",
    "Caracas": "America/Caracas",
    "La Paz": "America/La_Paz",
    "Santiago": "America/Santiago",
    "Newfoundland": "America/St_Johns",
    "Brasilia": "America/Sao_Paulo",
    "Buenos Aires": "America/Argentina/Buenos_Aires",
    "Montevideo": "America/Montevideo",
    "Georgetown": "America/Guyana",
    "Puerto Rico": "America/Puerto_Rico",
    "Greenland": "America/Godthab",
    "Mid-Atlantic": "Atlantic/South_Georgia",
    "Azores": "Atlantic/Azores",
    "Cape Verde Is.": "Atlantic/Cape_Verde",
    "Dublin": "Europe/Dublin",
    "London": "Europe/London",
    "Lisbon": "Europe/Lisbon",
    "Casablanca": "Africa/Casablanca",
    "Monrovia": "Africa/Monrovia",
    "UTC": "Etc/UTC",
    "Belgrade": "Europe/Belgrade",
    "Bratislava": "Europe/Bratislava",
    "Budapest": "Europe/Budapest",
    "Ljubljana": "Europe/Ljubljana",
    "Prague": "Europe/Prague",
    "Sarajevo": "Europe/Sarajevo",
    "Skopje": "Europe/Skopje",
    "Warsaw": "Europe/Warsaw",
    "Zagreb": "Europe/Zagreb",
    "Brussels": "Europe/Brussels",
    "Copenhagen": "Europe/Copenhagen",
    "Madrid": "Europe/Madrid",
    "Paris": "Europe/Paris",
    "Amsterdam": "Europe/Amsterdam",
    "Berlin": "Europe/Berlin",
    "Zurich": "Europe/Zurich",
    "Rome": "Europe/Rome",
    "Stockholm": "Europe/Stockholm",
    "Vienna": "Europe/Vienna",
    "West Central Africa": "Africa/Algiers",
    "Bucharest": "Europe/Bucharest",
    "Cairo": "Africa/Cairo",
    "Helsinki": "Europe/Helsinki",
    "Kyiv": "Europe/Kiev",
    "Riga": "Europe/Riga",
    "Sofia": "Europe/Sofia",
    "Tallinn": "Europe/Tallinn",
    "Vilnius": "Europe/Vilnius",
    "Athens": "Europe/Athens",
    "Istanbul": "Europe/Istanbul",
    "Minsk": "Europe/Minsk",
    "Jerusalem": "Asia/Jerusalem",
    "Harare": "Africa/Harare",
    "Pretoria": "Africa/Johannesburg",
    "Kaliningrad": "Europe/Kaliningrad",
    "Moscow": "Europe/Moscow",
    "Volgograd": "Europe/Volgograd",
    "Samara": "Europe/Samara",
    "Kuwait": "Asia/Kuwait",
    "Riyadh": "Asia/Riyadh",
    "Nairobi": "Africa/Nairobi",
    "Baghdad": "Asia/Baghdad",
    "Tehran": "Asia/Tehran",
    "Abu Dhabi": "Asia/Muscat",
    "Baku": "Asia/Baku",
    "Tbilisi": "Asia/Tbilisi",
    "Yerevan": "Asia/Yerevan",
    "Kabul": "Asia/Kabul",
    "Ekaterinburg": "Asia/Yekaterinburg",
    "Karachi": "Asia/Karachi",
    "Tashkent": "Asia/Tashkent",
    "Chennai": "Asia/Kolkata",
    "Kathmandu": "Asia/Kathmandu",
    "Dhaka": "Asia/Dhaka",
    "Sri Jayawardenepura": "Asia/Colombo",
    "Almaty": "Asia/Almaty",
    "Novosibirsk": "Asia/Novosibirsk",
    "Rangoon": "Asia/Rangoon",
    "Bangkok": "Asia/Bangkok",
    "Jakarta": "Asia/Jakarta",
    "Krasnoyarsk": "Asia/Krasnoyarsk",
    "Beijing": "Asia/Shanghai",
    "Chongqing": "Asia/Chongqing",
    "Hong Kong": "Asia/Hong_Kong",
    "Urumqi": "Asia/Urumqi",
    "Kuala Lumpur": "Asia/Kuala_Lumpur",
    "Singapore": "Asia/Singapore",
    "Taipei": "Asia/Taipei",
    "Perth": "Australia/Perth",
    "Irkutsk": "Asia/Irkutsk",
    "Ulaanbaatar": "Asia/Ulaanbaatar",
    "Seoul": "Asia/Seoul",
    "Tokyo": "Asia/Tokyo",
    "Yakutsk": "Asia/Yakutsk",
    "Darwin": "Australia/Darwin",
    "Adelaide": "Australia/Adelaide",
    "Canberra": "Australia/Canberra",
    "Melbourne": "Australia/Melbourne",
    "Sydney": "Australia/Sydney",
    "Brisbane": "Australia/Brisbane",
    "Hobart": "Australia/Hobart",
    "Vladivostok": "Asia/Vladivostok",
    "Guam": "Pacific/Guam",
    "Port Moresby": "Pacific/Port_Moresby",
    "Magadan": "Asia/Magadan",
    "Srednekolymsk": "Asia/Srednekolymsk",
    "Solomon Is.": "Pacific/Guadalcanal",
    "New Caledonia": "Pacific/Noumea",
    "Fiji": "Pacific/Fiji",
    "Kamchatka": "Asia/Kamchatka",
    "Marshall Is.": "Pacific/Majuro",
    "Auckland": "Pacific/Auckland",
    "Tokelau Is.": "Pacific/Fakaofo",
    "Chatham Is.": "Pacific/Chatham",
    "Samoa": "Pacific/Apia",
}
_ALSO = {
    "Guadalajara": "America/Mexico_City",
    "Quito": "America/Lima",
    "Asuncion": "America/Asuncion",
    "Edinburgh": "Europe/London",
    "Bern": "Europe/Zurich",
    "St. Petersburg": "Europe/Moscow",
    "Muscat": "Asia/Muscat",
    "Islamabad": "Asia/Karachi",
    "Kolkata": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "New Delhi": "Asia/Kolkata",
    "Astana": "Asia/Dhaka",
    "Hanoi": "Asia/Bangkok",
    "Osaka": "Asia/Tokyo",
    "Sapporo": "Asia/Tokyo",
    "Wellington": "Pacific/Auckland",
    "Nuku'alofa": "Pacific/Tongatapu",
}
"""Further friendly names, most of zones that have one above: people choose them in the platform's own pages."""
_SAME_ZONE = {
    "UTC": "UTC",
    "Etc/GMT": "UTC",
    "GMT": "UTC",
    "US/Eastern": "Eastern Time (US & Canada)",
    "US/Central": "Central Time (US & Canada)",
    "US/Mountain": "Mountain Time (US & Canada)",
    "US/Pacific": "Pacific Time (US & Canada)",
    "US/Alaska": "Alaska",
    "America/Anchorage": "Alaska",
    "US/Hawaii": "Hawaii",
    "US/Arizona": "Arizona",
    "Asia/Calcutta": "Chennai",
    "Europe/Kyiv": "Kyiv",
}
"""IANA names of zones whose friendly name stands for another IANA name of the same zone."""
_BY_IANA = {iana: friendly for friendly, iana in _FRIENDLY.items()} | _SAME_ZONE


def friendly_name(iana: str) -> str:
    """The API's name of a zone; the IANA name itself where there is none."""
    return _BY_IANA.get(iana, iana)


def iana_name(name: str) -> str:
    """The IANA name of a zone that the API named, friendly or IANA."""
    return _FRIENDLY.get(name) or _ALSO.get(name, name)


def write_time(instant: datetime, iana: str) -> dict[str, str]:
    """``start_date``, ``start_time`` and ``time_zone`` of an instant: the API wants all three or none.

    The API knows whole minutes; seconds are cut off.
    """
    local = instant.astimezone(zone(iana))
    return {
        "start_date": local.strftime("%Y-%m-%d"),
        "start_time": local.strftime("%I:%M %p"),
        "time_zone": friendly_name(iana),
    }


def read_time(date: str | None, time: str | None, time_zone: str | None) -> datetime | None:
    """The UTC instant of the API's three fields; None where date or time is missing.

    :raises MalformedAnswerError: they cannot be read, or the zone is unknown.
    """
    if not date or not time:
        return None
    try:
        there = zone(iana_name(time_zone or "UTC"))
        local = datetime.strptime(f"{date} {time.strip().upper()}", "%Y-%m-%d %I:%M %p").replace(tzinfo=there)
        return local.astimezone(UTC)
    except ValueError as unreadable:
        raise MalformedAnswerError(f"prevail gave a start that cannot be read: {unreadable}") from None


def hours(seconds: float) -> float:
    """``estimated_duration`` of a duration. Unit hours: inferred."""
    return round(seconds / 3600, 4)


def end_of(start: datetime | None, estimated_hours: float | None) -> datetime | None:
    """The planned end.

    :raises MalformedAnswerError: the duration is negative, or leads out of the calendar.
    """
    if start is None or estimated_hours is None:
        return None
    try:
        end = start + timedelta(hours=estimated_hours)
    except (OverflowError, ValueError):
        end = None
    if end is None or end < start:
        raise MalformedAnswerError(f"prevail gave an estimated_duration of {estimated_hours} hours: that is none")
    return end
