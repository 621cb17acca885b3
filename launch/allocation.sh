# What a batch system granted this job: Slurm's variables, or PBS's $PBS_NODEFILE. Sourced by launch/mpirun.

# read_allocation sets, where a job is found:
#   batch_system      Slurm or PBS; empty outside a job
#   granted_hosts     the number of hosts
#   granted_names     their names; empty where scontrol does not tell them
#   granted_ranks     the ranks over all hosts; empty where not said
#   granted_cpus      the CPUs on the host that has the fewest; empty where not said. Hardware threads of one core may count twice.
#   granted_threads   the CPUs of one rank; empty where not said
#   granted_memory    MiB on a host; empty where not said
#   granted_slots     PBS alone: NAME:RANKS,… as mpirun --host takes it. Under Slurm OpenMPI asks Slurm itself.
read_allocation() {
  batch_system='' granted_hosts=1 granted_names=() granted_ranks='' granted_cpus='' granted_threads='' granted_memory=''
  granted_slots=''
  if [[ -n ${SLURM_JOB_NUM_NODES:-${SLURM_NNODES:-}} ]]; then
    read_slurm
  elif [[ -n ${PBS_NODEFILE:-} ]]; then
    read_pbs
  fi
}

# positive NAME: the number that the variable NAME holds; nothing where it is not set.
positive() {
  local value=${!1:-}
  [[ -z $value || $value =~ ^[1-9][0-9]{0,8}$ ]] || die "$1 is '$value', no number: unset it, or give --hostfile"
  printf '%s' "$value"
}

# per_host NAME: "2(x3),1" as a number a line: 2 2 2 1.
per_host() {
  local value=${!1:-}
  [[ $value =~ ^[0-9]+(\(x[0-9]+\))?(,[0-9]+(\(x[0-9]+\))?)*$ ]] || return 0
  tr , '\n' <<<"$value" | awk -F'[(x)]+' '{ for (i = 0; i < ($2 ? $2 : 1); i++) print $1 }'
}

read_slurm() {
  batch_system=Slurm
  local nodes=SLURM_JOB_NUM_NODES tasks
  [[ -n ${SLURM_JOB_NUM_NODES:-} ]] || nodes=SLURM_NNODES
  granted_hosts=$(positive "$nodes") || exit 1
  if [[ -n ${SLURM_JOB_NODELIST:-} ]] && command -v scontrol >/dev/null; then
    mapfile -t granted_names < <(scontrol show hostnames "$SLURM_JOB_NODELIST" 2>/dev/null)
  fi
  granted_ranks=$(positive SLURM_NTASKS) || exit 1
  tasks=$(positive SLURM_NTASKS_PER_NODE) || exit 1
  if [[ -z $granted_ranks && -n $tasks ]]; then granted_ranks=$((tasks * granted_hosts)); fi
  if [[ -z $granted_ranks ]]; then granted_ranks=$(per_host SLURM_TASKS_PER_NODE | awk '{ sum += $1 } END { if (NR) print sum }'); fi
  granted_threads=$(positive SLURM_CPUS_PER_TASK) || exit 1
  # All of a host that is had alone, which may be more than tasks × CPUs.
  granted_cpus=$(per_host SLURM_JOB_CPUS_PER_NODE | sort -n | head -n 1)
  if [[ -z $granted_cpus && -n $granted_threads && -n $granted_ranks ]]; then
    granted_cpus=$(((granted_ranks + granted_hosts - 1) / granted_hosts * granted_threads))
  fi
  # Zero is all memory of the host.
  if [[ ${SLURM_MEM_PER_NODE:-0} =~ ^[1-9][0-9]*$ ]]; then
    granted_memory=$SLURM_MEM_PER_NODE
  elif [[ ${SLURM_MEM_PER_CPU:-0} =~ ^[1-9][0-9]*$ && -n $granted_cpus ]]; then
    granted_memory=$((SLURM_MEM_PER_CPU * granted_cpus))
  fi
}

# A line of the file is a rank (select=…:mpiprocs=…; Torque: ppn=…).
read_pbs() {
  [[ -r $PBS_NODEFILE ]] || die "PBS_NODEFILE is $PBS_NODEFILE, which cannot be read: unset it, or give --hostfile"
  batch_system=PBS
  mapfile -t granted_names < <(awk 'NF && !($1 in seen) { seen[$1] = 1; print $1 }' "$PBS_NODEFILE")
  granted_hosts=${#granted_names[@]}
  ((granted_hosts > 0)) || die "PBS_NODEFILE names no host: $PBS_NODEFILE"
  granted_ranks=$(awk 'NF' "$PBS_NODEFILE" | wc -l)
  granted_slots=$(awk 'NF { if (!($1 in count)) order[++hosts] = $1; count[$1]++ }
    END { for (i = 1; i <= hosts; i++) printf "%s%s:%d", (i > 1 ? "," : ""), order[i], count[order[i]] }' "$PBS_NODEFILE")
  granted_cpus=$(positive PBS_NUM_PPN) || exit 1
}

# The variables that a grant came from, for a line that contradicts it.
tell_grant() {
  local name told=()
  for name in SLURM_JOB_CPUS_PER_NODE SLURM_NTASKS SLURM_NTASKS_PER_NODE SLURM_CPUS_PER_TASK PBS_NUM_PPN; do
    [[ -z ${!name:-} ]] || told+=("$name=${!name}")
  done
  printf '%s' "${told[*]:-PBS_NODEFILE}"
}
