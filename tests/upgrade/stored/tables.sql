




CREATE SCHEMA written;





CREATE TABLE written.attendance (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    participant_key character varying(180) NOT NULL,
    seq bigint NOT NULL,
    attribution text NOT NULL,
    name text,
    email character varying(180),
    is_guest boolean,
    joined_at timestamp with time zone,
    left_at timestamp with time zone,
    left_at_inferred boolean NOT NULL,
    joins bigint NOT NULL,
    reported_seconds double precision,
    device text,
    source_id text
);



CREATE TABLE written.attendance_summary (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    participant_key character varying(180) NOT NULL,
    attribution text NOT NULL,
    name text,
    email character varying(180),
    is_guest boolean,
    first_join timestamp with time zone,
    last_leave timestamp with time zone,
    present_seconds double precision,
    connected_seconds double precision,
    rejoins bigint NOT NULL,
    from_totals boolean NOT NULL
);



CREATE TABLE written.participants (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    seq bigint NOT NULL,
    participant_key character varying(180) NOT NULL,
    presence text NOT NULL,
    name text,
    email character varying(180),
    role text,
    is_guest boolean,
    source_id text
);



CREATE TABLE written.recordings (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    recording_id character varying(180) NOT NULL,
    name text,
    status text NOT NULL,
    media_type text,
    size_bytes bigint,
    duration_seconds double precision,
    sha256 text,
    error text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone
);



CREATE TABLE written.sessions (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    title text NOT NULL,
    description text,
    state text NOT NULL,
    state_inferred boolean NOT NULL,
    scheduled_start timestamp with time zone,
    scheduled_end timestamp with time zone,
    time_zone text,
    actual_start timestamp with time zone,
    actual_end timestamp with time zone,
    ended_at timestamp with time zone,
    duration_seconds double precision,
    host_id text,
    host_name text,
    room_id character varying(180),
    case_name text,
    recording_enabled boolean,
    url text,
    join_url text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    deleted boolean NOT NULL
);



CREATE TABLE written.sessions_export_ledger (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    dataset character varying(180) NOT NULL,
    status text NOT NULL,
    version bigint NOT NULL,
    content text,
    run character varying(180),
    reason text,
    attempts bigint NOT NULL,
    looks bigint NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    next_check timestamp with time zone,
    session text NOT NULL,
    seen_by text
);



CREATE TABLE written.takeaways (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    text text NOT NULL,
    markdown text NOT NULL,
    document text
);



CREATE TABLE written.transcript_segments (
    platform character varying(180) NOT NULL,
    account character varying(180) NOT NULL,
    session_id character varying(180) NOT NULL,
    version bigint NOT NULL,
    track bigint NOT NULL,
    seq bigint NOT NULL,
    is_translation boolean NOT NULL,
    language text,
    start_seconds double precision NOT NULL,
    end_seconds double precision NOT NULL,
    end_inferred boolean NOT NULL,
    started_at timestamp with time zone,
    speaker_key character varying(180),
    speaker_name text,
    text text NOT NULL
);



INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:46147299-01d3-4998-995a-378cad7de090', 0, 'exact', 'Renata Fairweather', 'renata.fairweather@halcyon-law.example', false, '2026-03-02 11:58:11.153+00', '2026-03-02 12:00:00+00', false, 1, 108, NULL, '6bad3876-1e1c-45ec-93dc-2023818b8839');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:6490cf3c-4aea-4a31-a233-cc3fafae013d', 0, 'exact', 'Chidi Schneider', 'chidi.schneider@brightwater.example', false, '2026-03-02 11:58:02.515+00', '2026-03-02 12:00:00+00', false, 1, 117, NULL, '87d9caa9-26da-4afb-a573-552a9be7c64e');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 0, 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-02 11:58:00+00', '2026-03-02 12:00:00+00', false, 1, 120, NULL, 'af08ddb9-ba9a-48b1-a66b-09d2f798e0b0');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:4c9b73ee-19ed-4846-9036-adef4a3e1b82', 0, 'exact', 'Naveen Jankowski', 'naveen.jankowski@brightwater.example', false, '2026-03-03 11:58:03.789+00', '2026-03-03 12:00:00+00', false, 1, 116, NULL, '29373cb8-a02c-404d-a03c-154a613ca387');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:a2d1a017-3f40-41ca-9ae5-492f1a66b8b4', 0, 'exact', 'Sigrid Zhao', 'sigrid.zhao@halcyon-law.example', false, '2026-03-03 11:58:03.948+00', '2026-03-03 12:00:00+00', false, 1, 116, NULL, '898edd46-7ce9-4d8c-9143-6875d470cbaa');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 0, 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-03 11:58:00+00', '2026-03-03 12:00:00+00', false, 1, 120, NULL, 'a778d366-3c75-4150-8817-f05337ae0049');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:05034b08-b919-474d-9e93-3d8ff8e1cbde', 0, 'exact', 'Thandiwe Ibrahim', 'thandiwe.ibrahim@example.org', false, '2026-03-03 12:58:08.6+00', '2026-03-03 13:00:00+00', true, 1, 111, NULL, '257f21cd-006a-4058-8012-34401f13b82e');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:ac1ddf6f-c269-4504-b801-361139a87879', 0, 'exact', 'Lucía Lindqvist', 'lucia.lindqvist@northwind.example', false, '2026-03-03 12:58:11.043+00', '2026-03-03 13:00:00+00', true, 1, 108, NULL, 'c9c39334-7d6c-4750-bc86-086de6af4eca');
INSERT INTO written.attendance VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 0, 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-03 12:58:00+00', '2026-03-03 13:00:00+00', true, 1, 120, NULL, '7e87ab50-ff9e-47f8-bbfb-ed9036bb4bd9');



INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:46147299-01d3-4998-995a-378cad7de090', 'exact', 'Renata Fairweather', 'renata.fairweather@halcyon-law.example', false, '2026-03-02 11:58:11.153+00', '2026-03-02 12:00:00+00', 108, 108, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:6490cf3c-4aea-4a31-a233-cc3fafae013d', 'exact', 'Chidi Schneider', 'chidi.schneider@brightwater.example', false, '2026-03-02 11:58:02.515+00', '2026-03-02 12:00:00+00', 117, 117, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-02 11:58:00+00', '2026-03-02 12:00:00+00', 120, 120, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:4c9b73ee-19ed-4846-9036-adef4a3e1b82', 'exact', 'Naveen Jankowski', 'naveen.jankowski@brightwater.example', false, '2026-03-03 11:58:03.789+00', '2026-03-03 12:00:00+00', 116, 116, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:a2d1a017-3f40-41ca-9ae5-492f1a66b8b4', 'exact', 'Sigrid Zhao', 'sigrid.zhao@halcyon-law.example', false, '2026-03-03 11:58:03.948+00', '2026-03-03 12:00:00+00', 116, 116, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-03 11:58:00+00', '2026-03-03 12:00:00+00', 120, 120, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:05034b08-b919-474d-9e93-3d8ff8e1cbde', 'exact', 'Thandiwe Ibrahim', 'thandiwe.ibrahim@example.org', false, '2026-03-03 12:58:08.6+00', '2026-03-03 13:00:00+00', 111, 111, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:ac1ddf6f-c269-4504-b801-361139a87879', 'exact', 'Lucía Lindqvist', 'lucia.lindqvist@northwind.example', false, '2026-03-03 12:58:11.043+00', '2026-03-03 13:00:00+00', 108, 108, 0, true);
INSERT INTO written.attendance_summary VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'exact', 'Arjun Ueda', 'arjun.ueda@northwind.example', false, '2026-03-03 12:58:00+00', '2026-03-03 13:00:00+00', 120, 120, 0, true);



INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 'email:henrik.chaudhry@example.com', 'invited', 'Henrik Chaudhry', 'henrik.chaudhry@example.com', 'deponent', NULL, NULL);
INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 1, 'email:tariq.jankowski@example.com', 'invited', NULL, 'tariq.jankowski@example.com', NULL, NULL, NULL);
INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 2, 'email:yara.hashimoto@example.com', 'invited', NULL, 'yara.hashimoto@example.com', NULL, NULL, NULL);
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 0, 'account:46147299-01d3-4998-995a-378cad7de090', 'present', 'Renata Fairweather', 'renata.fairweather@halcyon-law.example', NULL, false, '46147299-01d3-4998-995a-378cad7de090');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 1, 'account:6490cf3c-4aea-4a31-a233-cc3fafae013d', 'present', 'Chidi Schneider', 'chidi.schneider@brightwater.example', NULL, false, '6490cf3c-4aea-4a31-a233-cc3fafae013d');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 2, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'present', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 'account:22e80c99-61b1-46fb-abb8-f800bebb36a5', 'registered', 'Anneliese Sandoval', 'anneliese.sandoval@brightwater.example', NULL, false, '4f564bc1-5738-4ba1-a62c-71984946c42a');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 1, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'registered', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, 'b93b3aec-7ce7-4394-8442-d184203095ea');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 2, 'account:c76dd2f9-ccdb-4229-a186-f0a635318c83', 'registered', 'Nadia Gallagher', 'nadia.gallagher@halcyon-law.example', NULL, false, '762f9d8e-97f6-4129-af02-ebed5f4ed51d');
INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 'email:henrik.ueda@brightwater.example', 'invited', NULL, 'henrik.ueda@brightwater.example', NULL, NULL, NULL);
INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 1, 'email:naveen.jankowski@brightwater.example', 'invited', 'Naveen Jankowski', 'naveen.jankowski@brightwater.example', 'deponent', NULL, NULL);
INSERT INTO written.participants VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 2, 'email:naveen.yamamoto@brightwater.example', 'invited', NULL, 'naveen.yamamoto@brightwater.example', NULL, NULL, NULL);
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 0, 'account:4c9b73ee-19ed-4846-9036-adef4a3e1b82', 'present', 'Naveen Jankowski', 'naveen.jankowski@brightwater.example', NULL, false, '4c9b73ee-19ed-4846-9036-adef4a3e1b82');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 1, 'account:a2d1a017-3f40-41ca-9ae5-492f1a66b8b4', 'present', 'Sigrid Zhao', 'sigrid.zhao@halcyon-law.example', NULL, false, 'a2d1a017-3f40-41ca-9ae5-492f1a66b8b4');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 2, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'present', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 0, 'account:05034b08-b919-474d-9e93-3d8ff8e1cbde', 'present', 'Thandiwe Ibrahim', 'thandiwe.ibrahim@example.org', NULL, false, '05034b08-b919-474d-9e93-3d8ff8e1cbde');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 1, 'account:ac1ddf6f-c269-4504-b801-361139a87879', 'present', 'Lucía Lindqvist', 'lucia.lindqvist@northwind.example', NULL, false, 'ac1ddf6f-c269-4504-b801-361139a87879');
INSERT INTO written.participants VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 2, 'account:fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'present', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'registered', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, '38be5ab8-2399-41ca-a6e8-2839dda51437');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 'account:6f4244b5-ee90-458c-b5da-394a3f56ed24', 'registered', 'Gustavo Lindqvist', 'gustavo.lindqvist@example.com', NULL, false, '13e37965-ae29-4699-a1eb-0df58a2d58f9');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 2, 'account:cdf4714b-64a7-426d-b74e-190f3ef16907', 'registered', 'Thandiwe Ibrahim', 'thandiwe.ibrahim@example.org', NULL, false, '55b43b98-1e22-4b3e-bf8d-f9068822832a');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 1, 0, 'account:5da3cfb6-464e-4722-8591-e60496a6afd7', 'registered', 'Lamar Hashimoto', 'lamar.hashimoto@northwind.example', NULL, false, '33b0ad5b-1785-439a-aba4-4ebcf3183816');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 1, 1, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'registered', 'Arjun Ueda', 'arjun.ueda@northwind.example', 'host', false, 'd3dbed3f-13df-4345-a270-63dc3bf686cf');
INSERT INTO written.participants VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 1, 2, 'account:e6514e19-918c-4373-a7f7-9eb10fc42ba5', 'registered', 'Katarzyna O''Connor', 'katarzyna.oconnor@brightwater.example', NULL, false, '211d4cb6-d945-4260-a4d1-3d8f60ff45dd');



