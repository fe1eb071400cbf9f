#!/usr/bin/env bash
# What is a generator good for? Digit recognisers trained on few recordings, on generated clips, and on both, tested on people whom
# nobody trained on: the classification accuracy score of Ravuri & Vinyals 2019 (arXiv:1905.10887).
#   make reproduce TABLE=usefulness WORKERS=2    (about two hours of one core; call it again to continue)
# Set CORPUS to a corpus in Speech Commands layout with lists, MODEL to a generator that was trained on it, PREDICT to how it draws.
set -u
SCORETAP=${SCORETAP:-.venv/bin/scoretap} CORPUS=${CORPUS:-data/arabic_digits_16k} MODEL=${MODEL:-arabic-digits}
PREDICT=${PREDICT:---config sampling/fast --sampling.guidance_scale 3} COUNT=${COUNT:-2000} STEPS=${STEPS:-1000} SEEDS=${SEEDS:-0 1 2}
OUT=${OUT:-runs/usefulness} WORDS=(zero one two three four five six seven eight nine)
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

# rank: list the clips of CORPUS, "place word path": in which split they are held out, or for training clips a hash of their names.
rank() {
  local word clip stem
  for word in "${WORDS[@]}"; do
    for clip in "$(realpath "$CORPUS")/$word"/*; do
      stem=$word/$(basename "${clip%.*}").
      grep -qF "$stem" "$CORPUS"/{testing,validation}_list.txt && echo "held_out $word $clip" ||
        echo "$(basename "$clip" | md5sum | cut -c -16) $word $clip"
    done
  done | sort
}

# corpus FOLDER REAL GENERATED: links to the held-out clips, to REAL training clips of each digit ("all" for all) in the order of their
# hashes, and to the GENERATED clips where it is "yes".
corpus() {
  local folder=$1 real=$2 generated=$3
  [ -e "$folder/complete" ] && return
  rm -rf "$folder"; mkdir -p "${WORDS[@]/#/$folder/}"; cp "$CORPUS"/{testing,validation}_list.txt "$folder"
  awk -v real="$real" '$1 == "held_out" || real == "all" || ++seen[$2] <= real { print $2, $3 }' "$OUT/ranked" |
    while read -r word clip; do ln -s "$clip" "$folder/$word/"; done
  if [ "$generated" = yes ]; then
    while IFS=, read -r clip label _; do
      [ "$clip" = file ] || ln -s "$(realpath "$OUT")/samples/$clip" "$folder/${WORDS[$label]}/generated${clip%%_*}_nohash_0.wav"
    done <"$OUT/samples/manifest.csv"
  fi
  touch "$folder/complete"
}

# recogniser NAME REAL GENERATED SEED: train one on its own corpus, and test it.
recogniser() {
  local run=$1_seed$4
  [ -e "$OUT/$run.txt" ] && return # ends with a table of figures
  exec 9>"$OUT/.$run.lock"; flock -n 9 || return
  echo "$(date +%T) start $run"
  $SCORETAP fit </dev/null --config base --config logger/csv --config data/speech_commands --config small/evaluator --seed_everything "$4" \
    --data.init_args.root "$OUT/corpora/$1" --trainer.max_steps "$STEPS" --trainer.limit_val_batches 0 \
    --trainer.num_sanity_val_steps 0 --trainer.default_root_dir "$OUT" --trainer.logger.init_args.save_dir "$OUT" \
    --trainer.logger.init_args.name "$run" --trainer.logger.init_args.version 0 --trainer.enable_progress_bar false &&
    $SCORETAP test </dev/null --ckpt_path "$OUT/$run/version_0" --trainer.enable_progress_bar false >"$OUT/$run.part" &&
    mv "$OUT/$run.part" "$OUT/$run.txt"
  exec 9>&-
}

runs() { # each way to train, with each seed
  local seed name real generated
  for seed in $SEEDS; do
    while read -r name real generated; do recogniser "$name" "$real" "$generated" "$seed"; done <<<"$WAYS"
  done
}

WAYS="generated 0 yes
real5 5 no
real5_generated 5 yes
real20 20 no
real20_generated 20 yes
real100 100 no
real100_generated 100 yes
real_all all no
real_all_generated all yes"

mkdir -p "$OUT"
[ -e "$OUT/samples/manifest.csv" ] ||
  $SCORETAP predict --ckpt_path "$MODEL" $PREDICT --data.init_args.count "$((COUNT / 10))" \
  --sample_writer.folder "$OUT/samples" --trainer.enable_progress_bar false || exit
[ -e "$OUT/ranked" ] || rank >"$OUT/ranked"
while read -r name real generated; do corpus "$OUT/corpora/$name" "$real" "$generated"; done <<<"$WAYS"
for worker in $(seq "${1:-1}"); do runs & done; wait

echo "| real clips a digit | generated clips | accuracy on real test clips, %, by seed |"; echo "| --: | --: | :-- |"
while read -r name real generated; do
  echo "| $real | $([ "$generated" = yes ] && echo "$COUNT" || echo 0) | $(for seed in $SEEDS; do
    grep -hso 'accuracy[^0-9]*[01]\.[0-9]*' "$OUT/${name}_seed$seed.txt" | grep -o '[01]\.[0-9]*$' | awk '{ printf "%.1f ", 100 * $1 }'
  done)|"
done <<<"$WAYS"
