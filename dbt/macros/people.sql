{#
A text that identifies a person, for sums over sessions.

Different people may have the same name. So somebody of whom only a name, or an id that is valid in one session, is known
is another person in each session.

:param key: the column with the person's key.
:param is_known: a condition: whether the key identifies the person beyond the session.
#}
{% macro person_id(relation, key, is_known) -%}
    {{ relation }}.platform || '|' || {{ relation }}.account || '|'
    || case when {{ is_known }} then '' else {{ relation }}.session_id || '|' end
    || coalesce({{ relation }}.{{ key }}, 'unknown')
{%- endmacro %}

{# Whether an attendance's key identifies a person beyond the session. One of a redacted export may be a mere number. #}
{% macro is_known_attendee(relation) -%}
    {{ relation }}.attribution != 'name_only' and {{ relation }}.participant_key not like 'attendance:%'
{%- endmacro %}

{# Whether a speaker's key identifies a person beyond the session: an account, an address, or an id alone. #}
{% macro is_known_speaker(relation) -%}
    {{ relation }}.speaker_key like 'account:%' or {{ relation }}.speaker_key like 'email:%'
    or {{ relation }}.speaker_key like 'guest:%' or {{ relation }}.speaker_key not like '%:%'
{%- endmacro %}
