"""eSpeak NG through its C interface: speech with the time of each phoneme, and the phonemes of a text."""

from __future__ import annotations

import ctypes

import numpy as np

_RETRIEVAL, _PHONEME_EVENTS, _IPA_EVENTS = 1, 1, 2
_END, _PHONEME = 0, 7
_RATE, _PITCH = 1, 3
_UTF8, _IPA = 1, 2


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int) for name in ("type",)),
        ("uid", ctypes.c_uint),
        *((name, ctypes.c_int) for name in ("text_position", "length", "audio_position", "sample")),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_library = ctypes.CDLL("libespeak-ng.so.1")
_library.espeak_TextToPhonemes.restype = ctypes.c_char_p
SAMPLE_RATE = _library.espeak_Initialize(_RETRIEVAL, 0, None, _PHONEME_EVENTS | _IPA_EVENTS)
_heard: list[np.ndarray] = []
_events: list[tuple[float, str]] = []


@_Callback
def _collect(samples, count, events):
    if count > 0:
        _heard.append(np.ctypeslib.as_array(samples, (count,)).copy())
    place = 0
    while events[place].type != _END:
        if events[place].type == _PHONEME:
            name = bytes(events[place].id.string).split(b"\0")[0].decode("utf8", "ignore")
            # Names in brackets tell a change of language, no sound.
            if not name.startswith("("):
                _events.append((events[place].sample / SAMPLE_RATE, name))
        place += 1
    return 0


_library.espeak_SetSynthCallback(_collect)


def _choose(voice: str) -> None:
    if _library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"eSpeak NG has no voice {voice}")


def say(text: str, voice: str, rate: int, pitch: int) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """(samples at `SAMPLE_RATE`, [(start, end, phoneme)])."""
    _heard.clear()
    _events.clear()
    _choose(voice)
    _library.espeak_SetParameter(_RATE, rate, 0)
    _library.espeak_SetParameter(_PITCH, pitch, 0)
    content = text.encode()
    _library.espeak_Synth(content, len(content) + 1, 0, 1, 0, _UTF8, None, None)
    _library.espeak_Synchronize()
    samples = np.concatenate(_heard).astype(np.float32) / 32768
    ends = [start for start, _ in _events[1:]] + [len(samples) / SAMPLE_RATE]
    return samples, [(start, end, name) for (start, name), end in zip(_events, ends) if end > start]


def phonemes(text: str, voice: str) -> str:
    """A text in IPA."""
    _choose(voice)
    content = ctypes.c_char_p(text.encode())
    pointer, found = ctypes.pointer(content), []
    while content.value:
        found.append(_library.espeak_TextToPhonemes(pointer, _UTF8, _IPA).decode())
    return " ".join(found)
