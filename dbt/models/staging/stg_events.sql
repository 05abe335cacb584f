-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('events')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(event_id as {{ type_any_text() }}) as event_id,
        cast(title as {{ type_any_text() }}) as title,
        cast(slug as {{ type_any_text() }}) as slug,
        cast(is_published as {{ dbt.type_boolean() }}) as is_published,
        cast(is_public as {{ dbt.type_boolean() }}) as is_public,
        cast(published_at as {{ type_instant() }}) as published_at,
        cast(created_at as {{ type_instant() }}) as created_at
    from {{ source('sessions_export', 'events') }}
),

{{ select_latest_rows() }}
