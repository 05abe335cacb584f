{{ config(enabled = is_exported('transcript_segments')) }}

with segments as (
    select
        segments.*,
        -- The end of all that the same speaker has said before, so that segments that overlap count once.
        max(end_seconds) over (
            partition by session_key, speaker_key
            order by start_seconds, end_seconds, seq
            rows between unbounded preceding and 1 preceding
        ) as spoken_until
    from {{ ref('stg_transcript_segments') }} as segments
    where not is_translation and not is_session_deleted
),

timed as (
    select
        segments.*,
        case
            when spoken_until is null or spoken_until <= start_seconds then end_seconds - start_seconds
            when spoken_until < end_seconds then end_seconds - spoken_until
            else 0
        end as seconds,
        {{ person_id('segments', 'speaker_key', is_known_speaker('segments')) }} as person_id
    from segments
)

select
    person_id,
    min(platform) as platform,
    min(account) as account,
    min(speaker_key) as speaker_key,
    max(speaker_name) as speaker_name,
    count(distinct session_key) as sessions,
    count(*) as segments,
    sum(seconds) / 60 as talk_minutes,
    sum(case when end_inferred then seconds else 0 end) / 60 as talk_minutes_inferred
from timed
group by person_id
