"""Friendly names of time zones from Ruby on Rails, and their IANA names.

Source: ``ActiveSupport::TimeZone::MAPPING`` of Rails 7.0 to main, read in 2026; which zones have the same clock: the
IANA time zone database 2026f. Names that are new in Rails (Astana, Alberta, Pacific Time (Canada)) are parsed, but
never sent: an older Rails has another zone for them, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_TABLE: Final = """
International Date Line West: Etc/GMT+12
Midway Island: Pacific/Midway
American Samoa: Pacific/Pago_Pago Pacific/Niue Pacific/Samoa US/Samoa
Hawaii: Pacific/Honolulu HST Pacific/Johnston Pacific/Rarotonga Pacific/Tahiti US/Hawaii
Alaska: America/Juneau America/Anchorage America/Metlakatla America/Nome America/Sitka America/Yakutat US/Alaska
Pacific Time (US & Canada): America/Los_Angeles PST8PDT US/Pacific
Tijuana: America/Tijuana America/Ensenada America/Santa_Isabel Mexico/BajaNorte
Mountain Time (US & Canada): America/Denver America/Boise America/Cambridge_Bay America/Ciudad_Juarez America/Shiprock
    MST7MDT Navajo US/Mountain
Arizona: America/Phoenix America/Creston America/Dawson America/Dawson_Creek America/Fort_Nelson America/Whitehorse
    Canada/Yukon MST US/Arizona
Chihuahua: America/Chihuahua
Mazatlan: America/Mazatlan America/Hermosillo Mexico/BajaSur
Central Time (US & Canada): America/Chicago America/Indiana/Knox America/Indiana/Tell_City America/Knox_IN
    America/Matamoros America/Menominee America/North_Dakota/Beulah America/North_Dakota/Center
    America/North_Dakota/New_Salem America/Ojinaga America/Rankin_Inlet America/Resolute CST6CDT US/Central
    US/Indiana-Starke
Saskatchewan: America/Regina America/Inuvik America/Swift_Current Canada/Saskatchewan
Mexico City: America/Mexico_City America/Bahia_Banderas America/Merida Mexico/General
Monterrey: America/Monterrey
Central America: America/Guatemala America/Belize America/Costa_Rica America/El_Salvador America/Managua
    America/Tegucigalpa Pacific/Galapagos
Eastern Time (US & Canada): America/New_York America/Detroit America/Grand_Turk America/Iqaluit
    America/Kentucky/Louisville America/Kentucky/Monticello America/Louisville America/Montreal America/Nassau
    America/Nipigon America/Pangnirtung America/Port-au-Prince America/Thunder_Bay America/Toronto Canada/Eastern
    EST5EDT US/Eastern US/Michigan
Indiana (East): America/Indiana/Indianapolis America/Fort_Wayne America/Indiana/Marengo America/Indiana/Petersburg
    America/Indiana/Vevay America/Indiana/Vincennes America/Indiana/Winamac America/Indianapolis US/East-Indiana
Bogota: America/Bogota America/Atikokan America/Cancun America/Cayman America/Coral_Harbour America/Guayaquil
    America/Jamaica America/Panama America/Rainy_River America/Winnipeg Canada/Central EST Jamaica
Lima: America/Lima America/Eirunepe America/Porto_Acre America/Rio_Branco Brazil/Acre
Atlantic Time (Canada): America/Halifax America/Glace_Bay America/Goose_Bay America/Moncton America/Thule
    Atlantic/Bermuda Canada/Atlantic
Caracas: America/Caracas
La Paz: America/La_Paz America/Campo_Grande America/Cuiaba America/Porto_Velho
Santiago: America/Santiago Chile/Continental
Asuncion: America/Asuncion
Newfoundland: America/St_Johns Canada/Newfoundland
Brasilia: America/Sao_Paulo America/Araguaina America/Bahia America/Belem America/Cayenne America/Fortaleza
    America/Maceio America/Paramaribo America/Recife America/Santarem Brazil/East
