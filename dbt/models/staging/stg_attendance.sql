-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('attendance')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(participant_key as {{ type_any_text() }}) as participant_key,
        cast(seq as {{ dbt.type_bigint() }}) as seq,
        cast(attribution as {{ type_any_text() }}) as attribution,
        cast(name as {{ type_any_text() }}) as name,
        cast(email as {{ type_any_text() }}) as email,
        cast(is_guest as {{ dbt.type_boolean() }}) as is_guest,
        cast(joined_at as {{ type_instant() }}) as joined_at,
        cast(left_at as {{ type_instant() }}) as left_at,
        cast(left_at_inferred as {{ dbt.type_boolean() }}) as left_at_inferred,
        cast(joins as {{ dbt.type_bigint() }}) as joins,
        cast(reported_seconds as {{ type_double() }}) as reported_seconds,
        cast(device as {{ type_any_text() }}) as device,
        cast(source_id as {{ type_any_text() }}) as source_id
    from {{ source('sessions_export', 'attendance') }}
),

{{ select_latest_rows() }}
