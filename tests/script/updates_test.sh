#!/bin/bash
# script/lib/updates.sh with an apt of our own, which has two updates that are
# needed, one that nobody needs, and one that is not of the security archive.
set -euo pipefail

root=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir bin

cat > bin/apt-cache << 'END'
#!/usr/bin/env bash
cat << 'LIST'
libssl-dev
  Depends: libssl3
libssl3
  Depends: <debconf-2.0>
<debconf-2.0>
libpq5
chromium
LIST
END
cat > bin/apt-get << 'END'
#!/usr/bin/env bash
echo "apt-get $*" >> calls
case "$*" in
  *' -s '*)
    cat << 'LIST'
Inst libssl3 [3.0.19] (3.0.22 Debian-Security:12/oldstable-security [amd64])
Inst libpq5 [15.18] (15.20 Debian:12/oldstable, Debian-Security:12/oldstable-security [amd64]) []
Inst chromium [1] (2 Debian:12.15/oldstable [amd64])
Inst unneeded [1] (2 Debian-Security:12/oldstable-security [amd64])
Inst libssl-dev (3.0.22 Debian-Security:12/oldstable-security [amd64])
Conf libssl3 (3.0.22 Debian-Security:12/oldstable-security [amd64])
LIST
    ;;
  *update*) [[ ! -e offline ]] ;;
esac
END
chmod +x bin/apt-cache bin/apt-get
# No other program is found, sudo least of all.
for program in awk bash cat comm env find grep rm sed sort timeout touch; do
  ln -s "$(type -P "$program")" bin/
done
PATH=$dir/bin

# What script/bootstrap gives it.
as_root() { "$@"; }
run() {
  shift 2
  "$@" > /dev/null || exit 1
}
install_with_apt() {
  echo "install $*" >> calls
  [[ ! -e broken ]] || exit 1
}
id() { echo "${user:-0}"; }
# shellcheck source=script/lib/say.sh
source "$root/script/lib/say.sh"
# shellcheck source=script/lib/updates.sh
source "$root/script/lib/updates.sh"

# One look; its calls and what it says are in files.
ask() {
  : > calls
  security_updates "$dir/stamp" libssl-dev libpq5 2> said
}
fail() {
  printf '%s\n' "$*" >&2
  cat calls said >&2
  exit 1
}

ask || fail 'the first look fails'
grep -q '^apt-get .* update' calls || fail 'the lists are not renewed'
grep -qx 'install --only-upgrade libpq5 libssl3' calls ||
  fail 'the wrong packages are upgraded'

ask || fail 'the second look fails'
[[ ! -s calls ]] || fail 'a second look within a day asks again'

touch -d '25 hours ago' stamp
ask || fail 'the look of the next day fails'
grep -q '^install' calls || fail 'the next day brings nothing'

rm stamp
touch broken
ask || fail 'an upgrade that fails ends it'
grep -q 'not brought up to date' said || fail 'a failed upgrade is not told'

rm stamp broken
touch offline
ask || fail 'no network ends it'
grep -q 'cannot be reached' said || fail 'no network is not told'
if grep -q '^install' calls; then fail 'without lists something is installed'; fi

rm stamp offline
user=1000
ask || fail 'a user without sudo ends it'
grep -q 'root or sudo' said || fail 'a user without sudo is not told'
[[ ! -s calls ]] || fail 'a user without sudo runs apt-get'
echo 'updates_test: good'
