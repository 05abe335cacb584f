-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('bookings')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(booking_id as {{ type_any_text() }}) as booking_id,
        cast(booking_page_id as {{ type_any_text() }}) as booking_page_id,
        cast(title as {{ type_any_text() }}) as title,
        cast(status as {{ type_any_text() }}) as status,
        cast(start_at as {{ type_instant() }}) as start_at,
        cast(end_at as {{ type_instant() }}) as end_at,
        cast(time_zone as {{ type_any_text() }}) as time_zone,
        cast(participant_name as {{ type_any_text() }}) as participant_name,
        cast(participant_email as {{ type_any_text() }}) as participant_email,
        cast(guests as {{ type_any_text() }}) as guests,
        cast(answers as {{ type_any_text() }}) as answers,
        cast(created_at as {{ type_instant() }}) as created_at
    from {{ source('sessions_export', 'bookings') }}
),

{{ select_latest_rows() }}