Buenos Aires: America/Argentina/Buenos_Aires America/Argentina/Catamarca America/Argentina/ComodRivadavia
    America/Argentina/Cordoba America/Argentina/Jujuy America/Argentina/La_Rioja America/Argentina/Mendoza
    America/Argentina/Rio_Gallegos America/Argentina/Salta America/Argentina/San_Juan America/Argentina/San_Luis
    America/Argentina/Tucuman America/Argentina/Ushuaia America/Buenos_Aires America/Catamarca America/Cordoba
    America/Coyhaique America/Jujuy America/Mendoza America/Punta_Arenas America/Rosario
Montevideo: America/Montevideo Antarctica/Palmer Antarctica/Rothera Atlantic/Stanley
Georgetown: America/Guyana America/Barbados America/Boa_Vista America/Manaus Brazil/West
Puerto Rico: America/Puerto_Rico America/Anguilla America/Antigua America/Aruba America/Blanc-Sablon America/Curacao
    America/Dominica America/Grenada America/Guadeloupe America/Kralendijk America/Lower_Princes America/Marigot
    America/Martinique America/Montserrat America/Port_of_Spain America/Santo_Domingo America/St_Barthelemy
    America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent America/Tortola America/Virgin
Greenland: America/Nuuk America/Godthab America/Scoresbysund
Mid-Atlantic: Atlantic/South_Georgia America/Noronha Brazil/DeNoronha
Azores: Atlantic/Azores
Cape Verde Is.: Atlantic/Cape_Verde
Dublin: Europe/Dublin Atlantic/Faeroe Atlantic/Faroe Eire
Lisbon: Europe/Lisbon Atlantic/Canary Atlantic/Madeira Portugal WET
London: Europe/London Europe/Belfast Europe/Guernsey Europe/Isle_of_Man Europe/Jersey GB GB-Eire
Casablanca: Africa/Casablanca Africa/El_Aaiun
Monrovia: Africa/Monrovia Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry
    Africa/Dakar Africa/Freetown Africa/Lome Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome Africa/Timbuktu
    America/Danmarkshavn Atlantic/Reykjavik Atlantic/St_Helena Iceland
UTC: Etc/UTC Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/GMT0 Etc/Greenwich Etc/UCT Etc/Universal Etc/Zulu GMT GMT+0 GMT-0 GMT0
    Greenwich UCT UTC Universal Zulu
Belgrade: Europe/Belgrade Europe/Podgorica
Bratislava: Europe/Bratislava
Budapest: Europe/Budapest
Ljubljana: Europe/Ljubljana
Prague: Europe/Prague
Sarajevo: Europe/Sarajevo
Skopje: Europe/Skopje Europe/Tirane
Warsaw: Europe/Warsaw Poland
Zagreb: Europe/Zagreb
Brussels: Europe/Brussels CET Europe/Luxembourg MET
Copenhagen: Europe/Copenhagen
Madrid: Europe/Madrid Africa/Ceuta Europe/Andorra Europe/Gibraltar
Paris: Europe/Paris Europe/Monaco
Amsterdam: Europe/Amsterdam
Berlin: Europe/Berlin Arctic/Longyearbyen Atlantic/Jan_Mayen Europe/Oslo
Zurich: Europe/Zurich Europe/Busingen Europe/Vaduz
Rome: Europe/Rome Europe/Malta Europe/San_Marino Europe/Vatican
Stockholm: Europe/Stockholm
Vienna: Europe/Vienna
West Central Africa: Africa/Algiers Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos
    Africa/Libreville Africa/Luanda Africa/Malabo Africa/Ndjamena Africa/Niamey Africa/Porto-Novo Africa/Tunis
