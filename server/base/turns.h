#ifndef WXIDENT_SERVER_BASE_TURNS_H_
#define WXIDENT_SERVER_BASE_TURNS_H_

#include <memory>

#include "absl/functional/any_invocable.h"

namespace wxident {

// The turns of a thread that works in turns, as an event loop's does. What may
// have to wait, for a disk say, is put off to the turn's end: it is done once
// for all that the turn has brought, and while nothing of the turn is half
// done, so that another thread can go on with the turns if it takes too long.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  using Task = absl::AnyInvocable<void() &&>;

  virtual ~Turns() = default;

  // Those of this thread; nullptr: it has none, or they have ended for now.
  static Turns* Current();

  // At the end of this turn runs `work`, which touches nothing that belongs to
  // the turns, then `after` as a part of them. Only for their own thread.
  virtual void AtEnd(Task work, Task after) = 0;

  // The `work` that runs takes too long: another thread takes the turns over,
  // and the `after` has its turn there. Does nothing where no `work` runs, or
  // where nobody could take over. On any thread.
  virtual void Overtake() = 0;

 protected:
  // This thread's turns are `turns` from now on; nullptr: none.
  static void SetCurrent(Turns* turns);
};

}  // namespace wxident

#endif  // WXIDENT_SERVER_BASE_TURNS_H_
