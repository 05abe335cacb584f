-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('recordings')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(recording_id as {{ type_any_text() }}) as recording_id,
        cast(name as {{ type_any_text() }}) as name,
        cast(status as {{ type_any_text() }}) as status,
        cast(media_type as {{ type_any_text() }}) as media_type,
        cast(size_bytes as {{ dbt.type_bigint() }}) as size_bytes,
        cast(duration_seconds as {{ type_double() }}) as duration_seconds,
        cast(sha256 as {{ type_any_text() }}) as sha256,
        cast(error as {{ type_any_text() }}) as error,
        cast(created_at as {{ type_instant() }}) as created_at,
        cast(updated_at as {{ type_instant() }}) as updated_at
    from {{ source('sessions_export', 'recordings') }}
),

{{ select_latest_rows() }}
