{# A text that identifies a session among all accounts and platforms. #}
{% macro session_key(relation) -%}
    {{ relation }}.platform || '|' || {{ relation }}.account || '|' || {{ relation }}.session_id
{%- endmacro %}

{# Whether an export has a dataset, by the variable sessions_datasets. #}
{% macro is_exported(dataset) %}{{ return(dataset in var('sessions_datasets')) }}{% endmacro %}

{#
The rows of each session's highest version in source_rows.

The version is of the session and the dataset, not of the row: a revision may have fewer rows than the version before
it, and those that it lacks must not stay.
#}
{% macro select_latest_rows() %}
latest as (
    select platform, account, session_id, max(version) as version
    from source_rows
    group by platform, account, session_id
)

select
    {{ session_key('source_rows') }} as session_key,
    source_rows.*,
    coalesce(sessions.deleted, false) as is_session_deleted
from source_rows
inner join latest
    on
        source_rows.platform = latest.platform
        and source_rows.account = latest.account
        and source_rows.session_id = latest.session_id
        and source_rows.version = latest.version
left join {{ ref('stg_sessions') }} as sessions
    on
        source_rows.platform = sessions.platform
        and source_rows.account = sessions.account
        and source_rows.session_id = sessions.session_id
{% endmacro %}

{#
One row for each session in source_rows: its highest version, which says whether the session is deleted.

The row that reports a deletion may hold no more than id, state and times, so all other columns are those of the highest
version before it.

:param columns: the columns that the version before a deletion fills.
#}
{% macro select_latest_sessions(columns) %}
numbered as (
    select
        source_rows.*,
        row_number() over (
            partition by platform, account, session_id order by case when deleted then 1 else 0 end, version desc
        ) as place,
        max(version) over (partition by platform, account, session_id) as latest_version,
        max(case when deleted then version else 0 end) over (partition by platform, account, session_id)
            as deleted_version
    from source_rows
)

select
    {{ session_key('numbered') }} as session_key,
    numbered.platform,
    numbered.account,
    numbered.session_id,
    numbered.latest_version as version,
    {% for column in columns -%}
    numbered.{{ column }},
    {% endfor -%}
    numbered.latest_version = numbered.deleted_version as deleted
from numbered
where numbered.place = 1
{% endmacro %}
