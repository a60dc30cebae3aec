#include "server/base/turns.h"

namespace wxident {
namespace {

thread_local Turns* current = nullptr;

}  // namespace

Turns* Turns::Current() { return current; }

void Turns::SetCurrent(Turns* turns) { current = turns; }

}  // namespace wxident
