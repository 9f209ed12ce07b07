#!/usr/bin/env python3
"""Processor time of libopus, called as a library, for each frame of 20 ms: `libopus.py SPEECH.raw`.

The same settings as ours: 8 kHz, one channel, VOIP, 16 kbit/s, complexity 5, voice, narrow band. The call from Python is measured
with an empty function of the library and taken off.
"""
import ctypes
import ctypes.util
import sys
import time

FRAME = 160
SET_BITRATE, SET_MAX_BANDWIDTH, SET_COMPLEXITY, SET_SIGNAL = 4002, 4004, 4010, 4024
VOIP, NARROWBAND, VOICE = 2048, 1101, 3001

opus = ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")
opus.opus_get_version_string.restype = ctypes.c_char_p
opus.opus_encoder_create.restype = opus.opus_decoder_create.restype = ctypes.c_void_p
opus.opus_encode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int32]
opus.opus_decode.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
opus.opus_strerror.argtypes = [ctypes.c_int]

error = ctypes.c_int()
encoder = opus.opus_encoder_create(8000, 1, VOIP, ctypes.byref(error))
decoder = opus.opus_decoder_create(8000, 1, ctypes.byref(error))
for request, value in ((SET_BITRATE, 16000), (SET_COMPLEXITY, 5), (SET_SIGNAL, VOICE), (SET_MAX_BANDWIDTH, NARROWBAND)):
    assert opus.opus_encoder_ctl(ctypes.c_void_p(encoder), ctypes.c_int(request), ctypes.c_int32(value)) == 0

speech = open(sys.argv[1], "rb").read()
sound = (ctypes.c_int16 * (len(speech) // 2)).from_buffer_copy(speech[: len(speech) // 2 * 2])
begin, frames = ctypes.addressof(sound), len(sound) // FRAME
packets, octets, heard = [], ctypes.create_string_buffer(1000), (ctypes.c_int16 * 960)()


def per_frame(work):
    before = time.thread_time()
    for frame in range(frames):
        work(frame)
    return (time.thread_time() - before) * 1e6 / frames


nothing = per_frame(lambda frame: opus.opus_strerror(0))
lengths = []
encode = per_frame(lambda frame: lengths.append(opus.opus_encode(encoder, begin + frame * FRAME * 2, FRAME, octets, 1000)))
for frame in range(frames):
    length = opus.opus_encode(encoder, begin + frame * FRAME * 2, FRAME, octets, 1000)
    packets.append(octets.raw[:length])
decode = per_frame(lambda frame: opus.opus_decode(decoder, packets[frame], len(packets[frame]), heard, 960, 0))
bits = sum(lengths) * 8 / (frames * 20)
print(f"{opus.opus_get_version_string().decode()}: encode {encode - nothing:.2f} µs, decode {decode - nothing:.2f} µs, {bits:.2f} kbit/s")
