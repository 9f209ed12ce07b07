#!/usr/bin/env bash
# Speech through every codec: processor time for each frame, beside ffmpeg (G.723.1) and libopus (Opus) in the same run,
# and what a listener would say of it (PESQ, narrow band) beside their decoders. Needs espeak-ng, sox, ffmpeg and python3 with
# pesq and numpy. `benches/voice/run.sh [FOLDER]`: what was spoken and heard stays there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
folder=$(realpath -m "${1:-target/voice}")
mkdir -p "$folder"
for tool in espeak-ng sox ffmpeg python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 1; }
done
python3 -c 'import numpy, pesq' || { echo "pip install numpy pesq" >&2; exit 1; }

# Six languages, clean, with pauses, and once more with faint pink noise behind them.
speak() { espeak-ng -v "$1" -s 150 -w "$folder/say-$1.wav" "$2"; }
speak en "The balance of your account is low. Please charge it before you place another call to this destination."
speak es "El saldo de su cuenta es bajo. Recárguelo antes de hacer otra llamada a este destino."
speak fr "Le solde de votre compte est faible. Veuillez le recharger avant un autre appel."
speak de "Ihr Guthaben ist fast verbraucht. Bitte laden Sie es auf, bevor Sie weiter telefonieren."
speak it "Il credito del suo conto è basso. Lo ricarichi prima di chiamare ancora questa destinazione."
speak ru "На вашем счёте осталось мало денег. Пополните его перед следующим звонком."
sox "$folder"/say-*.wav -r 8000 -c 1 -b 16 -e signed "$folder/clean.wav" pad 0.5 0.5 gain -n -6
sox "$folder/clean.wav" -n stat 2>&1 | sed -n 's/^Length (seconds): */speech, seconds: /p'
sox -R -n -r 8000 -c 1 -b 16 "$folder/pink.wav" synth "$(soxi -D "$folder/clean.wav")" pinknoise gain -42
sox -m -v 1 "$folder/clean.wav" -v 1 "$folder/pink.wav" -b 16 "$folder/noisy.wav"

for speech in clean noisy; do
    sox "$folder/$speech.wav" -t raw -e signed -b 16 -r 8000 -c 1 "$folder/$speech.raw"
    mkdir -p "$folder/$speech"
done
echo "== clean speech"
cargo bench --quiet -p voice --bench codecs -- measure "$folder/clean.raw" "$folder/clean"
echo "== with noise"
cargo bench --quiet -p voice --bench codecs -- measure "$folder/noisy.raw" "$folder/noisy"

# What ffmpeg takes: its own figure of user time, less that of starting it and reading the sound.
utime() { ffmpeg -hide_banner -nostdin -y -benchmark -threads 1 "$@" 2>&1 | sed -n 's/^bench: utime=\([0-9.]*\)s.*/\1/p'; }
raw=(-f s16le -ar 8000 -ac 1 -i "$folder/clean-long.raw")
for _ in 1 2 3 4 5 6 7 8; do cat "$folder/clean.raw"; done >"$folder/clean-long.raw"
seconds=$(($(stat -c %s "$folder/clean-long.raw") / 16000))
figure() { # NAME FRAME_MS TIME NOTHING
    awk -v name="$1" -v frame="$2" -v time="$3" -v nothing="$4" -v seconds="$seconds" 'BEGIN {
        printf "%-28s %8.2f µs a frame of %d ms\n", name, (time - nothing) * 1e6 / (seconds * 1000 / frame), frame }'
}
echo "== peers"
nothing=$(utime "${raw[@]}" -f null -)
figure "ffmpeg g723_1 6.3 encode" 30 "$(utime "${raw[@]}" -c:a g723_1 -b:a 6300 -f g723_1 "$folder/ffmpeg.g723")" "$nothing"
figure "ffmpeg g723_1 decode" 30 "$(utime -f g723_1 -i "$folder/ffmpeg.g723" -f null -)" "$nothing"
opus=(-c:a libopus -b:a 16000 -application voip -frame_duration 20 -compression_level 5 -cutoff 4000)
python3 benches/voice/libopus.py "$folder/clean.raw"

# Each other's streams.
for speech in clean noisy; do
    ffmpeg -hide_banner -nostdin -y -loglevel error -f s16le -ar 8000 -ac 1 -i "$folder/$speech.raw" -c:a g723_1 -b:a 6300 -f g723_1 "$folder/$speech/theirs.g723"
    ffmpeg -hide_banner -nostdin -y -loglevel error -f s16le -ar 8000 -ac 1 -i "$folder/$speech.raw" "${opus[@]}" "$folder/$speech/theirs.opus"
    for coder in g723 opus; do
        cargo bench --quiet -p voice --bench codecs -- decode "$folder/$speech/theirs.$coder" "$folder/$speech/theirs-$coder-ours.raw"
    done
    for coded in "$folder/$speech"/g723-*.g723 "$folder/$speech/theirs.g723"; do
        ffmpeg -hide_banner -nostdin -y -loglevel error -f g723_1 -i "$coded" -f s16le -ar 8000 -ac 1 "${coded%.g723}-ffmpeg.raw"
    done
    for coded in "$folder/$speech"/opus-*.opus "$folder/$speech/theirs.opus"; do
        ffmpeg -hide_banner -nostdin -y -loglevel error -c:a libopus -i "$coded" -f s16le -ar 8000 -ac 1 "${coded%.opus}-libopus.raw"
    done
done
python3 benches/voice/pesq_table.py "$folder"
