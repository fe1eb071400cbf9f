#!/usr/bin/env bash
# Is it the classifier's knowledge that helps? Score Subnet, no gradient taps, U-Net and a random backbone, three seeds each, on two corpora
# of digits that people spoke; then one seed of each ablation. Small networks, equal steps, 2,048 samples by sampling/fast.
#   make reproduce TABLE=controls WORKERS=2      (about 25 minutes of one core for each model and seed; call it again to continue)
# Needs data/english_digits_16k and data/arabic_digits_16k in Speech Commands layout. Each worker takes the first task that is free.
set -u
SCORETAP=${SCORETAP:-.venv/bin/scoretap} OUT=runs/controls
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p $OUT/.tasks

# task NAME NEEDS COMMAND...: run the command once, after the tasks that it needs. A worker runs one task in each pass.
task() {
  local name=$1 needs=$2 need start; shift 2
  [ -e "$OUT/.tasks/$name.done" ] || [ -n "$RAN" ] && return
  for need in $needs; do [ -e "$OUT/.tasks/$need.done" ] || return; done
  [ "$(cat "$OUT/.tasks/$name.failed" 2>/dev/null | wc -l)" -ge 3 ] && return
  exec 9>"$OUT/.tasks/$name.lock"; flock -n 9 || { BUSY=yes; return; }
  [ -e "$OUT/.tasks/$name.done" ] && return
  RAN=yes start=$(date +%s); echo "$(date +%T) start $name"
  if "$@" >>"$OUT/.tasks/$name.log" 2>&1 9>&-; then
    echo "$(($(date +%s) - start)) s" >"$OUT/.tasks/$name.done"; echo "$(date +%T) done  $name"
  else
    date >>"$OUT/.tasks/$name.failed"; echo "$(date +%T) FAILED $name: see $OUT/.tasks/$name.log"
  fi
  exec 9>&-
}

# fit RUN EPOCHS SEED FLAGS...: train a run, or continue it.
fit() {
  local run=$1 epochs=$2 seed=$3 last; shift 3; last=$OUT/$run/version_0/checkpoints/last.ckpt
  $SCORETAP fit --config base --config logger/csv --config data/speech_commands "$@" --trainer.max_steps -1 \
    --trainer.max_epochs "$epochs" --seed_everything "$seed" --trainer.logger.init_args.name "controls/$run" \
    --trainer.logger.init_args.version 0 --trainer.enable_progress_bar false $([ -e "$last" ] && echo --ckpt_path "$last")
}

# row RUN EVALUATOR SCALE: draw and score 2,048 samples.
row() {
  $SCORETAP test --config sampling/fast --ckpt_path "$OUT/$1/version_0" --sampling.guidance_scale "$3" --scoring.evaluator "$2" \
    --scoring.count 2048 --scoring.batch_size 16 --scoring.name "$1, γ = $3" --trainer.enable_progress_bar false
}

# model CORPUS MODEL SEED SCALES CLASSIFIER FLAGS...: train a model on a classifier, then draw its rows.
model() {
  local corpus=$1 name=$1-$2_seed$3 run=$1/$2_seed$3 seed=$3 scales=$4 classifier=$5 scale; shift 5
  task "$name" "$corpus-$classifier" fit "$run" "$EPOCHS" "$seed" "$@" --data.init_args.root "data/${corpus}_digits_16k" \
    --model.init_args.classifier "$OUT/$corpus/$classifier/version_0"
  for scale in $scales; do task "$name-row$scale" "$name $EVALUATOR_TASK" row "$run" "$EVALUATOR" "$scale"; done
}

# classifier CORPUS NAME SEED FLAGS...
classifier() {
  local corpus=$1 name=$2 seed=$3; shift 3
  task "$corpus-$name" "" fit "$corpus/$name" "$CLASSIFIER_EPOCHS" "$seed" --config small/classifier "$@" \
    --data.init_args.root "data/${corpus}_digits_16k"
}

seeds() { # CORPUS
  local corpus=$1 seed on
  for seed in 0 1 2; do
    on=classifier_seed$seed
    classifier "$corpus" "$on" "$seed"
    model "$corpus" score_subnet "$seed" "0 3" "$on" --config small/score_subnet
    model "$corpus" features_only "$seed" "0 3" "$on" --config small/score_subnet --config experiments/features_only
    model "$corpus" unet "$seed" "0 3" "$on" --config small/unet
    model "$corpus" random_backbone "$seed" "0" "$on" --config small/score_subnet --config ablations/backbone_random
  done
}

ablations() { # CORPUS
  local name
  for name in clean unconditioned; do
    classifier "$1" "classifier_$name" 0 --config "ablations/classifier_$name"
    model "$1" "on_$name" 0 "0 3" "classifier_$name" --config small/score_subnet
  done
  for name in fusion_add fusion_concat signals_gradients parameterization_epsilon parameterization_velocity backbone_fine_tuned; do
    model "$1" "$name" 0 "0 3" classifier_seed0 --config small/score_subnet --config "ablations/$name"
  done
}

worker() {
  while :; do
    RAN= BUSY=
    EPOCHS=35 CLASSIFIER_EPOCHS=21 EVALUATOR=$OUT/english/evaluator/version_0 EVALUATOR_TASK=english-evaluator
    task english-evaluator "" fit english/evaluator 70 100 --config small/evaluator --data.init_args.root data/english_digits_16k
    seeds english
    EPOCHS=45 CLASSIFIER_EPOCHS=27 EVALUATOR=arabic-digits-evaluator EVALUATOR_TASK=
    seeds arabic
    EPOCHS=35 CLASSIFIER_EPOCHS=21 EVALUATOR=$OUT/english/evaluator/version_0 EVALUATOR_TASK=english-evaluator
    ablations english
    [ -z "$RAN$BUSY" ] && break # all is done, or waits for what has failed
    [ -z "$RAN" ] && sleep 20
  done
}

for i in $(seq "${1:-1}"); do worker & sleep 3; done; wait
