# Sourced by script/bootstrap: Debian's security updates of what the project
# needs. It wants say.sh, and as_root and run of the sourcing script.
# shellcheck shell=bash
# shellcheck disable=SC2016  # awk's dollar signs are meant

# These packages and all that they need, as far as they are installed.
needed_packages() {
  apt-cache depends --recurse --installed --no-recommends --no-suggests \
    --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
    sed -n 's/^\([a-z0-9][a-z0-9.+-]*\).*/\1/p' | sort -u
}

# Installed packages for which the security archive has a newer version.
pending_updates() {
  apt-get -q -s -o Debug::NoLocking=true upgrade --with-new-pkgs |
    awk '$1 == "Inst" && $3 ~ /^\[/ && /Debian-Security:/ {print $2}' | sort -u
}

# security_updates STAMP PACKAGE...: brings updates of the packages and of what
# they need, at most once a day by the time of the file STAMP. Nothing is
# missing when it is called, so whatever goes wrong here is a note.
security_updates() {
  local stamp=$1 needed updates
  shift
  if [[ $(find "$stamp" -mmin -1440 2> /dev/null) ]]; then return; fi
  touch "$stamp"
  step "Debian's security updates (asked for once a day; rm $stamp: at once)"
  if [[ $(id -u) -ne 0 ]] && ! command -v sudo > /dev/null; then
    note 'not looked for: that needs root or sudo'
    return
  fi
  # In a shell of its own, which ends where something fails.
  if ! (run 'apt-get update' '/^Err:/ {print "    " $0}' \
    as_root timeout 300 apt-get -q -o Acquire::Retries=1 \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
    update --error-on=any); then
    note 'not looked for: the archive cannot be reached'
    return
  fi
  needed=$(needed_packages "$@") || true
  mapfile -t updates < <(comm -12 <(echo "$needed") <(pending_updates))
  if [[ ${#updates[@]} -eq 0 ]]; then return; fi
  note "${updates[*]}"
  if ! (install_with_apt --only-upgrade "${updates[@]}"); then
    note 'not brought up to date: see above'
  fi
}
