#!/bin/bash
# The job files of docs/how-to/cluster against a real Slurm: controller, node and munge run on loopback, as root, and are stopped at the end.
# Runs arrays on tiny phantoms, requeues a task in the middle, leaves one out, merges, and compares with processes that did all of it. Trains with two tasks that srun joins.
#   tests/Cluster/slurm.sh [Release]
set -u
cd "$(dirname "$0")/../.."
configuration=$(echo "${1:-Release}" | tr '[:upper:]' '[:lower:]')
repository=$PWD
for program in munged slurmctld slurmd sbatch; do
    command -v $program >/dev/null || { echo "skipped: $program is not installed (Debian packages slurm-wlm and munge)"; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }

work=$(mktemp -d)
export SLURM_CONF=$work/slurm.conf DOTNET_TieredPGO=0
export CREDENCE_TRAIN="dotnet $repository/artifacts/bin/Trainer/$configuration/credence-train.dll" CREDENCE_INFER="dotnet $repository/artifacts/bin/InferenceCli/$configuration/credence-infer.dll"
pids=()

stop() {
    scancel --quiet --user=root 2>/dev/null
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null
    done
    for pid in "${pids[@]}"; do
        wait "$pid" 2>/dev/null
    done
    rm -rf "$work"
}
trap stop EXIT

