"""Captions that this package writes, on a video in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from airflow_provider_sessions.captions import FORMATS
from airflow_provider_sessions.model import Transcript, TranscriptSegment
from airflow_provider_sessions.sandbox.media import MediaFile
from tests.ui.conftest import SCREENSHOTS

pytestmark = pytest.mark.ui

SITE = "http://captions.test"
SPOKEN = [
    (0.0, 1.5, "Ada Lovelace", "Good morning. Is p99 < 200 ms & rising?"),
    (1.5, 4.25, "O'Neil > Sons", "No: 180 --> 170.\nSecond line."),
    (4.0, 6.0, "Zoë Łukasz", "I talk <b>at the same time</b>; &amp; stays as it is."),
    (3661.5, 3662.0, None, "An hour later, nobody knows who."),
]
PAGE = """<!doctype html>
<video width=640 muted><track default kind=captions srclang=en src=said.vtt></video>
<script>
    // As a whole, since one can only go to a place in a film that is there whole or whose server can serve parts.
    fetch("film.mp4").then(answer => answer.blob()).then(film => {
        document.querySelector("video").src = URL.createObjectURL(film);
    });
</script>"""
CUES = """() => Array.from(document.querySelector("video").textTracks[0].cues, cue => {
    const shown = cue.getCueAsHTML();
    return [cue.startTime, cue.endTime, shown.querySelector("[title]")?.title ?? null, shown.textContent];
})"""


SHORT = [(0.5, 0.5, "a"), (0.5, 0.5, "b"), (1.0001, 1.0003, "c"), (1.0004, 0.2, "d"), (2.0, 2.5, "e"), (3.0, 3.0, "f")]
"""What platforms give of which some ends are no later than their starts."""
PLAY = """async () => {
    const video = document.querySelector("video"), track = video.textTracks[0], seen = [];
    track.mode = "showing";
    const addCues = () => { for (const cue of track.activeCues) if (!seen.includes(cue.text)) seen.push(cue.text); };
    track.addEventListener("cuechange", addCues);
    await video.play();
    await new Promise(done => video.addEventListener("ended", done, {once: true}));
    return seen.sort();
}"""


@pytest.fixture
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page with a recording of the sandbox's and captions of ours."""
    spoken = getattr(request, "param", SPOKEN)
    segments = tuple(TranscriptSegment(start=a, end=b, speaker_name=who, text=text) for a, b, who, text in spoken)
    captions = "".join(FORMATS["vtt"](Transcript(session_id="s", language="en", segments=segments)))
    film = MediaFile("captions", 60_000)
    files: dict[str, dict[str, Any]] = {
        "/": {"body": PAGE, "content_type": "text/html"},
        "/said.vtt": {"body": captions.encode(), "content_type": "text/vtt"},
        "/film.mp4": {"body": b"".join(film.read(0, film.size)), "content_type": film.content_type},
    }

    def serve(route: Route) -> None:
        found = files.get(route.request.url.removeprefix(SITE))
        route.fulfill(**(found or {"status": 404}))

    with browser.new_context(viewport={"width": 700, "height": 560}) as context:
        context.route("**/*", serve)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(f"{SITE}/")
        yield page


def test_browser_shows_captions_as_they_were_said(screen: Page) -> None:
    screen.wait_for_function("document.querySelector('track').readyState === HTMLTrackElement.LOADED")

    assert screen.evaluate(CUES) == [[start, end, who, text] for start, end, who, text in SPOKEN]

    screen.wait_for_function("document.querySelector('video').readyState >= HTMLMediaElement.HAVE_CURRENT_DATA")
    screen.evaluate("document.querySelector('video').currentTime = 4.1")  # when two people speak
    screen.wait_for_function("document.querySelector('video').textTracks[0].activeCues.length === 2")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    screen.wait_for_timeout(600)
    screen.screenshot(path=SCREENSHOTS / "captions.png")


@pytest.mark.parametrize("screen", [[(start, end, None, text) for start, end, text in SHORT]], indirect=True)
def test_every_caption_is_shown_when_the_film_is_played(screen: Page) -> None:
    screen.wait_for_function("document.querySelector('video').readyState >= HTMLMediaElement.HAVE_CURRENT_DATA")
    assert screen.evaluate(PLAY) == sorted(text for _, _, text in SHORT)