Bucharest: Europe/Bucharest Europe/Chisinau Europe/Tiraspol
Cairo: Africa/Cairo Egypt
Helsinki: Europe/Helsinki Europe/Mariehamn
Kyiv: Europe/Kyiv Europe/Kiev Europe/Uzhgorod Europe/Zaporozhye
Riga: Europe/Riga
Sofia: Europe/Sofia
Tallinn: Europe/Tallinn
Vilnius: Europe/Vilnius
Athens: Europe/Athens Asia/Famagusta Asia/Nicosia EET Europe/Nicosia
Istanbul: Europe/Istanbul Asia/Istanbul Turkey
Minsk: Europe/Minsk
Jerusalem: Asia/Jerusalem Asia/Tel_Aviv Israel
Harare: Africa/Harare Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Juba Africa/Khartoum Africa/Kigali
    Africa/Lubumbashi Africa/Lusaka Africa/Maputo
Pretoria: Africa/Johannesburg Africa/Maseru Africa/Mbabane Africa/Windhoek
Kaliningrad: Europe/Kaliningrad Africa/Tripoli Libya
Moscow: Europe/Moscow Europe/Kirov Europe/Simferopol W-SU
Volgograd: Europe/Volgograd
Samara: Europe/Samara Europe/Astrakhan Europe/Saratov Europe/Ulyanovsk
Kuwait: Asia/Kuwait Asia/Bahrain
Riyadh: Asia/Riyadh Antarctica/Syowa Asia/Aden Asia/Qatar
Nairobi: Africa/Nairobi Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti
    Africa/Kampala Africa/Mogadishu Indian/Antananarivo Indian/Comoro Indian/Mayotte
Baghdad: Asia/Baghdad Asia/Amman Asia/Damascus
Tehran: Asia/Tehran Iran
Abu Dhabi: Asia/Muscat Asia/Dubai Indian/Mahe Indian/Mauritius Indian/Reunion
Baku: Asia/Baku
Tbilisi: Asia/Tbilisi
Yerevan: Asia/Yerevan
Kabul: Asia/Kabul
Ekaterinburg: Asia/Yekaterinburg
Karachi: Asia/Karachi Antarctica/Mawson Antarctica/Vostok Indian/Kerguelen Indian/Maldives
Tashkent: Asia/Tashkent Asia/Ashgabat Asia/Ashkhabad Asia/Dushanbe Asia/Samarkand
Chennai: Asia/Kolkata Asia/Calcutta
Kathmandu: Asia/Kathmandu Asia/Katmandu
Dhaka: Asia/Dhaka Asia/Dacca Asia/Thimbu Asia/Thimphu Indian/Chagos
Sri Jayawardenepura: Asia/Colombo
Almaty: Asia/Almaty Asia/Aqtau Asia/Aqtobe Asia/Atyrau Asia/Oral Asia/Qostanay Asia/Qyzylorda
Novosibirsk: Asia/Novosibirsk Asia/Barnaul Asia/Novokuznetsk Asia/Tomsk
Rangoon: Asia/Yangon Asia/Rangoon Indian/Cocos
Bangkok: Asia/Bangkok Asia/Ho_Chi_Minh Asia/Phnom_Penh Asia/Saigon Asia/Vientiane Indian/Christmas
Jakarta: Asia/Jakarta Antarctica/Davis Asia/Pontianak
Krasnoyarsk: Asia/Krasnoyarsk Asia/Hovd
Beijing: Asia/Shanghai Asia/Chungking Asia/Harbin PRC
Chongqing: Asia/Chongqing
Hong Kong: Asia/Hong_Kong Asia/Macao Asia/Macau Asia/Manila Hongkong
Urumqi: Asia/Urumqi Asia/Bishkek Asia/Kashgar Asia/Omsk
Kuala Lumpur: Asia/Kuala_Lumpur Asia/Kuching
Singapore: Asia/Singapore Asia/Brunei Asia/Makassar Asia/Ujung_Pandang Singapore
Taipei: Asia/Taipei ROC
Perth: Australia/Perth Antarctica/Casey Australia/West
Irkutsk: Asia/Irkutsk
Ulaanbaatar: Asia/Ulaanbaatar Asia/Choibalsan Asia/Ulan_Bator
Seoul: Asia/Seoul Asia/Dili Asia/Pyongyang ROK
Tokyo: Asia/Tokyo Asia/Jayapura Japan Pacific/Palau
Yakutsk: Asia/Yakutsk Asia/Chita Asia/Khandyga
Darwin: Australia/Darwin Australia/North
Adelaide: Australia/Adelaide Australia/Broken_Hill Australia/South Australia/Yancowinna
Canberra: Australia/Canberra
Melbourne: Australia/Melbourne Australia/Victoria
Sydney: Australia/Sydney Australia/ACT Australia/NSW
Brisbane: Australia/Brisbane Australia/Lindeman Australia/Queensland
Hobart: Australia/Hobart Antarctica/Macquarie Australia/Currie Australia/Tasmania
Vladivostok: Asia/Vladivostok Asia/Ust-Nera
Guam: Pacific/Guam Pacific/Saipan
Port Moresby: Pacific/Port_Moresby Antarctica/DumontDUrville Pacific/Chuuk Pacific/Truk Pacific/Yap
Magadan: Asia/Magadan Asia/Sakhalin
Srednekolymsk: Asia/Srednekolymsk
Solomon Is.: Pacific/Guadalcanal Pacific/Bougainville Pacific/Kosrae Pacific/Pohnpei Pacific/Ponape
New Caledonia: Pacific/Noumea Pacific/Efate
Fiji: Pacific/Fiji
Kamchatka: Asia/Kamchatka Asia/Anadyr
Marshall Is.: Pacific/Majuro Kwajalein Pacific/Funafuti Pacific/Kwajalein Pacific/Nauru Pacific/Tarawa Pacific/Wake
    Pacific/Wallis
