#!/bin/bash
# script/lib/thread_safety.sh finds what touches a guarded member without its
# lock, and takes what has it. It reads the sources' headers, so the script's
# real place tells where they are.
set -euo pipefail

script=$(readlink -f script/lib/thread_safety.sh)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# source_file NAME BODY: a class whose functions have a lock or not.
source_file() {
  cat > "$dir/$1.cc" << END
#include "server/base/mutex.h"

namespace wxident {

class Counter {
 public:
  void Add() { $2 }

 private:
  void AddLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { ++count_; }

  Mutex mutex_;
  CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

void Use(Counter& counter) { counter.Add(); }

}  // namespace wxident
END
}

failed=0
# expect pass|fail NAME BODY
expect() {
  source_file "$2" "$3"
  local got=pass
  "$script" "$dir/$2.cc" > "$dir/out" 2>&1 || got=fail
  if [[ $got != "$1" ]] ||
    { [[ $got == fail ]] && ! grep -q 'thread-safety' "$dir/out"; }; then
    echo "$2: $got, not $1, by thread safety"
    cat "$dir/out"
    failed=1
  fi
}

expect pass locked 'MutexLock lock(mutex_); ++count_;'
expect pass called 'MutexLock lock(mutex_); AddLocked();'
expect pass again \
  'MutexLock lock(mutex_); lock.Unlock(); lock.Lock(); ++count_;'
expect pass waits \
  'MutexLock lock(mutex_); while (count_ == 0) changed_.Wait(mutex_);'
expect fail unlocked '++count_;'
expect fail unlocked_call 'AddLocked();'
expect fail given_up 'MutexLock lock(mutex_); lock.Unlock(); ++count_;'
expect fail waits_without 'changed_.Wait(mutex_);'
expect fail left_locked 'mutex_.Lock(); ++count_;'
exit "$failed"
