{{ config(enabled = is_exported('attendance_summary')) }}

select
    {{ person_id('summary', 'participant_key', is_known_attendee('summary')) }} as person_id,
    min(summary.platform) as platform,
    min(summary.account) as account,
    min(summary.participant_key) as participant_key,
    max(summary.name) as name,
    max(summary.email) as email,
    count(distinct summary.session_key) as sessions,
    sum(summary.present_seconds) / 3600 as attendance_hours,
    sum(case when summary.present_seconds is null then 1 else 0 end) as sessions_without_duration,
    min(summary.first_join) as first_join,
    max(summary.last_leave) as last_leave
from {{ ref('stg_attendance_summary') }} as summary
where not summary.is_session_deleted
group by 1
