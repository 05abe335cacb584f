-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('attendance_summary')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(participant_key as {{ type_any_text() }}) as participant_key,
        cast(attribution as {{ type_any_text() }}) as attribution,
        cast(name as {{ type_any_text() }}) as name,
        cast(email as {{ type_any_text() }}) as email,
        cast(is_guest as {{ dbt.type_boolean() }}) as is_guest,
        cast(first_join as {{ type_instant() }}) as first_join,
        cast(last_leave as {{ type_instant() }}) as last_leave,
        cast(present_seconds as {{ type_double() }}) as present_seconds,
        cast(connected_seconds as {{ type_double() }}) as connected_seconds,
        cast(rejoins as {{ dbt.type_bigint() }}) as rejoins,
        cast(from_totals as {{ dbt.type_boolean() }}) as from_totals
    from {{ source('sessions_export', 'attendance_summary') }}
),

{{ select_latest_rows() }}
