# Sourced by the demos. Before `step` is called, `folder` (where runs go) and `limbeck` (the command) are set.

say() { printf '\n== %s\n' "$*"; }

# step NAME SUBCOMMAND FLAGS…: runs, resumes or skips one training run.
step() {
  local name=$1 run=$folder/$1
  shift
  if [ -f "$run/model.safetensors" ]; then
    echo "$run is there already; remove it to train it again"
  elif [ -e "$run" ]; then
    echo "$run was interrupted; going on from its last checkpoint"
    "$limbeck" "$1" --output "$run" --resume
  else
    "$limbeck" "$@" --output "$run"
  fi
}
