-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('polls')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(poll_id as {{ type_any_text() }}) as poll_id,
        cast(seq as {{ dbt.type_bigint() }}) as seq,
        cast(question as {{ type_any_text() }}) as question,
        cast(option_id as {{ type_any_text() }}) as option_id,
        cast(option_text as {{ type_any_text() }}) as option_text,
        cast(votes as {{ dbt.type_bigint() }}) as votes,
        cast(status as {{ type_any_text() }}) as status,
        cast(multiple_choice as {{ dbt.type_boolean() }}) as multiple_choice,
        cast(created_at as {{ type_instant() }}) as created_at,
        cast(closed_at as {{ type_instant() }}) as closed_at
    from {{ source('sessions_export', 'polls') }}
),

{{ select_latest_rows() }}
