-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('registrations')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(seq as {{ dbt.type_bigint() }}) as seq,
        cast(event_id as {{ type_any_text() }}) as event_id,
        cast(registration_id as {{ type_any_text() }}) as registration_id,
        cast(participant_key as {{ type_any_text() }}) as participant_key,
        cast(name as {{ type_any_text() }}) as name,
        cast(email as {{ type_any_text() }}) as email,
        cast(is_guest as {{ dbt.type_boolean() }}) as is_guest
    from {{ source('sessions_export', 'registrations') }}
),

{{ select_latest_rows() }}
