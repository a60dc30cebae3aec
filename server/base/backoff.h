#ifndef WXIDENT_SERVER_BASE_BACKOFF_H_
#define WXIDENT_SERVER_BASE_BACKOFF_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace wxident {

// The pauses between attempts that fail: `first`, then twice as long each time,
// up to `longest`.
struct Backoff {
  absl::Duration first;
  absl::Duration longest;

  // Returns the pause after a failure that followed `earlier` others in a row.
  absl::Duration PauseAfter(int earlier) const;
};

// Returns `pause` times a factor between `least` and `most`, so that processes
// that failed together do not try again together. `chance`, between 0 and 1,
// picks the factor.
absl::Duration Jittered(absl::Duration pause, double least, double most,
                        double chance);

// Returns a number between 0 and 1, both included, for Jittered. Thread-safe.
// Whoever knows some can guess the others.
double Chance();

// The same made of random bytes, at most 4: for whoever has its randomness from
// a Random.
double ChanceOf(absl::string_view bytes);

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_BACKOFF_H_
