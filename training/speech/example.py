"""Make the example `assets/examples/driving/speech.ogg`, and print when its lips close.

python example.py FOLDER OUTPUT.ogg
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import espeak
import numpy as np
import voices

TEXT = "My mother baked a plum pie. People move the boat by the bay, before they come home."


def main() -> None:
    phonemes = espeak.phonemes(TEXT, "en-us")
    samples, rate, told = voices.Hibari(Path(sys.argv[1])).say(phonemes, 0.95, 1)
    late = voices.LATE_SECONDS["hibari"]
    events = [(start - late, end - late, name) for start, end, name in told]
    with av.open(sys.argv[2], "w") as output:
        stream = output.add_stream("libopus", rate=24000)
        stream.codec_context.layout = "mono"
        stream.codec_context.bit_rate = 32000
        loud = samples / np.abs(samples).max() * 0.8
        frame = av.AudioFrame.from_ndarray((loud * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    print(
        round(len(samples) / rate, 2), "s", [(round(a, 2), round(b, 2), name) for a, b, name in events if name in "pbm"]
    )


if __name__ == "__main__":
    main()