Auckland: Pacific/Auckland Antarctica/McMurdo Antarctica/South_Pole NZ
Nuku'alofa: Pacific/Tongatapu
Tokelau Is.: Pacific/Fakaofo Pacific/Enderbury Pacific/Kanton
Chatham Is.: Pacific/Chatham NZ-CHAT
Samoa: Pacific/Apia
"""
"""A friendly name, its IANA name, and other IANA names with the same clock from 2026 on, older names among them.

Vancouver and Edmonton are missing: they left the winter time of the US in 2026, and their names in Rails are too new.
"""

OTHER_NAMES: Final[Mapping[str, str]] = {
    "Alberta": "America/Edmonton",
    "Astana": "Asia/Almaty",
    "Bern": "Europe/Zurich",
    "Edinburgh": "Europe/London",
    "Guadalajara": "America/Mexico_City",
    "Hanoi": "Asia/Bangkok",
    "Islamabad": "Asia/Karachi",
    "Kolkata": "Asia/Kolkata",
    "Mumbai": "Asia/Kolkata",
    "Muscat": "Asia/Muscat",
    "New Delhi": "Asia/Kolkata",
    "Osaka": "Asia/Tokyo",
    "Pacific Time (Canada)": "America/Vancouver",
    "Quito": "America/Lima",
    "Sapporo": "Asia/Tokyo",
    "St. Petersburg": "Europe/Moscow",
    "Wellington": "Pacific/Auckland",
}
"""Friendly names that are parsed, but not sent: second names of zones, and names that an older Rails does not have."""


def _rows() -> Iterator[tuple[str, list[str]]]:
    for line in _TABLE.strip().replace("\n    ", " ").split("\n"):
        friendly, _, places = line.partition(": ")
        yield friendly, places.split()


IANA: Final[Mapping[str, str]] = {friendly: places[0] for friendly, places in _rows()}
"""Friendly names that are sent, and their IANA names."""
FRIENDLY: Final[Mapping[str, str]] = {place: friendly for friendly, places in _rows() for place in places}
"""IANA names, and the friendly name with the same clock."""
