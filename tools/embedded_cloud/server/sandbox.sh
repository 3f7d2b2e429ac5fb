#!/bin/sh
# Lays out the file system that a function sees on Lambda, and becomes the function's runtime.
# Runs as root in new mount, pid, ipc and uts namespaces (see isolation.py).
#
# usage: sandbox.sh ROOT TASK OPT RUNTIME PYTHON TMP_MB command...
set -eu
root=$1 task=$2 opt=$3 runtime=$4 python=$5 tmp_mb=$6
shift 6

echo 0 > "$SANDBOX_CGROUP/cgroup.procs" # 0: the writer itself
unset SANDBOX_CGROUP

read_only() { mkdir -p "$root$2" && mount -o bind,ro,nosuid,nodev "$1" "$root$2"; }

mount -t tmpfs -o mode=755,size=1m tmpfs "$root"
for name in bin sbin lib lib64; do
  if [ -L "/$name" ]; then cp -P "/$name" "$root/$name"; elif [ -d "/$name" ]; then read_only "/$name" "/$name"; fi
done
read_only /usr /usr
read_only /etc /etc
read_only "$task" /var/task
read_only "$opt" /opt
read_only "$runtime" /var/runtime
read_only "$python" /var/lang
mkdir "$root/proc" "$root/dev" "$root/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
for name in null zero random urandom; do # and no /dev/shm, as on Lambda
  : > "$root/dev/$name" && mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "$root/dev/${n#*:}"; done
mount -t tmpfs -o "mode=1777,nosuid,nodev,size=${tmp_mb}m" tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"

# 993 and 990 are the numbers of Lambda's sbx_user1051 and its group. The shell stays as process 1:
# the runtime could not kill itself in that place, and someone has to reap its orphans.
exec "$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)" --userspec=993:990 --groups= "$root" \
  /bin/sh -c 'cd /var/task && "$@"; exit $?' sh "$@"
