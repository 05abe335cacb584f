-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('transcript_segments')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(track as {{ dbt.type_bigint() }}) as track,
        cast(seq as {{ dbt.type_bigint() }}) as seq,
        cast(is_translation as {{ dbt.type_boolean() }}) as is_translation,
        cast(language as {{ type_any_text() }}) as language,
        cast(start_seconds as {{ type_double() }}) as start_seconds,
        cast(end_seconds as {{ type_double() }}) as end_seconds,
        cast(end_inferred as {{ dbt.type_boolean() }}) as end_inferred,
        cast(started_at as {{ type_instant() }}) as started_at,
        cast(speaker_key as {{ type_any_text() }}) as speaker_key,
        cast(speaker_name as {{ type_any_text() }}) as speaker_name,
        cast(text as {{ type_any_text() }}) as text
    from {{ source('sessions_export', 'transcript_segments') }}
),

{{ select_latest_rows() }}