INSERT INTO written.recordings VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, '3ad91e2eaeff4ac9', 'old-20260302.mp4', 'ready', 'audio/mp4', 200000, NULL, NULL, NULL, '2026-03-02 12:00:00+00', NULL);
INSERT INTO written.recordings VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'd1fdcb8b-f39e-4ece-bf2c-59eab2c7022a', 'Old (1)', 'ready', 'video/mp4', 200000, 120, NULL, NULL, '2026-03-02 11:58:00+00', '2026-03-02 12:00:00+00');
INSERT INTO written.recordings VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 'e257517d2f2bbbbb', 'smith-v-jones-1767225600-20260303.mp4', 'ready', 'audio/mp4', 200000, NULL, NULL, NULL, '2026-03-03 12:00:00+00', NULL);
INSERT INTO written.recordings VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, '64e96e24-f7de-4052-aaa4-a05cc711fb4b', 'Early (1)', 'ready', 'video/mp4', 200000, 120, NULL, NULL, '2026-03-03 11:58:00+00', '2026-03-03 12:00:00+00');



INSERT INTO written.sessions VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 1, 'Old', NULL, 'ended', false, '2026-03-02 11:55:00+00', NULL, NULL, '2026-03-02 11:58:00+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 120, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'Arjun Ueda', 'd515caba-3e44-4a60-9bd9-7d077a8b9b66', NULL, true, NULL, NULL, '2026-02-27 00:00:00+00', '2026-03-02 12:00:00+00', false);
INSERT INTO written.sessions VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 'Old', NULL, 'ended', false, '2026-03-02 11:55:00+00', '2026-03-02 12:10:00+00', 'Europe/Bucharest', '2026-03-02 11:58:00+00', '2026-03-02 12:00:00+00', '2026-03-02 12:00:00+00', 120, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', NULL, NULL, NULL, 'http://127.0.0.1:18471/sessions_us/app/session/565fea1f-91e8-4e61-b676-9bb6bdeee80a', 'http://127.0.0.1:18471/sessions_us/app/session/565fea1f-91e8-4e61-b676-9bb6bdeee80a', '2026-02-27 00:00:00+00', NULL, false);
INSERT INTO written.sessions VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 2, 'Old', NULL, 'ended', true, '2026-03-02 11:55:00+00', '2026-03-02 13:10:00+00', 'Etc/UTC', NULL, NULL, '2026-03-02 13:10:00+00', 4500, NULL, NULL, NULL, NULL, NULL, 'http://127.0.0.1:18471/prevail/sessions/old', 'http://127.0.0.1:18471/prevail/sessions/old', NULL, NULL, false);
INSERT INTO written.sessions VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 'Early', NULL, 'ended', true, '2026-03-03 11:55:00+00', '2026-03-03 13:10:00+00', 'Etc/UTC', NULL, NULL, '2026-03-03 13:10:00+00', 4500, NULL, NULL, NULL, '24-cv-1', NULL, 'http://127.0.0.1:18471/prevail/sessions/smith-v-jones-1767225600', 'http://127.0.0.1:18471/prevail/sessions/smith-v-jones-1767225600', NULL, NULL, false);
INSERT INTO written.sessions VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 1, 'Early', NULL, 'ended', false, '2026-03-03 11:55:00+00', NULL, NULL, '2026-03-03 11:58:00+00', '2026-03-03 12:00:00+00', '2026-03-03 12:00:00+00', 120, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'Arjun Ueda', 'd515caba-3e44-4a60-9bd9-7d077a8b9b66', NULL, true, NULL, NULL, '2026-02-27 00:00:00+00', '2026-03-03 12:00:00+00', false);
INSERT INTO written.sessions VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 1, 'Late', NULL, 'ended', false, '2026-03-03 12:55:00+00', NULL, NULL, '2026-03-03 12:58:00+00', '2026-03-03 13:00:00+00', '2026-03-03 13:00:00+00', 120, 'fb88f85d-81a9-400a-9d95-8a60d72d7dec', 'Arjun Ueda', 'd515caba-3e44-4a60-9bd9-7d077a8b9b66', NULL, true, NULL, NULL, '2026-02-27 00:00:00+00', '2026-03-03 13:00:00+00', false);
INSERT INTO written.sessions VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 'Early', NULL, 'ended', false, '2026-03-03 11:55:00+00', '2026-03-03 12:10:00+00', 'Europe/Bucharest', '2026-03-03 11:58:00+00', '2026-03-03 12:00:00+00', '2026-03-03 12:00:00+00', 120, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', NULL, NULL, NULL, 'http://127.0.0.1:18471/sessions_us/app/session/7a2753ab-002c-4499-8b3e-79a28f3a3375', 'http://127.0.0.1:18471/sessions_us/app/session/7a2753ab-002c-4499-8b3e-79a28f3a3375', '2026-02-27 00:00:00+00', NULL, false);
INSERT INTO written.sessions VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 1, 'Late', NULL, 'ended', false, '2026-03-03 12:55:00+00', '2026-03-03 13:10:00+00', 'Europe/Bucharest', '2026-03-03 12:58:00+00', '2026-03-03 13:00:00+00', '2026-03-03 13:00:00+00', 120, 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', NULL, NULL, NULL, 'http://127.0.0.1:18471/sessions_us/app/session/d6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 'http://127.0.0.1:18471/sessions_us/app/session/d6b8f0f9-b1c9-4c8f-ac83-35748dc37471', '2026-02-27 00:00:00+00', NULL, false);



INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'late', 'participants', 'pending', 0, NULL, NULL, 'the session is not known to be over: live', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"prevail","session_id":"late","title":"","state":"live","state_inferred":false,"scheduled_end":"2026-03-03T14:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'late', 'recordings', 'pending', 0, NULL, NULL, 'the session is not known to be over: live', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"prevail","session_id":"late","title":"","state":"live","state_inferred":false,"scheduled_end":"2026-03-03T14:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'late', 'sessions', 'pending', 0, NULL, NULL, 'the session is not known to be over: live', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"prevail","session_id":"late","title":"","state":"live","state_inferred":false,"scheduled_end":"2026-03-03T14:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'late', 'transcript_segments', 'pending', 0, NULL, NULL, 'the session is not known to be over: live', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"prevail","session_id":"late","title":"","state":"live","state_inferred":false,"scheduled_end":"2026-03-03T14:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 'attendance', 'exported', 1, 'e147564ced34a8734b2deb35ea7664b7c03431f596948ec517a57cdb2db6cdb0', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"vidinfra","session_id":"d60da6df-2e4d-4d16-a873-aabffc8afc6a","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 'attendance_summary', 'exported', 1, 'a1a1a95d9d5c620838267fb10be608907a1e967967e3a3fa432f2df705d1723f', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"vidinfra","session_id":"d60da6df-2e4d-4d16-a873-aabffc8afc6a","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 'participants', 'exported', 1, '8f2e3ae7d74a68e9a3baa9d8b5c33aa9f4f92a2f59cb12b380de0dd5d74ff0a9', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"vidinfra","session_id":"d60da6df-2e4d-4d16-a873-aabffc8afc6a","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 'participants', 'exported', 1, '614a4d6ea408e578c2daefde7d7636c368b9a05b1204f64cd510895dcb555b56', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"sessions_us","session_id":"565fea1f-91e8-4e61-b676-9bb6bdeee80a","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T12:10:00Z","actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 'sessions', 'exported', 1, '1e2a5f10cad1a5a9581b21bd07a510fe91dc80ba2aed5c15c353e9535acb17f0', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"sessions_us","session_id":"565fea1f-91e8-4e61-b676-9bb6bdeee80a","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T12:10:00Z","actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 'takeaways', 'exported', 1, '543dfa588ce9833f1bde00b801da38024e802919862f4934935492001dafd543', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"sessions_us","session_id":"565fea1f-91e8-4e61-b676-9bb6bdeee80a","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T12:10:00Z","actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 'transcript_segments', 'exported', 1, '2e5d80f638ccb95330e5d109b3e6062a856b77d4e992f3d90459b3b2c4f00d69', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"sessions_us","session_id":"565fea1f-91e8-4e61-b676-9bb6bdeee80a","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T12:10:00Z","actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 'participants', 'exported', 1, 'd9746d30c50b4436258390fe04e59f7fe8879a8f63d94bfb9231775e93807609', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"prevail","session_id":"old","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 'recordings', 'exported', 1, '8298f31ac1c75daf860c0af72ad33652980f324a466428b09b52234916c697d9', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"prevail","session_id":"old","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 'sessions', 'exported', 2, '4d874a85d4481e76a0401e05f40cc18db3b68c0963ea86dc1287c1fed2573a6c', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-03 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"prevail","session_id":"old","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 'transcript_segments', 'exported', 1, 'ed5c415d234225d613985ff533e7e78eaac449048c3a5d408f05a295786df1f5', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"prevail","session_id":"old","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-02T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 'participants', 'exported', 1, 'b2c40c30e2c0aa7414e291d28eaac9f68eb2756d153764fc1cbc3bf46a902ea5', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"prevail","session_id":"smith-v-jones-1767225600","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 'recordings', 'exported', 1, '545a4f4b180460a4182dd5115ff0d8a26d1cbaf16f42d401d9b6b9da8ebfc833', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"prevail","session_id":"smith-v-jones-1767225600","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 'sessions', 'exported', 1, '1621e3652852a2f89cd5b42477b3b695160b4701a7fef63d4dcb128abf71999f', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"prevail","session_id":"smith-v-jones-1767225600","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 'transcript_segments', 'exported', 1, '1cddeb79fb5475822c28170006c708b46ab039d986e701cb239404b65640172c', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"prevail","session_id":"smith-v-jones-1767225600","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z"}', '["prevail_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 'recordings', 'exported', 1, '5977c6591c1d0b0e63fba924d3e8b6ba559e0b43f22d4f13e093ebd53523694e', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"vidinfra","session_id":"d60da6df-2e4d-4d16-a873-aabffc8afc6a","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'd60da6df-2e4d-4d16-a873-aabffc8afc6a', 'sessions', 'exported', 1, 'ddb0e976c225df4052df95519214074f6187e1643bdca9396d0f58d105defe30', 'nightly__scheduled__2026-03-03T00_00_00_00_00__export-2c9651d886', NULL, 0, 1, '2026-03-03 00:30:00+00', '2026-03-05 20:30:00+00', '{"platform":"vidinfra","session_id":"d60da6df-2e4d-4d16-a873-aabffc8afc6a","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-02T11:58:00Z","actual_end":"2026-03-02T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 'attendance', 'exported', 1, '6fba6d8800f398bce60ded8ad1ac8d778fb49d6e74d7311759b428040068c475', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"b3cd41e5-0b62-4640-8ed0-8122c83b95d0","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 'attendance_summary', 'exported', 1, '4a4f77451345157dc5e729d8eac05f5aacf38f32ae68320913c87d25b529562a', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"b3cd41e5-0b62-4640-8ed0-8122c83b95d0","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 'participants', 'exported', 1, '613ac7322008556546ad56666e29ff70adcca6833729c6eb13231e570398ba6c', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"b3cd41e5-0b62-4640-8ed0-8122c83b95d0","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 'recordings', 'exported', 1, '0364059ae6a63adb6e8330b2684b8df865af9cb5b50751ca4c83d68654c165bd', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"b3cd41e5-0b62-4640-8ed0-8122c83b95d0","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', 'b3cd41e5-0b62-4640-8ed0-8122c83b95d0', 'sessions', 'exported', 1, '39cd21cb06ca32998bd561b0c850ed7a7b28b1550eab5117c6459e3e6cda8344', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"b3cd41e5-0b62-4640-8ed0-8122c83b95d0","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 'attendance', 'exported', 1, 'de54c4372ed4d969426de5cf0f0c668111b10e7dfa3d70a523ead8d7f4538f68', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"3e62e681-4d82-4b27-b547-cfc0e0044816","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 'attendance_summary', 'exported', 1, 'a73bd1f0dcf4e113eb1c5dd6fadeadec2c55ac659cf951423907721ce9c86bd3', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"3e62e681-4d82-4b27-b547-cfc0e0044816","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 'participants', 'exported', 1, '98d526eb65e537e8de17452cb97646d75b291cd1b3e9175543be706397079ba9', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"3e62e681-4d82-4b27-b547-cfc0e0044816","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 'recordings', 'pending', 0, NULL, NULL, 'there is no recording yet', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"vidinfra","session_id":"3e62e681-4d82-4b27-b547-cfc0e0044816","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('vidinfra', '127.0.0.1', '3e62e681-4d82-4b27-b547-cfc0e0044816', 'sessions', 'exported', 1, 'ef8ea6dca1187f06d43109c59be9fddb5cd60b53ec0df7cf935baa661e457f72', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"vidinfra","session_id":"3e62e681-4d82-4b27-b547-cfc0e0044816","title":"","state":"ended","state_inferred":false,"actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["vidinfra_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 'participants', 'exported', 1, '9aa8594116cc273272f090d4da182ec403d28f3d49e32385e92a8450c1dcec97', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"7a2753ab-002c-4499-8b3e-79a28f3a3375","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T12:10:00Z","actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 'sessions', 'exported', 1, 'caf1437f48577417123d25af39929bfc102063f1a60801dd1fe12667801d2058', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"7a2753ab-002c-4499-8b3e-79a28f3a3375","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T12:10:00Z","actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 'takeaways', 'exported', 1, '62620bac89c6c56fb2005f61b0444ecc7baa5a3bf23ddf95fae6deb1f6c4ac4c', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"7a2753ab-002c-4499-8b3e-79a28f3a3375","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T12:10:00Z","actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 'transcript_segments', 'exported', 1, 'bf7cd9ceafa151cb4ba4e68f3d324ef4b525695c6955cc27c86d1a882cdbfaf6', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"7a2753ab-002c-4499-8b3e-79a28f3a3375","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T12:10:00Z","actual_start":"2026-03-03T11:58:00Z","actual_end":"2026-03-03T12:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 'participants', 'exported', 1, 'd1154cc220696a7b4355bb11218f27731d0fbdddd0f1d1931c490c762c77c1f5', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"d6b8f0f9-b1c9-4c8f-ac83-35748dc37471","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z","actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 'sessions', 'exported', 1, '9b7b630e8df06f4a2f57ea511a1003d41aff9799b90abe0817f35ed80437770c', 'nightly__scheduled__2026-03-04T00_00_00_00_00__export-fd4a45520e', NULL, 0, 0, '2026-03-04 00:30:00+00', '2026-03-04 20:30:00+00', '{"platform":"sessions_us","session_id":"d6b8f0f9-b1c9-4c8f-ac83-35748dc37471","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z","actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 'takeaways', 'pending', 0, NULL, NULL, 'there are no takeaways yet', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"sessions_us","session_id":"d6b8f0f9-b1c9-4c8f-ac83-35748dc37471","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z","actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["sessions_us_default"]');
INSERT INTO written.sessions_export_ledger VALUES ('sessions_us', '127.0.0.1', 'd6b8f0f9-b1c9-4c8f-ac83-35748dc37471', 'transcript_segments', 'pending', 0, NULL, NULL, 'there is no transcript yet', 1, 0, '2026-03-04 00:30:00+00', '2026-03-04 01:30:00+00', '{"platform":"sessions_us","session_id":"d6b8f0f9-b1c9-4c8f-ac83-35748dc37471","title":"","state":"ended","state_inferred":false,"scheduled_end":"2026-03-03T13:10:00Z","actual_start":"2026-03-03T12:58:00Z","actual_end":"2026-03-03T13:00:00Z"}', '["sessions_us_default"]');



INSERT INTO written.takeaways VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 'Arjun Ueda and 2 others met on 02 March 2026.
Decisions
- The accessibility review comes before the release.
- The export becomes a file; e-mails stop.
Next steps
1. Anneliese Sandoval will send the numbers
2. Nadia Gallagher will talk to Brightwater', 'Arjun Ueda and 2 others met on 02 March 2026.

## Decisions

- The accessibility review comes before the release.
- The export becomes a file; e-mails stop.

## Next steps

1. **Anneliese Sandoval will send the numbers**
2. **Nadia Gallagher will talk to Brightwater**
', '{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "Arjun Ueda and 2 others met on 02 March 2026.", "type": "text"}], "type": "paragraph"}, {"attrs": {"level": 2, "textAlign": "left"}, "content": [{"text": "Decisions", "type": "text"}], "type": "heading"}, {"content": [{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "The accessibility review comes before the release.", "type": "text"}], "type": "paragraph"}], "type": "listItem"}, {"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "The export becomes a file; e-mails stop.", "type": "text"}], "type": "paragraph"}], "type": "listItem"}], "type": "bulletList"}, {"attrs": {"level": 2, "textAlign": "left"}, "content": [{"text": "Next steps", "type": "text"}], "type": "heading"}, {"attrs": {"start": 1}, "content": [{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"marks": [{"type": "bold"}], "text": "Anneliese Sandoval will send the numbers", "type": "text"}], "type": "paragraph"}], "type": "listItem"}, {"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"marks": [{"type": "bold"}], "text": "Nadia Gallagher will talk to Brightwater", "type": "text"}], "type": "paragraph"}], "type": "listItem"}], "type": "orderedList"}], "type": "doc"}');
INSERT INTO written.takeaways VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 'Arjun Ueda and 2 others met on 03 March 2026.
Decisions
- We stay below 200 ms and measure it daily.
- The export becomes a file; e-mails stop.
Next steps
1. Gustavo Lindqvist will book the room for the workshop
2. Arjun Ueda will send the numbers', 'Arjun Ueda and 2 others met on 03 March 2026.

