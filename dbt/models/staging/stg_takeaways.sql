-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('takeaways')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(text as {{ type_any_text() }}) as text,
        cast(markdown as {{ type_any_text() }}) as markdown,
        cast(document as {{ type_any_text() }}) as document
    from {{ source('sessions_export', 'takeaways') }}
),

{{ select_latest_rows() }}
