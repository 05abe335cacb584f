-- Written by scripts/dbt_models.py from the schema: change that, and run it again
{{ config(enabled = is_exported('chat_messages')) }}

with source_rows as (
    select
        cast(platform as {{ type_any_text() }}) as platform,
        cast(account as {{ type_any_text() }}) as account,
        cast(session_id as {{ type_any_text() }}) as session_id,
        cast(version as {{ dbt.type_bigint() }}) as version,
        cast(message_id as {{ type_any_text() }}) as message_id,
        cast(sent_at as {{ type_instant() }}) as sent_at,
        cast(sender_key as {{ type_any_text() }}) as sender_key,
        cast(sender_name as {{ type_any_text() }}) as sender_name,
        cast(recipient_key as {{ type_any_text() }}) as recipient_key,
        cast(recipient_name as {{ type_any_text() }}) as recipient_name,
        cast(is_direct as {{ dbt.type_boolean() }}) as is_direct,
        cast(text as {{ type_any_text() }}) as text
    from {{ source('sessions_export', 'chat_messages') }}
),

{{ select_latest_rows() }}