fail() {
    echo "FAILED: $*"
    tail -n 20 "$work"/munged.log "$work"/*.txt "$work"/jobs/*.log 2>/dev/null
    scontrol show job --oneliner
    tail -n 60 "$work"/slurmd.log "$work"/slurmctld.log
    exit 1
}

# Free ports: a Slurm of the machine, or another run of this script, is left alone.
port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

start() {
    local host
    host=$(hostname -s)
    mkdir -p "$work"/{munge,state,spool,jobs}
    dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
    chown -R munge "$work/munge" && chmod 755 "$work/munge" && chmod 400 "$work/munge/key" && chmod 755 "$work"
    cat >"$SLURM_CONF" <<CONF
ClusterName=credence
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket,cred_expire=15
CryptoType=crypto/munge
SlurmctldPort=$(port)
SlurmdPort=$(port)
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerParameters=sched_interval=2,batch_sched_delay=0,sched_min_interval=100000
KillWait=20
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4000 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    runuser -u munge -- munged --foreground --key-file="$work/munge/key" --socket="$work/munge/socket" --pid-file="$work/munge/pid" --seed-file="$work/munge/seed" --log-file="$work/munge/log" 2>"$work/munged.log" &
    pids+=($!)
    until [ -S "$work/munge/socket" ]; do sleep 0.1; kill -0 "${pids[0]}" 2>/dev/null || fail "munged does not start"; done
    slurmctld -D 2>/dev/null &
    pids+=($!)
    slurmd -D 2>/dev/null &
    pids+=($!)
    local n
    for n in $(seq 100); do
        sinfo --noheader -o %T 2>/dev/null | grep -q idle && return
        sleep 0.2
    done
    fail "the node does not come up"
}

# task_state ARRAY_TASK STATE...: waits until a task has one of the states.
await() {
    local id=$1 state n
    shift
    for n in $(seq 600); do
        state=$(scontrol show job "$id" 2>/dev/null | grep -o 'JobState=[A-Z_]*' | head -1)
        for wanted in "$@"; do
            [ "$state" = "JobState=$wanted" ] && return
        done
        sleep 0.2
    done
    fail "job $id is $state, not $*"
}

# await_all ID: waits until nothing of a job or an array waits or runs.
await_all() {
    local n left
    for n in $(seq 900); do
        left=$(squeue --noheader --jobs="$1" 2>/dev/null) && [ -z "$left" ] && return # a controller that does not answer is no empty queue
        sleep 0.2
    done
    fail "job $1 does not end"
}

exit_code() { scontrol show job "$1" | grep -o ' ExitCode=[0-9]*' | head -1 | cut -d= -f2; }

submit() { (cd "$work/jobs" && sbatch --parsable --cpus-per-task=1 --mem=500M --export=ALL "$@") || fail "sbatch $*"; }

same() { cmp "$1" "$2" || { diff "$1" "$2" | cut -c 1-300 | head -n 6; fail "$1 and $2 differ: ${3:-}"; }; }

# Times of day and durations are no part of a result.
timeless() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z//g; s/"(seconds|waitSeconds|stepSeconds|communicationSeconds)":[0-9.eE+-]+//g; s/(data-label="Seconds" data-key=")[0-9.]+">[0-9.]+/\1/; s/,[0-9.]+,("[^"]*")?,(\r?)$/,,\1,\2/' "$1"; }

# weights A B [TOLERANCE]: compares every tensor of two checkpoints: to the bit, optimiser and averages too, or the numbers of the network alone. Texts, which hold times, are left out.
weights() {
    /usr/bin/python3 - "$@" <<'PYTHON' || fail "$1 and $2 hold other weights"
import array, json, sys
def read(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    return {name: (t["dtype"], t["shape"], body[slice(*t["data_offsets"])]) for name, t in header.items() if name != "__metadata__"}
one, two = map(read, sys.argv[1:3])
if len(sys.argv) < 4:
    wrong = [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]
    print(f"{len(one)} tensors", *(f"{name} differs" for name in wrong))
    sys.exit(bool(wrong) or not one)
def numbers(tensors):
    return {name: array.array("f", data) for name, (dtype, _, data) in tensors.items() if name.startswith("network/") and dtype == "F32"}
one, two = numbers(one), numbers(two)
differences = [abs(a - b) for name in one for a, b in zip(one[name], two[name], strict=True)]
print(f"{len(one)} tensors of the network, largest difference {max(differences):.1e}")
sys.exit(one.keys() != two.keys() or max(differences) > float(sys.argv[3]))
PYTHON
}

start
cluster=$repository/docs/how-to/cluster
cd "$work" || exit 1
echo "-- Slurm $(sinfo --version | cut -d' ' -f2) is up; phantoms, and the whole in one process"
$CREDENCE_TRAIN phantom --out data --cases 6 --size 16 16 16 >/dev/null || fail "phantoms"
training=(--data "$work/data" --seeds 1,2 --folds 2 --epochs 5 --steps-per-epoch 12 --width 2 --batch-size 1 --recency 0 --device cpu)
$CREDENCE_TRAIN cross-validate "${training[@]}" --out whole/cv --threads 1 >/dev/null 2>whole.log || fail "cross-validate in one process"
$CREDENCE_TRAIN fit --data data --out whole/run --folds 2 --epochs 8 --steps-per-epoch 12 --width 2 --batch-size 1 --recency 0 --device cpu --threads 1 >/dev/null 2>&1 || fail "fit in one process"
dotnet "$repository/artifacts/bin/Exporter/$configuration/credence-export.dll" export whole/run --output model.onnx >/dev/null 2>&1 || fail "export"
$CREDENCE_INFER batch data/imagesTr --model model.onnx --output whole/results --samples 2 --any-scan --threads 1 >/dev/null 2>&1 || fail "batch in one process"

echo "-- a cross-validation as an array of two; task 2 is requeued in the middle"
# Slurm lets a requeued job wait for cred_expire, since the node refuses it while it holds the credential of the first start for revoked.
array=$(submit --array=1-2 "$cluster/cross-validate.sbatch" "${training[@]}" --out "$work/cv")
for n in $(seq 300); do
    grep -qs '"validationDice"' cv/seed-1-fold-1/log.jsonl && break
    sleep 0.1
done
scontrol requeue "${array}_2" || fail "requeue"
for n in $(seq 300); do
    grep -qs 'interrupted:' jobs/cross-validate-"${array}"_2.log && break
    sleep 0.1
done
grep -q '^interrupted: .*holds everything after [0-9]* steps' jobs/cross-validate-"${array}"_2.log || fail "SIGTERM of the requeue left no checkpoint"
await_all "$array"
grep -q "^restart 1 of task 2" jobs/cross-validate-"${array}"_2.log || fail "task 2 was not started again"
grep -q "^shard 2/2, from SLURM_ARRAY_TASK_ID=2" jobs/cross-validate-"${array}"_2.log || fail "task 2 took another shard"
rm -f cv/cross-validation.json # the last task wrote it
$CREDENCE_TRAIN merge cv >/dev/null || fail "merge of the cross-validation"
sed "s#$work/##g" whole/cv/cross-validation.json >whole.json
sed "s#$work/##g" cv/cross-validation.json >merged.json
same whole.json merged.json
for run in seed-1-fold-0 seed-1-fold-1 seed-2-fold-0 seed-2-fold-1; do
    timeless whole/cv/$run/log.jsonl >whole.txt
    timeless cv/$run/log.jsonl >merged.txt
    same whole.txt merged.txt
    weights whole/cv/$run/last.safetensors cv/$run/last.safetensors
done

echo "-- a batch as an array of three, of which one task is missing at first"
batch=(data/imagesTr --model model.onnx --output "$work/results" --samples 2 --any-scan)
batch[0]=$work/data/imagesTr batch[2]=$work/model.onnx
array=$(CREDENCE_SHARDS=3 submit --array=1,3 "$cluster/batch.sbatch" "${batch[@]}")
merge=$(CREDENCE_MERGE=$CREDENCE_INFER submit --dependency=afterany:"$array" "$cluster/merge.sbatch" "$work/results")
await "$merge" FAILED COMPLETED
[ "$(exit_code "$merge")" = 7 ] || fail "merge ended with $(exit_code "$merge"), not with 7"
grep -q 'shard 2/3 is missing: it has not begun' jobs/merge-"$merge".log || fail "merge does not name shard 2/3"
array=$(CREDENCE_SHARDS=3 submit --array=2 "$cluster/batch.sbatch" "${batch[@]}")
merge=$(CREDENCE_MERGE=$CREDENCE_INFER submit --dependency=afterany:"$array" "$cluster/merge.sbatch" "$work/results")
await "$merge" FAILED COMPLETED
[ "$(exit_code "$merge")" = 0 ] || fail "merge ended with $(exit_code "$merge")"
sed -i "s#$work/whole#$work#g" whole/results/cases.jsonl
for file in cases.jsonl cases.csv batch.json index.html; do
    timeless whole/results/$file >whole.txt
    timeless results/$file >merged.txt
    same whole.txt merged.txt $file
done
(cd whole/results && find . -name '*.nii.gz') | while read -r map; do cmp "whole/results/$map" "results/$map" || exit 1; done || fail "maps differ"

echo "-- a fit that Slurm stops and requeues"
job=$(CREDENCE_NO_REQUEUE=1 submit "$cluster/fit.sbatch" "$work/run" --data "$work/data" --folds 2 --epochs 8 --steps-per-epoch 12 --width 2 --batch-size 1 --recency 0 --device cpu)
for n in $(seq 300); do
    grep -qs '"validationDice"' run/log.jsonl && break
    sleep 0.1
done
scancel --batch --signal=TERM "$job" || fail "the signal" # what --signal=B:TERM sends before the time limit
await "$job" FAILED COMPLETED CANCELLED
[ "$(exit_code "$job")" = 143 ] || fail "fit ended with $(exit_code "$job"), not with 143"
job=$(submit "$cluster/fit.sbatch" "$work/run")
await "$job" FAILED COMPLETED
[ "$(exit_code "$job")" = 0 ] || fail "the resumed fit ended with $(exit_code "$job")"
timeless whole/run/log.jsonl >whole.txt
timeless run/log.jsonl >merged.txt
same whole.txt merged.txt
weights whole/run/last.safetensors run/last.safetensors
weights whole/run/best.safetensors run/best.safetensors

echo "-- a fit of two tasks that PMIx joins, against one process, and a signal to both"
training=(fit --data "$work/data" --folds 2 --steps-per-epoch 12 --width 2 --batch-size 2 --recency 0 --device cpu --threads 1 --optimiser sgd)
if srun --quiet --ntasks=1 --mpi=pmix true 2>/dev/null; then
    export OMP_NUM_THREADS=1
    $CREDENCE_TRAIN "${training[@]}" --epochs 2 --out whole/pair >/dev/null 2>&1 || fail "fit of a pair in one process"
    srun --ntasks=2 --mpi=pmix $CREDENCE_TRAIN "${training[@]}" --epochs 2 --out pair >pair.txt 2>pair.log || fail "fit of two tasks"
    [ "$(wc -l <pair.txt)" = 1 ] || fail "two tasks print $(wc -l <pair.txt) results"
    /usr/bin/python3 - whole/pair/log.jsonl pair/log.jsonl <<'PYTHON' || fail "two tasks learn something else than one process"
import json, sys
one, two = ([line["loss"] for line in map(json.loads, open(path)) if "loss" in line] for path in sys.argv[1:])
sys.exit(len(one) != 24 or len(two) != 24 or max(abs(a - b) for a, b in zip(one, two)) > 1e-4)
PYTHON
    weights whole/pair/last.safetensors pair/last.safetensors 1e-5
    srun --ntasks=2 --mpi=pmix --job-name=pair $CREDENCE_TRAIN "${training[@]}" --epochs 20 --out stopped >/dev/null 2>stopped.log &
    tasks=$!
    for n in $(seq 300); do
        grep -qs '"validationDice"' stopped/log.jsonl && break
        sleep 0.1
    done
    scancel --signal=TERM --name=pair
    wait $tasks
    code=$?
    [ $code = 143 ] || fail "two tasks ended with $code, not with 143"
    grep -q '^interrupted: .*holds everything after' stopped.log || fail "two tasks left no checkpoint"
    srun --ntasks=2 $CREDENCE_TRAIN "${training[@]}" --epochs 2 --out apart >/dev/null 2>apart.log && fail "tasks that do not know each other train"
    grep -q '2 tasks that srun started without MPI' apart.log || fail "tasks without MPI are not told so"
else
    echo "left out: srun has no PMIx here (Debian packages openmpi-bin and libpmix-dev)"
fi
echo "passed"
