#!/usr/bin/env bash
# uvloop 0.23.0: call_later and call_at return a Handle without when() if the time is less than half a millisecond ahead
#
# Guessed: a TimerHandle, as asyncio documents for both and returns also for a delay of 0; its when() tells the time.
# Seen: a delay is rounded to milliseconds, and one that rounds to 0 becomes call_soon, which returns a plain Handle:
# "'uvloop.loop.Handle' object has no attribute 'when'". With 0.6 ms and more it is a TimerHandle.
# Matters: code that asks a timer when it fires works in all tests with longer delays, and fails in the event loop of a
# busy process, whose timers are due at once. The store of the rate limit did; it notes the time itself now.
# Date: 2026-12-01
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check uvloop==0.23.0
cat >"$work/handles.py" <<'PYTHON'
import asyncio

import uvloop


async def main():
    loop = asyncio.get_running_loop()
    handles = [loop.call_later(delay, print) for delay in (0, 0.0004, 0.0006)] + [loop.call_at(loop.time(), print)]
    print(*(hasattr(handle, "when") for handle in handles))
    for handle in handles:
        handle.cancel()


asyncio.run(main())
uvloop.run(main())
PYTHON
"$work/env/bin/python" "$work/handles.py" | tee "$work/out"
[[ $(cat "$work/out") == $'True True True True\nFalse False True False' ]] || {
    echo "CHANGED: uvloop returns a timer"
    exit 1
}