## Decisions

- We stay below 200 ms and measure it daily.
- The export becomes a file; e-mails stop.

## Next steps

1. **Gustavo Lindqvist will book the room for the workshop**
2. **Arjun Ueda will send the numbers**
', '{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "Arjun Ueda and 2 others met on 03 March 2026.", "type": "text"}], "type": "paragraph"}, {"attrs": {"level": 2, "textAlign": "left"}, "content": [{"text": "Decisions", "type": "text"}], "type": "heading"}, {"content": [{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "We stay below 200 ms and measure it daily.", "type": "text"}], "type": "paragraph"}], "type": "listItem"}, {"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"text": "The export becomes a file; e-mails stop.", "type": "text"}], "type": "paragraph"}], "type": "listItem"}], "type": "bulletList"}, {"attrs": {"level": 2, "textAlign": "left"}, "content": [{"text": "Next steps", "type": "text"}], "type": "heading"}, {"attrs": {"start": 1}, "content": [{"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"marks": [{"type": "bold"}], "text": "Gustavo Lindqvist will book the room for the workshop", "type": "text"}], "type": "paragraph"}], "type": "listItem"}, {"content": [{"attrs": {"indent": 0, "textAlign": "left"}, "content": [{"marks": [{"type": "bold"}], "text": "Arjun Ueda will send the numbers", "type": "text"}], "type": "paragraph"}], "type": "listItem"}], "type": "orderedList"}], "type": "doc"}');



INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 0, false, 'en-US', 0.772, 4.419, false, '2026-03-02 11:58:00.772+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'We are on the record. This is Old.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 1, false, 'en-US', 5.694, 12.523, false, '2026-03-02 11:58:05.694+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'Do you swear to tell the truth, the whole truth, and nothing but the truth?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 2, false, 'en-US', 13.472, 14.272, false, '2026-03-02 11:58:13.472+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'I do.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 3, false, 'en-US', 14.533, 17.9, false, '2026-03-02 11:58:14.533+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'Please state your full name for the record.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 4, false, 'en-US', 18.257, 19.175, false, '2026-03-02 11:58:18.257+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'Henrik Chaudhry.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 5, false, 'en-US', 19.987, 22.058, false, '2026-03-02 11:58:19.987+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'Have you been deposed before?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 6, false, 'en-US', 22.726, 28.737, false, '2026-03-02 11:58:22.726+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'Once, about six years ago. It was a contract matter, and it took most of the [inaudible].');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 7, false, 'en-US', 30.103, 32.774, false, '2026-03-02 11:58:30.103+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'Was the alarm sounding when you arrived?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 8, false, 'en-US', 33.893, 36.858, false, '2026-03-02 11:58:33.893+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'No. Somebody had switched it off by then.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 9, false, 'en-US', 37.865, 40.594, false, '2026-03-02 11:58:37.865+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'How long did you hold that position?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 10, false, 'en-US', 41.631, 44.79, false, '2026-03-02 11:58:41.631+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'A little over four years, until the reorganization.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 11, false, 'en-US', 46.107, 48.719, false, '2026-03-02 11:58:46.107+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'And who did you report to?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 12, false, 'en-US', 49.96, 52.424, false, '2026-03-02 11:58:49.96+00', 'name:Yara Hashimoto', 'Yara Hashimoto', 'Objection. Calls for speculation. You may answer.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 13, false, 'en-US', 52.749, 57.017, false, '2026-03-02 11:58:52.749+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'To the plant manager. Before that, to the head of maintenance.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 14, false, 'en-US', 58.336, 63.407, false, '2026-03-02 11:58:58.336+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'Would it surprise you to learn that the reading was changed later?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 15, false, 'en-US', 64.362, 67.271, false, '2026-03-02 11:59:04.362+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'It would, yes. It would surprise me.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 16, false, 'en-US', 68.517, 71.502, false, '2026-03-02 11:59:08.517+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'When did you first learn of the leak?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 17, false, 'en-US', 72.228, 77.298, false, '2026-03-02 11:59:12.228+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'On the 9th, when the night shift called me at home.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 18, false, 'en-US', 78.476, 81.212, false, '2026-03-02 11:59:18.476+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'What was the pressure reading that morning?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 19, false, 'en-US', 81.795, 86.282, false, '2026-03-02 11:59:21.795+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'It was < 40, which is below what the manual calls for.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 20, false, 'en-US', 87.494, 89.732, false, '2026-03-02 11:59:27.494+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'What did you do then?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 21, false, 'en-US', 90.969, 97.881, false, '2026-03-02 11:59:30.969+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'I drove in. It takes 25 minutes, so I was there around a quarter to [inaudible].');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 22, false, 'en-US', 98.721, 101.925, false, '2026-03-02 11:59:38.721+00', 'name:Tariq Jankowski', 'Tariq Jankowski', 'Who else was copied on that e-mail?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 23, false, 'en-US', 103.228, 106.633, false, '2026-03-02 11:59:43.228+00', 'name:Henrik Chaudhry', 'Henrik Chaudhry', 'My supervisor, and I believe somebody from accounting.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'old', 1, 0, 24, false, 'en-US', 107.46, 109.432, false, '2026-03-02 11:59:47.46+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'We are off the record.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 0, false, 'en', 7.156, 32.296, true, '2026-03-02 11:58:07.156+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Good morning, everybody. Shall we start?');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 1, false, 'en', 32.296, 52.71, true, '2026-03-02 11:58:32.296+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Response times are below 200 ms again, so p99 < 200.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 2, false, 'en', 52.71, 63.325, true, '2026-03-02 11:58:52.71+00', 'account:c76dd2f9-ccdb-4229-a186-f0a635318c83', 'Nadia Gallagher', 'Sorry, I was on mute. Who owns the next step?');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 3, false, 'en', 63.325, 87.505, true, '2026-03-02 11:59:03.325+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'I''ll take it and report back on Thursday.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 4, false, 'en', 87.505, 104.938, true, '2026-03-02 11:59:27.505+00', 'account:22e80c99-61b1-46fb-abb8-f800bebb36a5', 'Anneliese Sandoval', 'The draft is with legal; they have two small remarks.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '565fea1f-91e8-4e61-b676-9bb6bdeee80a', 1, 0, 5, false, 'en', 104.938, 120, true, '2026-03-02 11:59:44.938+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Then we''re done for today. See you next week.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 0, false, 'en-US', 0.523, 3.799, false, '2026-03-03 11:58:00.523+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'We are on the record. This is Early.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 1, false, 'en-US', 4.709, 10.447, false, '2026-03-03 11:58:04.709+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'Do you swear to tell the truth, the whole truth, and nothing but the truth?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 2, false, 'en-US', 11.632, 12.432, false, '2026-03-03 11:58:11.632+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'I do.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 3, false, 'en-US', 13.749, 17.234, false, '2026-03-03 11:58:13.749+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Please state your full name for the record.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 4, false, 'en-US', 18.504, 19.304, false, '2026-03-03 11:58:18.504+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'Naveen Jankowski.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 5, false, 'en-US', 20.096, 22.832, false, '2026-03-03 11:58:20.096+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'What was the pressure reading that morning?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 6, false, 'en-US', 24.123, 29.515, false, '2026-03-03 11:58:24.123+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'It was < 40, which is below what the manual calls [inaudible].');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 7, false, 'en-US', 29.825, 31.962, false, '2026-03-03 11:58:29.825+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Do you still have that logbook?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 8, false, 'en-US', 32.461, 36.872, false, '2026-03-03 11:58:32.461+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'No. I handed it in when I left the company.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 9, false, 'en-US', 38.238, 41.499, false, '2026-03-03 11:58:38.238+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'When did you first learn of the leak?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 10, false, 'en-US', 42.701, 47.318, false, '2026-03-03 11:58:42.701+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'On the 17th, when the night shift called me at home.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 11, false, 'en-US', 48.052, 51.917, false, '2026-03-03 11:58:48.052+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Is there any reason you cannot give your best testimony today?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 12, false, 'en-US', 52.407, 53.855, false, '2026-03-03 11:58:52.407+00', 'name:Henrik Ueda', 'Henrik Ueda', 'Objection, asked and answered.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 13, false, 'en-US', 54.752, 56.436, false, '2026-03-03 11:58:54.752+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'No, there is not.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 14, false, 'en-US', 56.853, 59.362, false, '2026-03-03 11:58:56.853+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Did you write that reading down anywhere?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 15, false, 'en-US', 60.276, 64.4, false, '2026-03-03 11:59:00.276+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'In the logbook: page 34, I think, at the top.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 16, false, 'en-US', 65.069, 68.302, false, '2026-03-03 11:59:05.069+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Were you present when the valve was replaced?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 17, false, 'en-US', 68.726, 73.992, false, '2026-03-03 11:59:08.726+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'I was on site, but I did not see it being replaced.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 18, false, 'en-US', 75.157, 80.629, false, '2026-03-03 11:59:15.157+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Would it surprise you to learn that the reading was changed later?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 19, false, 'en-US', 81.55, 84.617, false, '2026-03-03 11:59:21.55+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'It would, yes. It would surprise me.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 20, false, 'en-US', 85.409, 88.038, false, '2026-03-03 11:59:25.409+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'How long did you hold that position?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 21, false, 'en-US', 89.056, 91.903, false, '2026-03-03 11:59:29.056+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'A little over four years, until the [inaudible].');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 22, false, 'en-US', 92.842, 96.014, false, '2026-03-03 11:59:32.842+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Where were you employed in March of 2020?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 23, false, 'en-US', 97.411, 101.635, false, '2026-03-03 11:59:37.411+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'At the Harborview facility, in the research & development group.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 24, false, 'en-US', 101.999, 106.875, false, '2026-03-03 11:59:41.999+00', 'name:Naveen Yamamoto', 'Naveen Yamamoto', 'Is it fair to say that you were responsible for the schedule?');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 25, false, 'en-US', 107.094, 108.771, false, '2026-03-03 11:59:47.094+00', 'name:Henrik Ueda', 'Henrik Ueda', 'Objection, asked and answered.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 26, false, 'en-US', 109.416, 112.429, false, '2026-03-03 11:59:49.416+00', 'name:Naveen Jankowski', 'Naveen Jankowski', 'I was one of several people responsible.');
INSERT INTO written.transcript_segments VALUES ('prevail', '127.0.0.1/halcyon-law-3ef735', 'smith-v-jones-1767225600', 1, 0, 27, false, 'en-US', 112.969, 114.759, false, '2026-03-03 11:59:52.969+00', 'name:Tomasz Oyelaran', 'Tomasz Oyelaran', 'We are off the record.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 0, false, 'en', 5.171, 32.014, true, '2026-03-03 11:58:05.171+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Let''s give the others another minute. All right, let''s go.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 1, false, 'en', 32.014, 53.667, true, '2026-03-03 11:58:32.014+00', 'account:cdf4714b-64a7-426d-b74e-190f3ef16907', 'Thandiwe Ibrahim', 'The supplier in Łódź has confirmed the delivery for the 14th.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 2, false, 'en', 53.667, 65.736, true, '2026-03-03 11:58:53.667+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Do we know what it will cost?');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 3, false, 'en', 65.736, 89.88, true, '2026-03-03 11:59:05.736+00', 'account:cdf4714b-64a7-426d-b74e-190f3ef16907', 'Thandiwe Ibrahim', 'Honestly, I don''t know yet. Let me check.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 4, false, 'de', 89.88, 102.73, true, '2026-03-03 11:59:29.88+00', 'account:6f4244b5-ee90-458c-b5da-394a3f56ed24', 'Gustavo Lindqvist', 'Klingt sinnvoll.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 0, 5, false, 'en', 102.73, 120, true, '2026-03-03 11:59:42.73+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Good. I''ll write up the takeaways. Thanks, and goodbye!');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 0, true, 'de', 5.171, 32.014, true, '2026-03-03 11:58:05.171+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Warten wir noch kurz. Gut, fangen wir an.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 1, true, 'de', 32.014, 53.667, true, '2026-03-03 11:58:32.014+00', 'account:cdf4714b-64a7-426d-b74e-190f3ef16907', 'Thandiwe Ibrahim', 'Der Lieferant in Łódź hat die Lieferung für den 14. bestätigt.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 2, true, 'de', 53.667, 65.736, true, '2026-03-03 11:58:53.667+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Wissen wir, was das kosten wird?');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 3, true, 'de', 65.736, 89.88, true, '2026-03-03 11:59:05.736+00', 'account:cdf4714b-64a7-426d-b74e-190f3ef16907', 'Thandiwe Ibrahim', 'Ehrlich gesagt weiß ich es noch nicht. Ich schaue nach.');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 1, 4, true, 'de', 102.73, 120, true, '2026-03-03 11:59:42.73+00', 'account:68ad487a-cc48-412c-8494-194103950cb2', 'Arjun Ueda', 'Gut. Ich schreibe das Wichtigste auf. Danke, und tschüss!');
INSERT INTO written.transcript_segments VALUES ('sessions_us', '127.0.0.1', '7a2753ab-002c-4499-8b3e-79a28f3a3375', 1, 2, 0, true, 'en', 89.88, 102.73, true, '2026-03-03 11:59:29.88+00', 'account:6f4244b5-ee90-458c-b5da-394a3f56ed24', 'Gustavo Lindqvist', 'Makes sense.');



ALTER TABLE ONLY written.attendance
    ADD CONSTRAINT attendance_pk PRIMARY KEY (platform, account, session_id, participant_key, seq);



ALTER TABLE ONLY written.attendance_summary
    ADD CONSTRAINT attendance_summary_pk PRIMARY KEY (platform, account, session_id, participant_key);



ALTER TABLE ONLY written.participants
    ADD CONSTRAINT participants_pk PRIMARY KEY (platform, account, session_id, seq);



ALTER TABLE ONLY written.recordings
    ADD CONSTRAINT recordings_pk PRIMARY KEY (platform, account, session_id, recording_id);



ALTER TABLE ONLY written.sessions_export_ledger
    ADD CONSTRAINT sessions_export_ledger_pk PRIMARY KEY (platform, account, session_id, dataset);



ALTER TABLE ONLY written.sessions
    ADD CONSTRAINT sessions_pk PRIMARY KEY (platform, account, session_id);



ALTER TABLE ONLY written.takeaways
    ADD CONSTRAINT takeaways_pk PRIMARY KEY (platform, account, session_id);



ALTER TABLE ONLY written.transcript_segments
    ADD CONSTRAINT transcript_segments_pk PRIMARY KEY (platform, account, session_id, track, seq);



CREATE INDEX attendance_email_ix ON written.attendance USING btree (email);



CREATE INDEX attendance_joined_at_ix ON written.attendance USING btree (joined_at);



CREATE INDEX attendance_participant_key_ix ON written.attendance USING btree (participant_key);



CREATE INDEX attendance_session_id_ix ON written.attendance USING btree (session_id);



CREATE INDEX attendance_summary_email_ix ON written.attendance_summary USING btree (email);



CREATE INDEX attendance_summary_first_join_ix ON written.attendance_summary USING btree (first_join);



CREATE INDEX attendance_summary_participant_key_ix ON written.attendance_summary USING btree (participant_key);



CREATE INDEX attendance_summary_session_id_ix ON written.attendance_summary USING btree (session_id);



CREATE INDEX participants_email_ix ON written.participants USING btree (email);



CREATE INDEX participants_participant_key_ix ON written.participants USING btree (participant_key);



CREATE INDEX participants_session_id_ix ON written.participants USING btree (session_id);



CREATE INDEX recordings_session_id_ix ON written.recordings USING btree (session_id);



CREATE INDEX sessions_ended_at_ix ON written.sessions USING btree (ended_at);



CREATE INDEX sessions_export_ledger_next_check_ix ON written.sessions_export_ledger USING btree (next_check);



CREATE INDEX sessions_export_ledger_run_ix ON written.sessions_export_ledger USING btree (run);



CREATE INDEX sessions_room_id_ix ON written.sessions USING btree (room_id);



CREATE INDEX sessions_session_id_ix ON written.sessions USING btree (session_id);



CREATE INDEX takeaways_session_id_ix ON written.takeaways USING btree (session_id);



CREATE INDEX transcript_segments_session_id_ix ON written.transcript_segments USING btree (session_id);



CREATE INDEX transcript_segments_speaker_key_ix ON written.transcript_segments USING btree (speaker_key);




