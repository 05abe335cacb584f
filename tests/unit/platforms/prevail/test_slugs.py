"""Slugs as Ruby on Rails makes them: its tests' own examples, and letters of Latin alphabets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_sessions.clock import VirtualClock
from airflow_provider_sessions.model import SessionDraft
from airflow_provider_sessions.platforms.prevail.adapter import PrevailAdapter
from airflow_provider_sessions.platforms.prevail.slugs import make_slug
from airflow_provider_sessions.sandbox import Sandbox
from airflow_provider_sessions.sandbox.prevail import rails

Open = Callable[..., PrevailAdapter]
Draft = Callable[..., SessionDraft]
SLUGS = [
    ("Łukasz", "lukasz"),
    ("Łukasz v. Żółć", "lukasz-v-zolc"),
    ("Straße", "strasse"),
    ("STRA\u1e9eE", "strasse"),
    ("Ærøskøbing", "aeroskobing"),
    ("Þór Ðarson", "thor-darson"),
    ("İstanbul I\u015f\u0131k", "istanbul-isik"),
    ("Œuvre", "oeuvre"),
    ("Ħaż-Żebbuġ", "haz-zebbug"),
    ("Đà Nẵng", "da-n-ng"),
    ("Ŋ \u00d7 Ŧ", "ng-x-t"),
    ("e\u0301te\u0301", "ete"),
    ("Zażółć_gęślą", "zazolc_gesla"),
    ("漢字 2 Смит", "2"),
    ("^très|Jolie-- ", "tres-jolie"),
    ("Ǫgmund ǭ", "ogmund-o"),
]


@pytest.mark.parametrize(("text", "slug"), SLUGS)
def test_letters_are_kept_as_far_as_rails_keeps_them(text: str, slug: str) -> None:
    assert make_slug(text) == rails.slug_of(text) == slug


@given(st.text(st.characters(max_codepoint=0x250) | st.characters(exclude_categories=["Cs"]), max_size=20))
@settings(max_examples=1000, deadline=None)
def test_both_rules_are_one(text: str) -> None:
    assert make_slug(text) == rails.slug_of(text)
    assert make_slug(make_slug(text)) == make_slug(text)


@pytest.mark.parametrize(("text", "slug"), [("Łukasz Wąs v. Ørsted", "lukasz-was-v-orsted")])
async def test_a_session_has_the_slug_that_was_foreseen(
    open_adapter: Open, sandbox: Sandbox, clock: VirtualClock, draft: Draft, text: str, slug: str
) -> None:
    made = await open_adapter().create(draft(text))
    assert made.session_id == slug
    (found,) = await open_adapter().find_existing(draft(text))
    assert found.session.session_id == slug
    keyed = await open_adapter().create(draft(text, key="0123456789-abcdef"))
    assert keyed.session_id == f"{slug}-0123456789-abcdef"
