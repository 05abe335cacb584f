-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('sessions')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(title as {{ type_any_text() }}) as title,
        cast(description as {{ type_any_text() }}) as description,
        cast(state as {{ type_any_text() }}) as state,
        cast(state_inferred as {{ dbt.type_boolean() }}) as state_inferred,
        cast(scheduled_start as {{ type_instant() }}) as scheduled_start,
        cast(scheduled_end as {{ type_instant() }}) as scheduled_end,
        cast(time_zone as {{ type_any_text() }}) as time_zone,
        cast(actual_start as {{ type_instant() }}) as actual_start,
        cast(actual_end as {{ type_instant() }}) as actual_end,
        cast(ended_at as {{ type_instant() }}) as ended_at,
        cast(duration_seconds as {{ type_double() }}) as duration_seconds,
        cast(host_id as {{ type_any_text() }}) as host_id,
        cast(host_name as {{ type_any_text() }}) as host_name,
        cast(room_id as {{ type_any_text() }}) as room_id,
        cast(case_name as {{ type_any_text() }}) as case_name,
        cast(recording_enabled as {{ dbt.type_boolean() }}) as recording_enabled,
        cast(url as {{ type_any_text() }}) as url,
        cast(join_url as {{ type_any_text() }}) as join_url,
        cast(created_at as {{ type_instant() }}) as created_at,
        cast(updated_at as {{ type_instant() }}) as updated_at,
        cast(deleted as {{ dbt.type_boolean() }}) as deleted
    from {{ source('sessions_export', 'sessions') }}
),

{{ select_latest_sessions([
    'title',
    'description',
    'state',
    'state_inferred',
    'scheduled_start',
    'scheduled_end',
    'time_zone',
    'actual_start',
    'actual_end',
    'ended_at',
    'duration_seconds',
    'host_id',
    'host_name',
    'room_id',
    'case_name',
    'recording_enabled',
    'url',
    'join_url',
    'created_at',
    'updated_at'
]) }}
