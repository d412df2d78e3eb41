#!/bin/sh
# host.sh FOLDER COMMAND...: runs COMMAND as if on a machine of its own: accounts, PAM, journald and rsyslogd that touch
# nothing of this one. To be called by `unshare --mount --uts`, as root. The logs appear in FOLDER/log and FOLDER/journal.
set -e
folder=$1
shift
mount --make-rprivate /
hostname bastion

# /dev with the few devices that sshd needs, so that /dev/log can be our own.
mkdir -p "$folder/dev/pts" "$folder/log" "$folder/journal"
for name in null zero full random urandom tty ptmx; do
  : > "$folder/dev/$name"
  mount --bind "/dev/$name" "$folder/dev/$name"
done
mount --bind /dev/pts "$folder/dev/pts"
mount --rbind "$folder/dev" /dev
ln -sf /run/systemd/journal/dev-log /dev/log

# Accounts: `alice` and `bob` with the password `right`, `gone` whose account is expired, `root` with `right` too.
hash=$(openssl passwd -6 -salt scratch right)
mkdir -p "$folder/home"
{
  grep -vE '^(alice|bob|both|gone):' /etc/passwd
  id=3000
  for user in alice bob both gone; do
    echo "$user:x:$id:$id::$folder/home:/bin/sh"
    id=$((id + 1))
  done
} > "$folder/passwd"
{
  grep -vE '^(root|alice|bob|both|gone):' /etc/shadow
  for user in root alice bob both; do echo "$user:$hash:19000:0:99999:7:::"; done
  echo "gone:$hash:19000:0:99999:7::19001:"
} > "$folder/shadow"
chmod 644 "$folder/passwd"
chmod 640 "$folder/shadow"
printf '%s\n' 'auth required pam_unix.so nodelay' 'account required pam_unix.so' 'session required pam_unix.so' > "$folder/pam"
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/shadow" /etc/shadow
mount --bind "$folder/pam" /etc/pam.d/sshd

mount -t tmpfs none /run
mkdir -p /run/sshd /run/systemd/journal /run/log/journal
mount --bind "$folder/journal" /run/log/journal

# journald gives all to rsyslogd, which writes the same lines in three forms.
if [ -e /etc/systemd/journald.conf ]; then
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=yes\nRateLimitBurst=0\n' > "$folder/journald.conf"
  mount --bind "$folder/journald.conf" /etc/systemd/journald.conf
fi
cat > "$folder/rsyslog.conf" <<EOF
global(localHostname="bastion" workDirectory="$folder")
module(load="imuxsock" SysSock.Name="/run/systemd/journal/syslog" SysSock.RateLimit.Interval="0")
if (\$programname startswith "sshd") then {
  action(type="omfile" file="$folder/log/rfc3164.log" template="RSYSLOG_TraditionalFileFormat")
  action(type="omfile" file="$folder/log/iso.log" template="RSYSLOG_FileFormat")
  action(type="omfile" file="$folder/log/rfc5424.log" template="RSYSLOG_SyslogProtocol23Format")
}
EOF
# daemon NAME COMMAND...: starts it as nobody's child, so that sshd has no children but its own.
daemon() (
  name=$1
  shift
  TZ=UTC "$@" </dev/null >"$folder/$name.out" 2>&1 &
  echo $! > "$folder/$name.pid"
)
# journald drops what it cannot give on at once, and Linux by itself lets ten messages wait at a socket, where systemd has 512. That
# is for a network to say, but it holds for sockets in folders: rsyslogd has a network of its own, with nothing in it.
daemon rsyslogd unshare --net sh -c 'echo 512 > /proc/sys/net/unix/max_dgram_qlen; exec "$@"' sh \
  rsyslogd -n -iNONE -f "$folder/rsyslog.conf"
PATH=$PATH:/lib/systemd:/usr/lib/systemd
daemon journald systemd-journald
for try in $(seq 200); do
  [ -S /run/systemd/journal/syslog ] && [ -S /run/systemd/journal/dev-log ] && break
  sleep 0.05
done
exec "$@"
